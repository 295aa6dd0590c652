"""What a data file holds, before anything is trained on it: columns, types, gaps, classes, lengths of texts."""

import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from decimal import Decimal
from itertools import islice
from typing import Any, Literal

from runyard.config.dataset import TrainingData
from runyard.core.errors import Invalid
from runyard.data.arrays import holds_series
from runyard.data.dialogues import ANSWERS, Shape, read_dialogues
from runyard.data.marks import moment_of, word_of
from runyard.data.series import read_series
from runyard.data.sources import Source
from runyard.data.tables import rows_of

Kind = Literal["number", "word", "text", "date", "truth", "list", "series", "empty"]
Role = Literal["text", "label", "group", "time", "split"]

MOST_ROWS = 200_000  # of a larger table the head is looked at
_MISSING = {"", "na", "n/a", "nan", "null"}
_MOST_CLASSES = 50
_WORDS_OF_A_TEXT = 4
_EXAMPLE = 60
_NAMES: dict[Role, tuple[str, ...]] = {
    "label": ("label", "class", "target", "category", "y", "species", "sentiment"),
    "text": ("text", "content", "sentence", "review", "message", "body", "document"),
    "group": ("group", "subject", "user", "patient", "session", "speaker"),
    "time": ("time", "date", "timestamp", "created_at", "datetime", "day"),
    "split": ("split", "fold", "part", "subset"),
}
_SHAPES: dict[Shape, str] = {
    "messages": "These are conversations: a language model learns the answers in them.",
    "pairs": "These are prompts with answers: a language model learns the answers.",
    "texts": "No column looks like a class: a language model learns to continue the texts. "
    "Where there are classes, name their column as training_data.label_column.",
}
_PARTS = {"train", "validation", "val", "valid", "dev", "test"}


@dataclass(frozen=True)
class Column:
    """A column: `distinct` different values, `missing` gaps; `median` and `longest` are words of a text."""

    name: str
    kind: Kind
    missing: int
    distinct: int
    example: str
    looks_like: Role | None = None
    median: float | None = None
    longest: int | None = None


