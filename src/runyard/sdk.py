"""The SDK's half that sits in somebody's training loop: init, log, log_epoch, finish.

`init` may raise; after it nothing here does: what goes wrong is said once on stderr, and training goes on.
"""

from __future__ import annotations

import atexit
import json
import os
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

from runyard.core import usage
from runyard.core.errors import Conflict, Invalid, Problem, Unavailable
from runyard.core.ids import new_id
from runyard.core.journal import Journal, RunJournal
from runyard.core.paths import Yard
from runyard.core.settings import Settings

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
_ALIASES = {
    "lr": "learning_rate",
    "max_epochs": "epochs",
    "num_epochs": "epochs",
    "gradient_accumulation_steps": "gradient_accumulation",
    "patience": "early_stopping_patience",
}
_TICK_SECONDS = 1.0
_TICKS_BEFORE_DUCKDB = 2
_USAGE_SECONDS = 5.0

_current: Run | None = None


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
        self._meter = usage.CpuMeter()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._tick, name="runyard", daemon=True)
        self._uncaught: BaseException | None = None

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

    def finish(self, status: Status = "completed", *, error: BaseException | None = None) -> None:
        """End the run; does nothing the second time, nor in a forked child, whose parent goes on. Never raises."""
        global _current
        if self._closed or os.getpid() != self._owner:
            return
        self._closed = True
        atexit.unregister(self._at_exit)
        if _current is self:
            _current = None
        try:
            self._pen.emit(
                "ended",
                status=status,
                steps=self._step or None,
                cpu_seconds=usage.cpu_seconds(),
                memory_peak_gb=usage.memory_peak_gb(),
                **_described(error),
            )
            self._pen.journal.close()
        except Exception as problem:  # noqa: BLE001 - as above
            self._warn("finish", problem)
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(30.0)

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


def init(
    *,
    agent: str = "default",
    name: str | None = None,
    config: Mapping[str, Any] | None = None,
    workspace: str = "default",
    tags: tuple[str, ...] | list[str] = (),
    training_type: str = "from_scratch",
    monitor: str = "val_loss",
    mode: Literal["min", "max"] = "min",
    home: str | Path | None = None,
) -> Run:
    """Start a run in the yard (`home`, `RUNYARD_HOME` or ./yard) and make it the current one; no server is needed.

    Use it in a `with`: a script that leaves by `sys.exit(1)` fails its run there. Outside one only an exception is
    seen at the end of the process, never its exit code: the run counts as completed unless `finish("failed")` is said.

    Args:
        agent: what is trained; runs of one agent are its history.
        config: hyperparameters, flat or nested; `seed` and `epochs` among them are understood.
        monitor: the metric that decides which epoch is best, with `mode` min or max.

    Raises:
        Conflict: a run is open already in this process.
        Invalid: a value cannot be used, or the config has no JSON form.
        Unavailable: the yard cannot be written.
    """
    global _current
    if _current is not None:
        raise Conflict(f"Run {_current.name} is still open.", hint="Call runyard.finish() first.")
    if mode not in ("min", "max"):
        raise Invalid("init() cannot use this.", problems=[Problem("mode", f"{mode!r} is not a mode", ("min", "max"))])
    settings = Settings.from_env(home)
    hyperparameters = {_ALIASES.get(key, key): value for key, value in (config or {}).items()}
    seed = hyperparameters.pop("seed", None)
    run_id = new_id()
    name = name or f"{agent}-{str(run_id)[-6:]}"
    yard = Yard(settings.home)
    stored = _config(hyperparameters, agent, workspace, training_type, monitor, mode, seed)
    try:
        yard.create()
        yard.run(run_id).path.mkdir()
        pen = RunJournal(Journal(yard.run(run_id).journal(1)), run_id)
        _begin(pen, stored, name=name, tags=list(tags), seed=seed)
    except OSError as error:
        raise Unavailable(
            f"The yard at {yard.home} cannot be written: {error.strerror}.",
            hint="Choose another with home= or RUNYARD_HOME, or mend its owner, mode or disk.",
        ) from error
    run = _current = Run(pen, yard, name=name, monitor=monitor)
    run._thread.start()
    atexit.register(run._at_exit)
    _watch_for_uncaught(run)
    return run


def log(values: Mapping[str, Any], step: int | None = None, epoch: float | None = None) -> None:
    """Log numbers to the current run; without one, says so once and does nothing."""
    if _current is not None:
        _current.log(values, step, epoch)
    else:
        _say_no_run("log")


def log_epoch(epoch: int, /, **values: Any) -> None:
    """Log a finished epoch to the current run; without one, says so once and does nothing."""
    if _current is not None:
        _current.log_epoch(epoch, **values)
    else:
        _say_no_run("log_epoch")


def finish(status: Status = "completed") -> None:
    """End the current run, if there is one."""
    if _current is not None:
        _current.finish(status)


def _config(
    hyperparameters: dict[str, Any], agent: str, workspace: str, training_type: str, monitor: str, mode: str, seed: Any
) -> dict[str, Any]:
    config = {
        "agent": agent,
        "workspace": workspace,
        "training_type": training_type,
        "hyperparameters": hyperparameters,
        "optimization": {"early_stopping": {"enabled": False, "monitor": monitor, "mode": mode}},
    }
    if seed is not None:
        config["seed"] = seed
    try:
        loaded: dict[str, Any] = json.loads(json.dumps(config, default=_plain))
    except (TypeError, ValueError) as error:
        raise Invalid("The config has no JSON form.", problems=[Problem("config", str(error))]) from error
    return loaded


def _begin(pen: RunJournal, config: dict[str, Any], *, name: str, tags: list[str], seed: Any) -> None:
    from runyard.core import provenance  # importlib.metadata and git: only once a run begins

    without_seed = {key: value for key, value in config.items() if key != "seed"}
    pen.emit(
        "queued",
        kind="train",
        name=name,
        agent=config["agent"],
        workspace=config["workspace"],
        tags=tags,
        config=config,
        digest=_sha256(config),
        group=_sha256(without_seed),
        seed=seed if isinstance(seed, int) else None,
        launched_by="sdk",
    )
    pen.emit(
        "started",
        device=os.environ.get("RUNYARD_DEVICE", "cpu"),
        accelerators=1,
        git=provenance.git_state(Path.cwd()),
        **provenance.process(),
    )


def _sha256(config: dict[str, Any]) -> str:
    import hashlib

    return hashlib.sha256(json.dumps(config, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else str(value)


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


def _watch_for_uncaught(run: Run) -> None:
    before = sys.excepthook

    def remember(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        run._uncaught = error
        before(kind, error, trace)

    sys.excepthook = remember


_said: set[str] = set()


def _say_no_run(verb: str) -> None:
    if verb not in _said:
        _said.add(verb)
        with suppress(Exception):
            print(f"runyard: {verb}() without a run; call runyard.init() first (said once)", file=sys.stderr)


def _after_fork() -> None:
    """Give a forked child a journal of its own, so that one file stays one process's."""
    if _current is not None:
        pen = _current._pen
        pen.journal = Journal(_current.yard.run(_current.id).journal(pen.attempt))
        atexit.unregister(_current._at_exit)


os.register_at_fork(after_in_child=_after_fork)
