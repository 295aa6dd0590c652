"""Following runs until they end: a bar each on a terminal, a line per epoch elsewhere, both from the store's tables."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any, Protocol
from uuid import UUID

from runyard.cli.output import cell_text, plain, say, stderr_console
from runyard.core.errors import Unavailable

if TYPE_CHECKING:
    from rich.progress import TaskID

    from runyard.runtime import Runtime

Row = Mapping[str, Any]
ENDED = ("completed", "failed", "cancelled")
_POLL_SECONDS = 0.5


class View(Protocol):
    """What shows how far runs have come."""

    def show(self, row: Row) -> None: ...


def follow(
    rt: Runtime, run_ids: Sequence[UUID], *, is_over: Callable[[], bool], on_look: Callable[[], None] = lambda: None
) -> Sequence[Row]:
    """Show the progress of runs until all have ended or `is_over` says so; returns their last rows.

    Args:
        on_look: what else is due at each look, such as starting queued runs.

    Raises:
        KeyboardInterrupt: on Ctrl-C, between two looks.
    """
    from runyard.queries import progress

    query = progress.of_runs(run_ids)
    rows: list[dict[str, Any]] = []
    with _view() as view, _interrupts_noted() as interrupted:
        while True:
            over = is_over()  # before the look, so that the last look sees the end
            with suppress(Unavailable):  # somebody holds the store: the next look will tell
                rt.store.watch()
                on_look()
                rt.store.ingest(verb="follow", wait_seconds=1.0 if over else 0.0)
                rows = query.live(rt).to_dicts()
                for row in rows:
                    view.show(row)
            if interrupted():
                raise KeyboardInterrupt
            if over or (rows and all(row["status"] in ENDED for row in rows)):
                return rows
            time.sleep(_POLL_SECONDS)


@contextmanager
def _interrupts_noted() -> Iterator[Callable[[], bool]]:
    """Note a Ctrl-C instead of raising: amid a statement, DuckDB would make an error of its own of it."""
    seen: list[int] = []

    def note(number: int, _: FrameType | None) -> None:
        seen.append(number)

    before = signal.signal(signal.SIGINT, note)
    try:
        yield lambda: bool(seen)
    finally:
        signal.signal(signal.SIGINT, before)


def done_of_planned(row: Row) -> tuple[float, float | None]:
    """Return what is done and what was planned: steps where they are known, else epochs; None is not known yet."""
    if row["total_steps"] and row["completed_steps"] is not None:
        return min(row["completed_steps"], row["total_steps"]), row["total_steps"]
    if row["total_epochs"]:
        return row["completed_epochs"] or 0, row["total_epochs"]
    return 0, None


def _view() -> AbstractContextManager[View]:
    return _Bars() if stderr_console().is_terminal else _Lines()


class _Lines:
    """One line on stderr for each epoch and each change of state: for logs and pipes."""

    def __init__(self) -> None:
        self._said: dict[UUID, tuple[str, int]] = {}

    def __enter__(self) -> _Lines:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def show(self, row: Row) -> None:
        state = (row["status"], row["completed_epochs"] or 0)
        if self._said.get(row["id"]) != state:
            self._said[row["id"]] = state
            say(f"{row['name']}: {row['status']}, epoch {state[1]}/{cell_text(row['total_epochs'])}{_losses(row)}")


class _Bars:
    """A bar per run on stderr. A run that stopped early ends short of its plan, and the bar says so."""

    def __init__(self) -> None:
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

        self._tasks: dict[UUID, TaskID] = {}
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[state]}"),
            TimeElapsedColumn(),
            console=stderr_console(),
        )

    def __enter__(self) -> _Bars:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def show(self, row: Row) -> None:
        task = self._tasks.get(row["id"])
        if task is None:
            task = self._progress.add_task(_markup_free(row["name"]), total=None, state="", start=False)
            self._tasks[row["id"]] = task
        if row["status"] != "queued" and self._progress.tasks[task].start_time is None:
            self._progress.start_task(task)
        done, planned = done_of_planned(row)
        epochs = f"epoch {row['completed_epochs'] or 0}/{cell_text(row['total_epochs'])}"
        state = _markup_free(f"{row['status']} {epochs}{_losses(row)}")
        self._progress.update(task, completed=done, total=planned, state=state)
        if row["status"] in ENDED:
            self._progress.stop_task(task)


def _losses(row: Row) -> str:
    pairs = (("train", row["final_training_loss"]), ("val", row["final_validation_loss"]))
    known = [f"{name} {value:.4g}" for name, value in pairs if value is not None]
    return ", loss " + ", ".join(known) if known else ""


def _markup_free(text: object) -> str:
    from rich.markup import escape

    return escape(plain(text or "unnamed"))