@dataclass(frozen=True)
class Survey:
    """A look at a data set; `is_whole` is false where only the head of a large table was looked at.

    `shape` is what a language model would learn from, None where there are classes; `broken` are rows it cannot read.
    """

    rows: int
    columns: tuple[Column, ...]
    label: str | None
    classes: dict[str, int]
    unlabelled: int
    is_whole: bool = True
    shape: Shape | None = None
    broken: tuple[str, ...] = ()

    def like(self, role: Role) -> str | None:
        """Return the column that looks like the text, the label, the group, the time or the split."""
        return next((column.name for column in self.columns if column.looks_like == role), None)

    def words(self) -> list[str]:
        """Return what whoever trains on this should know, each in a sentence."""
        said: list[str] = []
        if self.shape is not None:
            said += [_SHAPES[self.shape], *self.broken]
        elif self.label is None:
            said.append("No column looks like a class: name it as training_data.label_column.")
        elif len(self.classes) == 1:
            said.append(f"All rows are of one class, {next(iter(self.classes))!r}: a classifier needs two at least.")
        elif len(self.classes) >= _MOST_CLASSES:
            said.append(f"Column {self.label!r} has {_MOST_CLASSES} different values or more: ids, not classes?")
        if self.unlabelled:
            said.append(f"{self.unlabelled} rows have no label: they are refused, or left out if you say so.")
        rare = [name for name, count in self.classes.items() if count < 2]
        if rare and len(self.classes) < _MOST_CLASSES:
            said.append(f"Of {', '.join(map(repr, rare[:5]))} there is one example only: it cannot be held out.")
        if not self.is_whole:
            said.append(f"The file is large: these are its first {self.rows:,} rows.")
        return said

    def plain(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return {**asdict(self), "columns": [asdict(column) for column in self.columns]}


def survey(source: Source, data: TrainingData, *, most: int = MOST_ROWS) -> Survey:
    """Look at a data set; large tables are read in part.

    Args:
        data: what is known of it: a label column that is there is taken for it, else one is guessed.
        most: rows that are looked at.

    Raises:
        Invalid: the file cannot be read, or has no rows.
    """
    if source.path is None or (source.format == "npz" and holds_series(source.path)):
        return _of_series(source, data)
    rows = [row for _, row in islice(rows_of(source, data), most + 1)]
    if not rows:
        raise Invalid(f"{source.path} has no rows.", hint="A data set needs a row for each example.")
    is_whole, rows = len(rows) <= most, rows[:most]
    names = list(dict.fromkeys(name for row in rows for name in row))
    columns = _with_roles([_column(str(name), [row.get(name) for row in rows]) for name in names], data)
    label = next((column.name for column in columns if column.looks_like == "label"), None)
    shape = _shape(columns, label)
    if shape is not None:
        broken = _broken(source, data, columns, most)
        return Survey(len(rows), tuple(columns), None, {}, 0, is_whole, shape, broken)
    words = [word_of(row.get(label)) for row in rows] if label else []
    counts = _counted(word for word in words if word)
    return Survey(len(rows), tuple(columns), label, counts, sum(not word for word in words), is_whole)


def _shape(columns: Sequence[Column], label: str | None) -> Shape | None:
    """Say what a language model would learn from: what the columns are called decides, then that there is no class."""
    names = {column.name for column in columns}
    if "messages" in names:
        return "messages"
    if "prompt" in names and names.intersection(ANSWERS):
        return "pairs"
    return "texts" if label is None and any(column.looks_like == "text" for column in columns) else None


def _broken(source: Source, data: TrainingData, columns: Sequence[Column], most: int) -> tuple[str, ...]:
    text = next((column.name for column in columns if column.looks_like == "text"), data.text_column)
    try:
        read_dialogues(source, TrainingData(path=str(source.path), text_column=text), limit=most)
    except Invalid as error:
        return tuple(f"{problem}." for problem in error.problems) or (error.message,)
    return ()


def _counted(labels: Iterable[str]) -> dict[str, int]:
    return dict(Counter(labels).most_common(_MOST_CLASSES))


def _of_series(source: Source, data: TrainingData) -> Survey:
    series = read_series(source, data)
    lengths = [len(piece) for piece in series.series]
    channels = series.series[0].shape[1]
    example = f"{lengths[0]} steps × {channels} channels"
    columns = [
        Column("X", "series", 0, len(lengths), example, None, statistics.median(lengths), max(lengths)),
        Column("y", "word", 0, len(set(series.labels)), series.labels[0], "label"),
    ]
    if series.groups is not None:
        name = data.group_column or "group"
        columns.append(Column(name, "word", 0, len(set(series.groups)), series.groups[0], "group"))
    return Survey(len(lengths), tuple(columns), "y", _counted(series.labels), 0)


def _column(name: str, values: Sequence[Any]) -> Column:
    there = [value for value in values if not _is_missing(value)]
    if not there:
        return Column(name, "empty", len(values), 0, "")
    kind = _kind(there)
    distinct = len({repr(value) if isinstance(value, list | dict) else value for value in there})
    shown = str(there[0])
    example = shown if len(shown) <= _EXAMPLE else shown[: _EXAMPLE - 1] + "…"
    lengths = [len(str(value).split()) for value in there] if kind == "text" else []
    median, longest = (statistics.median(lengths), max(lengths)) if lengths else (None, None)
    return Column(name, kind, len(values) - len(there), distinct, example, None, median, longest)


def _is_missing(value: Any) -> bool:
    if isinstance(value, float):
        return value != value
    return value is None or (isinstance(value, str) and value.strip().lower() in _MISSING)


def _kind(values: Sequence[Any]) -> Kind:
    if any(isinstance(value, list | dict | bytes) for value in values):
        return "list"
    if all(isinstance(value, bool) for value in values):
        return "truth"
    if all(isinstance(value, int | float | Decimal) or _is(float, value) for value in values):
        return "number"
    if all(isinstance(value, date | datetime) or _is(moment_of, value) for value in values):
        return "date"
    words = statistics.mean(len(str(value).split()) for value in values[:1000])
    return "text" if words >= _WORDS_OF_A_TEXT else "word"


def _is(read: Any, value: Any) -> bool:
    try:
        read(value)
    except (ValueError, TypeError, OverflowError):
        return False
    return True


def _with_roles(columns: list[Column], data: TrainingData) -> list[Column]:
    """Say which columns look like what: those that the config names, then those with such names, then by content."""
    named = {
        "label": data.label_column,
        "text": data.text_column,
        "group": data.group_column,
        "time": data.time_column,
        "split": data.split_column,
    }
    found: dict[str, Role] = {}
    for role, usual in _NAMES.items():
        fitting = [column for column in columns if column.name not in found and _fits(column, role)]
        wanted = named[role]
        chosen = next((c for c in columns if c.name == wanted), None) or next(
            (c for name in usual for c in fitting if c.name.lower() == name), None
        )
        if chosen is None and role == "text":
            chosen = next((c for c in fitting), None)
        if chosen is None and role == "time":
            chosen = next((c for c in fitting if c.kind == "date"), None)
        if chosen is None and role == "label":
            chosen = next((c for c in fitting if c.kind == "word" and c.distinct <= 20), None)
        if chosen is not None:
            found[chosen.name] = role
    return [Column(**{**asdict(column), "looks_like": found.get(column.name)}) for column in columns]


def _fits(column: Column, role: Role) -> bool:
    match role:
        case "text":
            return column.kind == "text"
        case "label":
            return column.kind in ("word", "number", "truth") and 1 <= column.distinct <= _MOST_CLASSES
        case "time":
            return column.kind in ("date", "number")
        case "split":
            return column.kind == "word" and column.example.lower() in _PARTS
        case "group":
            return column.kind in ("word", "number")
