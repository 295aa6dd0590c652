"""What a reader of a foreign log hands over: runs with their points, as the source has them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from runyard.core.errors import Invalid, Problem

LOSSES = ("train_loss", "val_loss", "learning_rate")
END_OF_TIME_SECONDS = 253_402_300_800
COLUMNS = ("step", "epoch", "time", "run", "metric", "value")


class Kind(StrEnum):
    """A kind of source."""

    transformers = "transformers"
    tensorboard = "tensorboard"
    csv = "csv"
    jsonl = "jsonl"
    parquet = "parquet"
    mlflow = "mlflow"
    wandb = "wandb"
    optuna = "optuna"


@dataclass(frozen=True, slots=True)
class Point:
    """Values that were logged at one step; `at` in microseconds since 1970 is None where the source has no times."""

    step: int
    values: tuple[tuple[str, float], ...]
    at: int | None = None
    epoch: float | None = None
    attempt: int = 1


@dataclass(frozen=True)
class Run:
    """One run of a source.

    `source_id` names it for good: it does not change when the source grows or is moved. `read_at` is the last change
    of its file, which stands in for times that the source does not have. `settings` are its hyperparameters, `losses`
    the names that this kind of source always gives to the losses. `has_no_id` says that the source does not name its
    runs: `source_id` is made from how they begin, so that several may have it.
    """

    source_id: str
    name: str
    points: tuple[Point, ...]
    read_at: int
    has_no_id: bool = False
    agent: str | None = None
    kind: str = "train"
    parent: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    status: str = "completed"
    error_kind: str | None = None
    error_message: str | None = None
    started_at: int | None = None
    ended_at: int | None = None
    total_epochs: int | None = None
    total_steps: int | None = None
    seed: int | None = None
    host: str | None = None
    tags: tuple[str, ...] = ()
    losses: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    damages: tuple[str, ...] = ()
    skipped: int = 0

    @property
    def n_values(self) -> int:
        return sum(len(point.values) for point in self.points)


@dataclass(frozen=True)
class Source:
    """All runs of one path; `damages` are those of files in which no run was found."""

    runs: tuple[Run, ...]
    damages: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Columns:
    """Which name of the source plays which part; what is not named is guessed from well-known names."""

    named: Mapping[str, str] = field(default_factory=dict)

    def of(self, part: str) -> str | None:
        return self.named.get(part)


def parse_columns(pairs: Sequence[str], *, run_column: str | None = None) -> Columns:
    """Return the mapping that `--map step=global_step` and the like ask for.

    Raises:
        Invalid: with every pair that cannot be used.
    """
    allowed = (*COLUMNS, *LOSSES)
    named: dict[str, str] = {}
    problems: list[Problem] = []
    for pair in pairs:
        part, is_pair, name = pair.partition("=")
        if not is_pair or not name:
            problems.append(Problem("--map", f"{pair!r} is not PART=NAME"))
        elif part not in allowed:
            problems.append(Problem("--map", f"{part!r} is no part of a training log", allowed))
        elif part in named:
            problems.append(Problem("--map", f"{part!r} is given twice"))
        else:
            named[part] = name
    if run_column:
        named["run"] = run_column
    if problems:
        raise Invalid("The mapping of columns cannot be used.", problems=problems)
    return Columns(named)


def changed_at(path: Path) -> int:
    """Return the last change of a file in microseconds since 1970, at least 1."""
    return max(1, path.stat().st_mtime_ns // 1000)


def number(value: object) -> float | None:
    """Return a number as a float, and anything else, truth values included, as None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError:
        return None


def whole(value: object) -> int | None:
    """Return a whole number that fits a column of steps, and anything else as None."""
    found = number(value)
    if found is None or found != found // 1 or abs(found) >= 1 << 62:
        return None
    return int(found)


def moment(seconds: float) -> int | None:
    """Return seconds since 1970 in microseconds; None where that is no time."""
    return round(seconds * 1e6) if 0 < seconds < END_OF_TIME_SECONDS else None


def goes_back(last: Mapping[str, int], values: Iterable[tuple[str, int]]) -> bool:
    """Return whether names and steps of a later file come again from before the last step of the files until then.

    What comes again at the last step itself, say, an evaluation after the training, goes on from there.
    """
    end = max(last.values(), default=0)
    return any(step <= last[name] and step < end for name, step in values if name in last)
