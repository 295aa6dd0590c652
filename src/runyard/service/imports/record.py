"""The writer of imports: what is new in a source becomes events in a journal of its own.

The journals that are there say what is not new, so that an import killed in the middle, or done again, adds nothing
twice. The journal appears under its name when it is whole.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

from runyard.core.errors import Unavailable
from runyard.core.journal import encode
from runyard.core.paths import Yard
from runyard.service.imports.alike import told_apart
from runyard.service.imports.epochs import Derived, Epoch, derive
from runyard.service.imports.known import Event, Known, known_of, loss_columns, new_points
from runyard.service.imports.source import END_OF_TIME_SECONDS, Columns, Point, Run, Source

_NAMESPACE = UUID("6c0a3b5e-7c52-5d0e-9f0c-3f2a1d4b8e60")
_END_OF_TIME_US = END_OF_TIME_SECONDS * 1_000_000
_WHEN_LOST = "A later file of the source goes on from an earlier step."


@dataclass(frozen=True)
class Imported:
    """What an import did, or would do, with one run; `state` is new, grown or known."""

    id: UUID
    name: str
    state: str
    epochs: int
    metrics: int
    skipped: int
    names: Mapping[str, str]
    notes: tuple[str, ...]
    damages: tuple[str, ...]


@dataclass(frozen=True)
class Plan:
    """The events that would be written, and what they say of each run."""

    events: tuple[Event, ...]
    runs: tuple[Imported, ...]
    digest: str


def run_id(kind: str, source_id: str) -> UUID:
    """Return the id of an imported run: the same wherever it is imported."""
    return uuid5(_NAMESPACE, f"{kind}\n{source_id}")


def plan(yard: Yard, kind: str, source: Source, columns: Columns, *, agent: str | None, workspace: str | None) -> Plan:
    """Return what an import has to write: what no import journal of the yard has yet."""
    known = known_of(yard, kind, {run.source_id for run in source.runs})
    events: list[Event] = []
    runs: list[Imported] = []
    for run in told_apart(source.runs, known):
        id_, before = run_id(kind, run.source_id), known.get(run.source_id, Known())
        derived = derive(run.points, Columns({**run.losses, **columns.named}))
        written = list(_events(kind, id_, run, derived, before, agent=agent, workspace=workspace))
        events += written
        runs.append(_imported(id_, run, derived, before, written))
    # The damage and the times of files are no part of it: they do not make a source another one.
    digest = hashlib.sha256(b"".join(encode(event) for event in events)).hexdigest()[:24]
    return Plan(tuple(events), tuple(runs), digest)


def write(yard: Yard, planned: Plan) -> Path | None:
    """Write the journal of an import, whole or not at all; returns it, or None when there is nothing to write.

    Raises:
        Unavailable: the yard cannot be written.
    """
    if not planned.events:
        return None
    path = yard.events / f"import-{planned.digest}.jsonl"
    if path.exists() or path.with_name(path.name + ".zst").exists():
        return None
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    try:
        for stale in yard.events.glob("import-*.[0-9]*.tmp"):  # of an import that was killed: the caller holds the lock
            stale.unlink(missing_ok=True)
        with temporary.open("wb") as file:
            file.writelines(encode(event) for event in planned.events)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise Unavailable(
            f"The yard at {yard.home} cannot be written: {error.strerror}.", hint="Free some space, then import again."
        ) from error
    return path


def _imported(id_: UUID, run: Run, derived: Derived, before: Known, events: Sequence[Event]) -> Imported:
    state = "known" if not events else "grown" if before.head else "new"
    epochs = sum(event["k"] == "epoch" for event in events)
    metrics = sum(len(event["metrics"]) for event in events if event["k"] == "metrics")
    notes = (*run.notes, *derived.notes)
    return Imported(id_, run.name, state, epochs, metrics, run.skipped, derived.names, notes, run.damages)


def _events(
    kind: str, id_: UUID, run: Run, derived: Derived, before: Known, *, agent: str | None, workspace: str | None
) -> Iterator[Event]:
    points = new_points(run.points, before.values)
    old = {number: columns for number, (_, columns) in before.epochs.items()}
    epochs = [epoch for epoch in derived.epochs if loss_columns(_epoch(epoch)) != old.get(epoch.number)]
    head = _head(kind, run, agent=agent, workspace=workspace)
    times = _Times(run)
    is_other = (
        not before.ended or before.ended["status"] != run.status or run.ended_at not in (None, before.ended["at"])
    )
    if before.head and not (points or epochs or is_other):
        return
    # What a source has grown by is a later attempt: its end is another, and its epochs replace those before.
    first = min((point.attempt for point in points), default=1)
    shift = before.attempt + 1 - first if before.head else 0
    attempts = sorted({point.attempt + shift for point in points}) or [before.attempt + 1]
    for number in attempts:
        own = [point for point in points if point.attempt + shift == number]
        started, ended = _span(own, times, is_first=not before.head and number == attempts[0])
        if before.ended and number == attempts[0] and times.first is not None:
            started = before.ended["at"] if started is None else min(before.ended["at"], started)
        is_last = number == attempts[-1]
        at = started if started is not None else times.read
        if number == attempts[0] and not before.head:
            yield _event("queued", id_, times.queued, number, **head)
            if run.total_epochs or run.total_steps:
                planned = {"total_epochs": run.total_epochs, "total_steps": run.total_steps}
                yield _event("planned", id_, at, number, **planned)
        else:
            yield _event("queued", id_, at, number, **head)
        if started is not None:
            yield _event("started", id_, started, number, host=run.host)
        for point in own:
            yield _metrics(id_, point, number, times.of(point.at))
        for epoch in epochs:
            # An epoch that changed without a new point of its own, say, by another mapping, is the last attempt's.
            place = min(max(epoch.attempt + shift, attempts[0]), attempts[-1])
            if place == number:
                yield _event("epoch", id_, times.of(epoch.at), number, **_epoch(epoch))
        if is_last:
            for level, message in (*(("info", note) for note in (*run.notes, *derived.notes)), *_warnings(run)):
                yield _event("notice", id_, times.last, number, level=level, message=message)
            end = {"status": run.status, "error_kind": run.error_kind, "error_message": run.error_message}
            yield _event("ended", id_, times.last, number, steps=_last_step(run), **end)
        else:
            gone = {"status": "failed", "error_kind": "lost", "error_message": _WHEN_LOST}
            yield _event("ended", id_, times.of(ended), number, **gone)


def _warnings(run: Run) -> Iterable[tuple[str, str]]:
    return (("warning", damage) for damage in run.damages)


class _Times:
    """When things happened, by the source; where it has no times, by the last change of its file."""

    def __init__(self, run: Run) -> None:
        times = [point.at for point in run.points if point.at is not None]
        starts = [*times, *(at for at in (run.started_at,) if at is not None)]
        self.first = min(starts, default=None)
        self.read = run.read_at
        self.queued = self.first if self.first is not None else run.read_at
        self.last = run.ended_at if run.ended_at is not None else max(starts, default=run.read_at)

    def of(self, at: int | None) -> int:
        return self.read if at is None else at


def _span(points: Sequence[Point], times: _Times, *, is_first: bool) -> tuple[int | None, int | None]:
    own = [point.at for point in points if point.at is not None]
    started = min(own, default=None)
    if is_first and times.first is not None:
        started = times.first if started is None else min(times.first, started)
    return started, max(own, default=None)


def _head(kind: str, run: Run, *, agent: str | None, workspace: str | None) -> Event:
    config: Event = {"source": kind, "source_id": run.source_id, **run.facts}
    if run.settings:
        config["hyperparameters"] = dict(run.settings)
    return {
        "kind": run.kind,
        "name": run.name,
        "agent": agent or run.agent or "default",
        "workspace": workspace or "default",
        "launched_by": "import",
        "source": kind,
        "source_id": run.source_id,
        "parent": str(run_id(kind, run.parent)) if run.parent else None,
        "seed": run.seed,
        "tags": list(run.tags),
        "config": config,
    }


def _epoch(epoch: Epoch) -> Event:
    return {"epoch": epoch.number, "step": epoch.step, **epoch.columns}


def _metrics(id_: UUID, point: Point, attempt: int, at: int) -> Event:
    metrics = [{"name": name, "value": value} for name, value in point.values]
    event = _event("metrics", id_, at, attempt, step=point.step, metrics=metrics)
    if point.epoch is not None:
        event["epoch"] = point.epoch
    return event


def _event(kind: str, id_: UUID, at: int, attempt: int, /, **fields: Any) -> Event:
    event: Event = {"k": kind, "run": str(id_), "at": min(max(1, at), _END_OF_TIME_US - 1), "attempt": attempt}
    event.update((name, value) for name, value in fields.items() if value is not None)
    return event


def _last_step(run: Run) -> int | None:
    return max((point.step for point in run.points), default=None)
