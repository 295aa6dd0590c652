"""A run that somebody's own script logs. After `init` nothing here raises: what goes wrong is said once on stderr."""

from __future__ import annotations

import atexit
import os
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

from runyard.core import usage
from runyard.core.energy import EnergyMeter
from runyard.core.journal import Journal, RunJournal
from runyard.core.paths import Yard

if TYPE_CHECKING:
    from runyard.store.ingest import Ticker

Status = Literal["completed", "failed", "cancelled"]

EPOCH_COLUMNS = frozenset(
    (
        *("step", "train_loss", "val_loss", "val_metric", "epoch_seconds", "learning_rate", "gradient_norm"),
        *("samples", "tokens", "memory_gb", "gpu_utilization", "cpu_utilization"),
    )
)
_WHOLE = frozenset(("step", "samples", "tokens"))
_TICK_SECONDS = 1.0
_TICKS_BEFORE_DUCKDB = 2
_USAGE_SECONDS = 5.0


class Run:
    """A run that somebody's own script logs; made by `init`."""

    def __init__(self, pen: RunJournal, yard: Yard, *, name: str, monitor: str) -> None:
        self.id = UUID(pen.run_id)
        self.name = name
        self.yard = yard
        self._pen = pen
        self._monitor = monitor
        self._step = 0
        self._shift: int | None = None
        self._closed = False
        self._owner = os.getpid()
        self._warned: set[str] = set()
        self._epoch_started = time.monotonic()
        self._meter, self._energy = usage.CpuMeter(), EnergyMeter()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._tick, name="runyard", daemon=True)
        self._uncaught: BaseException | None = None

    def __repr__(self) -> str:
        return f"<run {self.name}, {'ended' if self._closed else 'open'}, {self.id}>"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        """Show the run in a notebook: status, best epoch and loss curves so far."""
        from runyard.notebook import bundle

        return bundle(self.yard.home, self.id)

    @property
    def has_ended(self) -> bool:
        """Whether `finish` was called, by somebody or by the end of the script."""
        return self._closed

    @property
    def should_stop(self) -> bool:
        """Whether somebody asked this run to stop, on a page or by `runyard cancel`."""
        return self.yard.run(self.id).cancel.exists()

    def log(self, values: Mapping[str, Any], step: int | None = None, epoch: float | None = None) -> None:
        """Log some numbers at one optimizer step (1-based; without one, the next). Never raises.

        Numbers may be Python's, numpy's or torch's scalars; nested dicts become names with a slash. Steps may come in
        any order. Whatever is no number is left out, with one word on stderr.
        """
        try:
            if step is None:
                step = self._step + 1
            elif type(step) is not int:
                step = int(step)  # a numpy or torch scalar, a whole float
            if step > self._step:
                self._step = step
            for value in values.values():
                kind = type(value)
                if kind is not float and kind is not int:
                    values = dict(self._numbers(values))
                    break
            if values and self._is_open():
                self._pen.metrics(step, values, epoch)
        except Exception as error:  # noqa: BLE001 - logging must never end a training
            self._warn("log", error)

    def log_epoch(self, epoch: int, /, **values: Any) -> None:
        """Log a finished epoch. Never raises.

        Known names (`train_loss`, `val_loss`, `learning_rate`, `gradient_norm`, `samples`, `tokens` …) become columns
        of `training_epochs`, any other number a metric. A caller who counts from 0 is shifted by his first call.
        """
        try:
            if self._shift is None:
                self._shift = max(0, 1 - int(epoch))
            numbers = dict(self._numbers(values))
            columns = {name: numbers.pop(name) for name in list(numbers) if name in EPOCH_COLUMNS}
            columns.update({name: int(columns[name]) for name in _WHOLE & columns.keys()})
            if self._monitor != "val_loss" and self._monitor in numbers | columns:
                columns.setdefault("val_metric", (numbers | columns)[self._monitor])
            if self._step:
                columns.setdefault("step", self._step)
            now = time.monotonic()
            columns.setdefault("epoch_seconds", now - self._epoch_started)
            self._epoch_started = now
            if self._is_open():
                self._pen.epoch(int(epoch) + self._shift, metrics=numbers, **columns)
        except Exception as error:  # noqa: BLE001 - as above
            self._warn("log_epoch", error)

    def define_metric(self, name: str, *, goal: str | None = None, unit: str | None = None) -> None:
        """Say which values of a metric are good, and its unit. Never raises.

        The view `metric_summary` then knows its best value.

        Args:
            name: of one metric, or of several by a pattern such as `val/*`.
            goal: `min` or `max`.
        """
        try:
            if not isinstance(name, str) or not name.strip():
                raise TypeError(f"{name!r} is no name of a metric; nothing was defined")
            if goal not in (None, "min", "max"):
                raise ValueError(f"{goal!r} is no goal of {name!r}: it is min or max; nothing was defined")
            if self._is_open():
                self._pen.emit("metric", name=name, goal=goal, unit=None if unit is None else str(unit))
        except Exception as error:  # noqa: BLE001 - as above
            self._warn(f"define {name}", error)

    def finish(self, status: Status = "completed", *, error: BaseException | None = None) -> None:
        """End the run; does nothing the second time, nor in a forked child, whose parent goes on. Never raises."""
        if self._closed or os.getpid() != self._owner:
            return
        self._closed = True
        atexit.unregister(self._at_exit)
        try:
            self._energy.look()
            self._pen.emit(
                "ended",
                status=status,
                steps=self._step or None,
                cpu_seconds=usage.cpu_seconds(),
                memory_peak_gb=usage.memory_peak_gb(),
                energy_kwh=self._energy.kwh,
                energy_meters=self._energy.meters,
                **_described(error),
            )
            self._pen.journal.close()
        except Exception as problem:  # noqa: BLE001 - as above
            self._warn("finish", problem)
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(30.0)

    def begin(self) -> None:
        """Start the thread behind the run and close the run with the script, as failed if that ends by an exception."""
        self._thread.start()
        atexit.register(self._at_exit)
        before = sys.excepthook

        def remember(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
            self._uncaught = error
            before(kind, error, trace)

        sys.excepthook = remember

    def continue_in_child(self) -> None:
        """Give a forked child a journal of its own, so that one file stays one process's."""
        self._pen.journal = Journal(self.yard.run(self.id).journal(self._pen.attempt))
        atexit.unregister(self._at_exit)

    def __enter__(self) -> Run:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end_with(error)

    def _at_exit(self) -> None:
        self._end_with(self._uncaught)

    def _end_with(self, error: BaseException | None) -> None:
        if error is None or (isinstance(error, SystemExit) and not error.code):
            self.finish()
        else:
            self.finish("cancelled" if isinstance(error, KeyboardInterrupt) else "failed", error=error)

    def _is_open(self) -> bool:
        if self._closed:
            self._warn("closed", RuntimeError("the run is finished; this and later values are not logged"))
        return not self._closed

    def _numbers(self, values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, float]]:
        for name, value in values.items():
            full = f"{prefix}{name}"
            if isinstance(value, Mapping):
                yield from self._numbers(value, f"{full}/")
                continue
            number = _number(value)
            if number is None:
                self._warn(full, TypeError(f"{full!r} is no number ({type(value).__name__}) and was left out"))
            else:
                yield full, number

    def _warn(self, topic: str, error: Exception) -> None:
        if topic not in self._warned:
            self._warned.add(topic)
            with suppress(Exception):  # a closed stderr, an error that cannot be told: no reason to end a training
                print(f"runyard: {error} (said once)", file=sys.stderr)

    def _tick(self) -> None:
        """Sync the journal every second, sample the process, and from the second tick on let DuckDB ingest."""
        ticker, ticks, sampled = None, 0, time.monotonic()
        while not self._stopping.wait(_TICK_SECONDS):
            try:
                self._pen.journal.sync()
                if time.monotonic() - sampled >= _USAGE_SECONDS:
                    sampled = time.monotonic()
                    self._energy.look()
                    self._pen.metrics(max(1, self._step), usage.system_metrics(self._meter))
            except (OSError, ValueError) as error:
                self._warn("background", error)
            ticks += 1
            if ticks == _TICKS_BEFORE_DUCKDB:
                ticker = self._start_ticker()
        if ticks < _TICKS_BEFORE_DUCKDB:
            ticker = self._start_ticker()
        if ticker is not None:
            ticker.stop(wait_seconds=25.0)

    def _start_ticker(self) -> Ticker | None:
        """Start ingesting; where DuckDB cannot be loaded the journal is kept, and whoever looks next ingests it."""
        try:
            from runyard.store.ingest import Ticker

            ticker = Ticker(self.yard)
            ticker.start()
            return ticker
        except Exception as error:  # noqa: BLE001 - as above
            self._warn("ingest", error)
            return None


def _number(value: Any) -> float | None:
    if isinstance(value, bool | int | float):
        return int(value) if isinstance(value, bool) else value
    try:
        if getattr(value, "size", 1) not in (1, None) and not callable(value.size):
            return None
        item = value.item()
    except (AttributeError, ValueError, RuntimeError, TypeError):
        return None
    return _number(item) if isinstance(item, bool | int | float) else None


def _described(error: BaseException | None) -> dict[str, Any]:
    if error is None:
        return {}
    import traceback

    kind = "cancelled" if isinstance(error, KeyboardInterrupt) else "exception"
    details = "".join(traceback.format_exception(error))
    return {"error_kind": kind, "error_message": f"{type(error).__name__}: {error}", "error_details": details}
