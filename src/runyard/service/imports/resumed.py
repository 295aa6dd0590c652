"""The run that offline files of Weights & Biases tell of: each process that resumed it wrote a file of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from runyard.service.imports.source import Point, Run, changed_at, goes_back, number, whole

STEP, TIME, EPOCH, OWN = "_step", "_timestamp", "epoch", "_wandb"
_NO_END = "The file does not say that the run ended: it runs still, was killed, or the file is cut."


@dataclass
class LogFile:
    """What one file says; `logged` are the names and steps of its history, without the load of the machine."""

    path: Path
    id: str = ""
    name: str = ""
    project: str | None = None
    host: str | None = None
    config: dict[str, Any] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    tags: list[str] = field(default_factory=list)
    points: list[Point] = field(default_factory=list)
    logged: list[tuple[str, int]] = field(default_factory=list)
    summary: dict[str, Any] = field(default_factory=dict)
    skipped: Counter[str] = field(default_factory=Counter)
    started_at: int | None = None
    exit_code: int | None = None
    step: int = 0
    damage: str = ""


def run_of(files: Sequence[LogFile]) -> Run:
    """Return the run of files with one id: what they tell one after the other, by their starts."""
    kept, copies = _without_copies(files)
    last = kept[-1]
    is_over, is_well = last.exit_code is not None, not last.exit_code
    skipped = sum((file.skipped for file in kept), Counter[str]())
    left_out = ", ".join(f"{count} of {name}" for name, count in sorted(skipped.items()))
    settings = {name: value for file in kept for name, value in file.config.items() if name != OWN}
    return Run(
        source_id=last.id,
        name=_latest(file.name for file in kept) or last.id,
        points=tuple(_joined(kept)),
        read_at=max(changed_at(file.path) for file in kept),
        agent=_latest(file.project for file in kept),
        settings=settings,
        facts={name: value for file in kept for name, value in file.facts.items()},
        status="completed" if is_over and is_well else "failed",
        error_kind=None if is_over else "unfinished",
        error_message=_how_it_ended(last),
        started_at=min((file.started_at for file in kept if file.started_at is not None), default=None),
        seed=whole(settings.get("seed")),
        host=_latest(file.host for file in kept),
        tags=tuple(dict.fromkeys(tag for file in kept for tag in file.tags)),
        notes=(
            *((f"Not numbers, and left out: {left_out}.",) if left_out else ()),
            *(f"{copy.path.name} in {copy.path.parent.name} tells nothing more, and was left out." for copy in copies),
            *(() if is_over else (_NO_END,)),
        ),
        damages=tuple(
            f"{file.path.name}: {file.damage}; what stands before that was imported." for file in kept if file.damage
        ),
        skipped=sum(skipped.values()),
    )


def _latest(texts: Iterator[str | None]) -> str | None:
    return next((text for text in reversed(list(texts)) if text), None)


def _how_it_ended(file: LogFile) -> str | None:
    if file.exit_code is None:
        return _NO_END
    return f"It ended with exit code {file.exit_code}." if file.exit_code else None


def _without_copies(files: Sequence[LogFile]) -> tuple[list[LogFile], list[LogFile]]:
    """Return the files that tell something of their own, by their starts, and those whose values another one has."""
    told = {id(file): {value for point in file.points for value in _values(point)} for file in files}
    kept: list[LogFile] = []
    copies: list[LogFile] = []
    for file in sorted(files, key=lambda file: (-len(told[id(file)]), file.exit_code is None, file.path)):
        is_copy = any(told[id(file)] <= told[id(other)] for other in kept)
        (copies if is_copy else kept).append(file)
    return sorted(kept, key=lambda file: (_first_at(file), file.path)), copies


def _values(point: Point) -> Iterator[tuple[int, str, str]]:
    return ((point.step, name, repr(value)) for name, value in point.values)


def _first_at(file: LogFile) -> int:
    """Return when a process began to log: the start in its file may be that of the run."""
    return min((point.at for point in file.points if point.at is not None), default=file.started_at or 0)


def _joined(files: Sequence[LogFile]) -> Iterator[Point]:
    """Yield the points of files; of one that tells steps again that were told before, as a later attempt."""
    last: dict[str, int] = {}
    attempt = 1
    in_history = {name for file in files for point in file.points for name, _ in point.values}
    for place, file in enumerate(files):
        if goes_back(last, file.logged):
            attempt += 1
            last.clear()
        for name, step in file.logged:
            last[name] = max(step, last.get(name, step))
        # What was measured of the machine before the first step of a process that resumes a run says step 0.
        first = min((step for _, step in file.logged), default=0) if place else 0
        for point in (*file.points, *_of_the_end(file, in_history)):
            yield replace(point, step=max(point.step, first), attempt=attempt)


def _of_the_end(file: LogFile, in_history: Collection[str]) -> Iterator[Point]:
    """Yield what stands in the summary of a file alone."""
    own = {name: item for name, item in file.summary.items() if name not in (STEP, TIME, EPOCH, *in_history)}
    numbers = {name: number(item) for name, item in own.items() if not name.startswith(OWN)}
    values = tuple((name, value) for name, value in numbers.items() if value is not None)
    if values:
        at = max((point.at for point in file.points if point.at is not None), default=file.started_at)
        yield Point(file.step, values, at)
