"""CSV, JSON lines and Parquet: each column is a metric, but those that are the step, the epoch, the time or the run.

A table may also be long: one row a value, with a column for the metric's name and one for its value.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from runyard.core.clock import to_us
from runyard.core.errors import Corrupt, Invalid, NotFound, Problem
from runyard.service.imports import source
from runyard.service.imports.epochs import plain
from runyard.service.imports.rows import Row, Rows, read_rows
from runyard.service.imports.source import Columns, Point, Run, Source, changed_at, moment

_SUFFIXES = {
    "csv": (".csv", ".tsv", ".csv.gz"),
    "jsonl": (".jsonl", ".ndjson", ".jsonl.gz"),
    "parquet": (".parquet",),
}
# In the order of preference, as they read with every mark but letters and digits as `_`.
_KNOWN = {
    "step": ("global_step", "step", "trainer_global_step", "train_global_step", "steps", "iteration", "iter"),
    "epoch": ("epoch", "train_epoch", "trainer_epoch", "epochs"),
    "time": ("timestamp", "wall_time", "time", "datetime", "date", "created_at", "logged_at"),
    "run": ("run_id", "run", "run_name"),
    "metric": ("metric", "metric_name", "tag", "key", "name"),
    "value": ("value", "metric_value"),
}
_MAX_ATTEMPTS = 20
_OLDEST_SECONDS = 1e8  # 1973: a smaller number is a duration
_UNITS = ((1e17, 1e9), (1e14, 1e6), (1e11, 1e3), (0.0, 1.0))


@dataclass(frozen=True)
class _Layout:
    """Which column plays which part."""

    parts: Mapping[str, str]

    def get(self, row: Row, part: str) -> Any:
        name = self.parts.get(part)
        return None if name is None else row.get(name)


def read(path: Path, kind: str, columns: Columns) -> Source:
    """Return the runs of a table, or of all tables of a folder: one for each value of the run column.

    Raises:
        NotFound: the folder has no such file.
        Invalid: the mapping names columns that are not there.
        Corrupt: nothing of it can be read.
    """
    files = [path] if path.is_file() else sorted(f for f in path.rglob("*") if f.name.endswith(_SUFFIXES[kind]))
    if not files:
        raise NotFound(f"There is no {kind} file in {path}.", hint=f"Their names end with {_SUFFIXES[kind][0]}.")
    runs: list[Run] = []
    damages: list[str] = []
    notes: list[str] = []
    for file in files:
        try:
            found = read_rows(file, kind)
        except Corrupt as error:
            if len(files) == 1:
                raise
            damages.append(error.message)
            continue
        layout = _layout(found.rows, columns)
        pairs = ", ".join(f"{part}={name}" for part, name in layout.parts.items())
        notes.append(f"{file.name}: {pairs or 'no column is the step, the epoch, the time or the run'}.")
        relative = file.relative_to(path) if path.is_dir() else Path(file.name)
        name = relative.with_name(relative.name.split(".")[0]).as_posix()
        own = _runs(found, layout, file, name)
        runs += own
        if not own:
            damages += (f"{file}: {damage}" for damage in found.damages)
    return Source(tuple(runs), tuple(damages), tuple(dict.fromkeys(notes)))


def _layout(rows: Sequence[Row], columns: Columns) -> _Layout:
    present: dict[str, Any] = {}
    for row in rows:
        for name, value in row.items():
            present.setdefault(name, value)
    problems = [
        Problem(f"--map {part}", f"there is no column {name!r}", tuple(present))
        for part, name in columns.named.items()
        if part in source.COLUMNS and name not in present
    ]
    if problems and rows:
        raise Invalid("The mapping names columns that the table does not have.", problems=problems)
    by_plain: dict[str, str] = {}
    for name in present:
        by_plain.setdefault(plain(name), name)
    taken = set(columns.named.values())
    parts = {part: name for part, name in columns.named.items() if part in source.COLUMNS}
    for part, names in _KNOWN.items():
        guesses = [by_plain[name] for name in names if name in by_plain and by_plain[name] not in taken]
        if part == "time":
            guesses = [name for name in guesses if _moment(present[name]) is not None]
        if part not in parts and guesses:
            parts[part] = guesses[0]
            taken.add(guesses[0])
    if not {"metric", "value"} <= set(parts) or _number(present.get(parts["metric"])) is not None:
        for part in ("metric", "value"):
            if part not in columns.named:
                parts.pop(part, None)
    return _Layout(parts)


def _runs(table: Rows, layout: _Layout, file: Path, name: str) -> list[Run]:
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in table.rows:
        run = layout.get(row, "run")
        groups["" if run is None else str(run)].append(row)
    first = hashlib.sha256(json.dumps(table.rows[:1], sort_keys=True, default=str).encode()).hexdigest()[:16]
    anchor = f"{file.resolve().parent.name}/{file.name}@{first}"
    runs = [_run(own, layout, file, f"{anchor}#{run}", run or name) for run, own in groups.items()]
    damages = tuple(f"{file.name}, {damage}." for damage in table.damages)
    return [replace(run, notes=(*table.notes, *run.notes), damages=damages) for run in runs]


def _run(rows: Sequence[Row], layout: _Layout, file: Path, source_id: str, name: str) -> Run:
    words: Counter[str] = Counter()
    points, n_stepless = _points(rows, layout, words)
    notes: list[str] = []
    if "step" not in layout.parts:
        notes.append("There is no column of steps: the number of the row stands for it.")
    if all(point.at is None for point in points):
        notes.append("The source has no times: the last change of its file stands for them.")
    if words:
        notes.append(f"Not numbers, and left out: {', '.join(f'{n} of {column}' for column, n in words.items())}.")
    if n_stepless:
        notes.append(
            f"{n_stepless} values have no step, or one that is no whole number: "
            "they stand at the step before them, of their epoch where it has one, or at 0."
        )
    if points and points[-1].attempt > _MAX_ATTEMPTS:
        points = [replace(point, attempt=1) for point in points]
        notes.append("Metrics have many values at one step. If these are several runs, name them with --run-column.")
    return Run(
        source_id=source_id,
        name=name,
        points=tuple(points),
        read_at=changed_at(file),
        has_no_id=True,
        facts={"file": file.name},
        notes=tuple(notes),
        skipped=sum(words.values()),
    )


def _points(rows: Sequence[Row], layout: _Layout, words: Counter[str]) -> tuple[list[Point], int]:
    """Return the points of a run, and how many of their values have no step of their own.

    An attempt starts where a step of a metric comes again.
    """
    points: list[Point] = []
    seen: set[tuple[str, int]] = set()
    steps: dict[float | None, int] = {}  # the last of each epoch, and of all
    attempt, n_stepless = 1, 0
    for place, row in enumerate(rows, start=1):
        step = _whole(layout.get(row, "step")) if "step" in layout.parts else place
        epoch = _number(layout.get(row, "epoch"))
        values = tuple(_values(row, layout, words))
        if step is not None:
            steps[epoch] = steps[None] = step
        if not values:
            continue
        if step is None:
            n_stepless += len(values)
            step = steps.get(epoch, steps.get(None, 0))
        else:
            pairs = {(name, step) for name, _ in values}
            if seen & pairs:
                attempt, seen = attempt + 1, set()
            seen |= pairs
        points.append(Point(step, values, _moment(layout.get(row, "time")), epoch, attempt))
    return points, n_stepless


def _values(row: Row, layout: _Layout, words: Counter[str]) -> Iterable[tuple[str, float]]:
    parts = layout.parts
    if "metric" in parts and "value" in parts:
        metric, value = row.get(parts["metric"]), _number(row.get(parts["value"]))
        if metric is not None and value is not None:
            yield str(metric), value
        elif row.get(parts["value"]) is not None:
            words[parts["value"]] += 1
    taken = set(parts.values())
    for name, cell in row.items():
        if name in taken:
            continue
        value = _number(cell)
        if value is None:
            words[name] += 1
        else:
            yield name, value


def _number(cell: Any) -> float | None:
    if not isinstance(cell, str):
        return source.number(cell)
    text = cell.strip()
    if "_" in text:  # Python would take 1_000 for a number
        return None
    try:
        return float(text)
    except ValueError:
        return None


def _whole(cell: Any) -> int | None:
    if isinstance(cell, str) and cell.strip().lstrip("+-").isdecimal():
        return source.whole(int(cell))
    return source.whole(_number(cell))


def _moment(cell: Any) -> int | None:
    """Return a time in microseconds since 1970: seconds, milliseconds and so on by their size, or ISO 8601 (UTC)."""
    seconds = _number(cell)
    if seconds is not None:
        scale = next((scale for least, scale in _UNITS if abs(seconds) >= least), 1.0)
        return moment(seconds / scale) if seconds >= _OLDEST_SECONDS else None
    if isinstance(cell, str):
        try:
            cell = datetime.fromisoformat(cell.strip())
        except ValueError:
            return None
    if isinstance(cell, datetime):
        naive = cell.astimezone(UTC).replace(tzinfo=None) if cell.tzinfo else cell
        return max(1, to_us(naive))
    return max(1, to_us(datetime(cell.year, cell.month, cell.day))) if isinstance(cell, date) else None
