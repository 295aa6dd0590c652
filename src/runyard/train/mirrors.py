"""Mirrors: other trackers that hear every event which the journal of a run has, each in a thread of its own.

A mirror that is slow, is not installed or raises holds up nothing: it is dropped with a word, and the run goes on.
"""

import queue
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from runyard.config.run import RunConfig
from runyard.core.journal import Journal
from runyard.core.paths import RunFolder, Yard
from runyard.train.patience import PatientJournal

Event = Mapping[str, Any]
Complain = Callable[[str, str], None]
LAST_SECONDS = 30.0
_MOST_WAITING, _MOST_AT_ONCE = 20_000, 500
_NO_VALUES = frozenset(("k", "run", "at", "attempt", "step", "epoch", "metrics", "samples", "tokens"))


class Mirror(Protocol):
    """Somebody else's tracker; all its methods are called in one thread."""

    def log(self, events: Sequence[Event]) -> None:
        """Take in some events, in their order."""
        ...

    def close(self) -> None:
        """Write what is left."""
        ...


class MirroredJournal(PatientJournal):
    """A journal whose events some mirrors hear of once they are written."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._threads: list[MirrorThread] = []

    def add(self, name: str, make: Callable[[], Mirror], complain: Complain) -> None:
        """Let a mirror hear from now on; `complain` is called with what happened and what to do, if it is dropped."""
        self._threads.append(MirrorThread(name, make, complain))

    def write(self, event: Event) -> None:
        super().write(event)
        for thread in self._threads:
            thread.hear(event)

    def close(self) -> None:
        for thread in self._threads:
            thread.stop()
        self._threads = []
        super().close()


class MirrorThread:
    """The thread of one mirror, which is made in it: what it imports may take seconds."""

    def __init__(self, name: str, make: Callable[[], Mirror], complain: Complain) -> None:
        self._name, self._make, self._complain = name, make, complain
        self._waiting: queue.Queue[Event | None] = queue.Queue(_MOST_WAITING)
        self._dropped = False
        self._thread = threading.Thread(target=self._run, name=f"runyard-{name}", daemon=True)
        self._thread.start()

    def hear(self, event: Event) -> None:
        """Hand on an event; returns at once."""
        if self._dropped:
            return
        try:
            self._waiting.put_nowait(event)
        except queue.Full:
            self._drop(f"{self._name} does not keep up with the run, which goes on without it.", "")

    def stop(self) -> None:
        """Let the mirror take in what waits and close; returns when it has, or after half a minute."""
        if not self._dropped:
            with suppress(queue.Full):
                self._waiting.put_nowait(None)
        self._thread.join(0.0 if self._dropped else LAST_SECONDS)
        if self._thread.is_alive() and not self._dropped:
            self._drop(f"{self._name} did not finish in {LAST_SECONDS:g} s: what it has may be cut off.", "")

    def _drop(self, message: str, hint: str) -> None:
        self._dropped = True
        with suppress(OSError):  # the journal is closed already
            self._complain(message, hint)

    def _run(self) -> None:
        try:
            mirror = self._make()
            for events in self._batches():
                mirror.log(events)
            mirror.close()
        except ImportError as error:
            what = f"{self._name} is not installed ({error}); the run goes on without it."
            self._drop(what, "Install it, or switch it off in `monitoring`.")
        except Exception as error:  # noqa: BLE001 - whatever a tracker does, the run is none of its business
            said = f"{type(error).__name__}: {error}".splitlines()[0][:500]
            self._drop(f"{self._name} failed; the run goes on without it. {said}", "")

    def _batches(self) -> Iterator[list[Event]]:
        ended = False
        while not ended and not self._dropped:
            found = [self._waiting.get()]
            while len(found) < _MOST_AT_ONCE and not self._waiting.empty():
                found.append(self._waiting.get())
            ended = None in found
            if events := [event for event in found if event is not None]:
                yield events


def values_of(event: Event) -> dict[str, float]:
    """Return the numbers of an event by the names of their metrics; an epoch's own columns are among them."""
    found = {metric["name"]: metric["value"] for metric in event.get("metrics") or ()}
    if event["k"] == "epoch":
        found |= {name: event[name] for name in event if name not in _NO_VALUES}
    return {name: float(value) for name, value in found.items() if isinstance(value, int | float)}


def add_mirrors(
    journal: Journal, config: RunConfig, folder: RunFolder, yard: Yard, attempt: int, complain: Complain
) -> None:
    """Let the mirrors of a configuration hear what is written to a journal."""
    if not isinstance(journal, MirroredJournal):
        return
    if config.monitoring.tensorboard_logging:
        from runyard.train.mirror_tensorboard import TensorBoard

        journal.add("TensorBoard", lambda: TensorBoard(folder.path / "tensorboard", config, attempt), complain)
    if config.monitoring.mlflow_logging:
        from runyard.train.mirror_mlflow import MLflow

        journal.add("MLflow", lambda: MLflow(f"sqlite:///{yard.home}/mlflow.db", config, folder.path.name), complain)
    if config.monitoring.wandb_logging:
        from runyard.train.mirror_wandb import WeightsAndBiases

        journal.add("W&B", lambda: WeightsAndBiases(folder.path, config), complain)
