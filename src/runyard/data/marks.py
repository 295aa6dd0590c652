"""What a row of a table says beside its input: its class, its group, its part of the split, its time."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from runyard.config.dataset import TrainingData
from runyard.config.problems import did_you_mean
from runyard.core.errors import Invalid, Problem

SHOWN = 10
_VALIDATION = {"validation", "val", "valid", "dev", "test"}
EXPECTED = {"split": "train, validation, val or test", "time": "a number or a date such as 2026-11-21"}


@dataclass(frozen=True)
class Marks:
    """Of each row that is kept; all but the labels only if the split asks for them. `skipped` had no label."""

    labels: list[str]
    groups: list[str] | None = None
    held_out: list[bool] | None = None
    times: list[float] | None = None
    skipped: int = 0


@dataclass
class MarkReader:
    """Collects the marks of rows, and the mistakes in them, until `finish`."""

    path: Path
    data: TrainingData
    labelled: bool = True
    also: Mapping[str, str] = field(default_factory=dict)
    rows: int = 0

    def __post_init__(self) -> None:
        data = self.data
        self.wanted = dict(self.also)
        if self.labelled:
            self.wanted["label"] = data.label_column
            # With a split column the groups are read, too, if they are named: none may be in both parts.
            if data.split_by == "group" or (data.split_by == "column" and data.group_column):
                self.wanted["group"] = data.group_column or ""
            if data.split_by == "column":
                self.wanted["split"] = data.split_column
            if data.split_by == "time":
                self.wanted["time"] = data.time_column or ""
        self._columns: dict[str, list[Any]] = {key: [] for key in self.wanted}
        self._problems: list[Problem] = []
        self._broken = self._unlabelled = 0

    def read(self, line: int, row: Mapping[str, Any]) -> bool:
        """Take up a row; False where it is left out, since it has no label.

        Raises:
            Invalid: a column is missing.
        """
        self.rows += 1
        missing = [name for name in self.wanted.values() if name not in row]
        if missing:
            raise no_column(self.path, line, missing[0], sorted(map(str, row)))
        if "label" in self.wanted and not word_of(row[self.data.label_column]):
            self._unlabelled += 1
            if self.data.unlabelled == "skip":
                return False
        for key, name in self.wanted.items():
            try:
                self._columns[key].append(mark_of(key, row[name]))
            except ValueError:
                self._broken += 1
                expected = EXPECTED.get(key, "a value")
                if len(self._problems) < SHOWN:
                    message = f"column {name!r} holds {row[name]!r}, not {expected}"
                    self._problems.append(Problem(f"{self.path.name}, line {line}", message))
        return True

    def finish(self) -> Marks:
        """Return the marks of all rows that were kept.

        Raises:
            Invalid: with the rows that cannot be used (the first ten), or there are none.
        """
        if self._problems:
            said = f": {self._unlabelled} of {self.rows} have no label" if self._unlabelled else ""
            skip = " To leave out what has no label, set training_data.unlabelled to skip." if self._unlabelled else ""
            raise Invalid(
                f"{self.path} has rows that cannot be used{said}.",
                hint=f"Mend or drop them.{skip}",
                problems=self._problems,
            )
        if self.rows == 0:
            needed = " and ".join(self.wanted.values())
            raise Invalid(f"{self.path} has no rows.", hint=f"It needs the columns {needed}.")
        if self.labelled and self._unlabelled == self.rows:
            raise Invalid(
                f"None of the {self.rows} rows of {self.path} has a label in {self.data.label_column!r}.",
                hint="Check training_data.label_column; a classifier learns from labelled examples.",
            )
        columns = self._columns
        return Marks(
            columns.get("label", []), columns.get("group"), columns.get("split"), columns.get("time"), self._unlabelled
        )

    def column(self, key: str) -> list[Any]:
        """Return what was asked for by `also`."""
        return self._columns[key]


def mark_of(key: str, value: Any) -> Any:
    """Return what a cell of a label, group, split or time column says.

    Raises:
        ValueError: it says nothing of the kind.
    """
    if key == "time":
        return moment_of(value)
    word = word_of(value)
    if not word or (key == "split" and word.lower() not in _VALIDATION | {"train"}):
        raise ValueError(word)
    return word.lower() in _VALIDATION if key == "split" else word


def word_of(value: Any) -> str:
    """Return a value as text; missing and not-a-number are empty, 1.0 is 1."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).strip()


def moment_of(value: Any) -> float:
    """Return a number, or the seconds since 1970 of a date; without a zone it is UTC.

    Raises:
        ValueError: it is neither.
    """
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            value = datetime.fromisoformat(value.strip())
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day)
    if isinstance(value, datetime):
        value = (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
    if isinstance(value, bool) or not isinstance(value, int | float) or not _is_finite(value):
        raise ValueError(f"{value!r} is no moment")
    return float(value)


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number that no float holds
        return False


def no_column(path: Path, line: int, name: str, there: Sequence[str]) -> Invalid:
    """Say that a table has no such column, and which it has."""
    where = f"{path.name}, line {line}" if path.suffix == ".jsonl" else path.name
    message = f"{where} has no column {name!r}{did_you_mean(name, there)}"
    problem = Problem(where, f"there is no column {name!r}", tuple(there))
    return Invalid(f"{message}.", hint=f"It has: {', '.join(there) or 'none'}.", problems=[problem])
