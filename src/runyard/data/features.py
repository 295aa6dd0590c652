"""Tables of numbers and categories with a class for each row."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from runyard.config.dataset import TrainingData
from runyard.config.estimators import ESTIMATORS
from runyard.config.models import Majority, Mlp
from runyard.config.part import Part
from runyard.core.errors import Invalid, Problem
from runyard.data.arrays import holds_series
from runyard.data.marks import MarkReader, Marks, no_column, word_of
from runyard.data.sources import FOLDER, Source
from runyard.data.tables import rows_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_MISSING = {"", "na", "n/a", "nan", "null"}
_SHOWN, _FEW = 10, 20


@dataclass(frozen=True)
class Feature:
    """A column that a model learns from."""

    name: str
    kind: Literal["number", "category"]


@dataclass(frozen=True)
class FeatureTable:
    """Rows in the order of the file: of each column its values, NaN or an empty word where one is missing."""

    features: tuple[Feature, ...]
    columns: list[list[Any]]
    marks: Marks

    def matrix(self) -> "NDArray[np.float64] | NDArray[np.object_]":
        """Return the rows as an array (n, features): of numbers, or of objects where there are categories."""
        import numpy as np

        if all(feature.kind == "number" for feature in self.features):
            return np.array(self.columns, dtype=np.float64).T
        whole = np.empty((len(self.columns[0]), len(self.columns)), dtype=object)
        for number, column in enumerate(self.columns):
            whole[:, number] = column
        return whole


def reads_table(model: Part, source: Source, data: TrainingData) -> bool:
    """Return whether a model takes a source as a table of features: not as series, nor as texts.

    Raises:
        Invalid: the source is no NPZ file of plain arrays.
    """
    if isinstance(model, ESTIMATORS):
        return source.path is not None and not (source.format == "npz" and holds_series(source.path))
    if isinstance(model, Majority):  # of texts or series it is the majority, too
        return source.format in ("csv", "jsonl", "parquet", "npy") and not _has_texts(source, data)
    return isinstance(model, Mlp) and source.path is not None and source.format not in ("npz", FOLDER)


def _has_texts(source: Source, data: TrainingData) -> bool:
    return any(data.text_column in row for _, row in islice(rows_of(source, data), 1))


def read_features(
    source: Source,
    data: TrainingData,
    *,
    limit: int | None = None,
    labelled: bool = True,
    like: Sequence[Feature] | None = None,
) -> FeatureTable:
    """Read the rows of a table, or the first `limit`.

    Args:
        labelled: False for rows to predict: then there are no marks.
        like: the features of a trained model; without them they follow from the table.

    Raises:
        Invalid: with the broken lines (the first ten), or the columns that are missing or no features.
    """
    assert source.path is not None
    if source.format == FOLDER:
        raise Invalid(f"{source.path} is a folder of texts, no table.", hint="Take a model for texts.")
    marks = MarkReader(source.path, data, labelled)
    lines: list[int] = []
    rows: list[dict[str, Any]] = []
    for line, row in islice(rows_of(source, data), limit):
        if marks.read(line, row):
            lines.append(line)
            rows.append(row)
    read = marks.finish()
    there = list(dict.fromkeys(name for row in rows for name in row))
    names = [feature.name for feature in like] if like is not None else _chosen(source.path, data, there)
    for name in names:
        if name not in there:
            raise no_column(source.path, lines[0], name, there)
    values = {name: [row.get(name) for row in rows] for name in names}
    found = (_feature(source.path, name, values[name], data) for name in names)
    features = tuple(found if like is None else like)
    problems: list[Problem] = []
    columns = [_column(source.path, f, values[f.name], lines, problems) for f in features]
    if problems:
        hint = "A number is written with a point; an empty field is a missing value."
        raise Invalid(f"{source.path} has values that cannot be used.", hint=hint, problems=problems[:_SHOWN])
    return FeatureTable(features, columns, read)


def _chosen(path: Path, data: TrainingData, there: Sequence[str]) -> list[str]:
    """Return the columns named as features, or all that are nothing else."""
    strange = next((name for name in data.categorical_columns if name not in there), None)
    if strange is not None:
        raise no_column(path, 1, strange, there)
    if data.feature_columns:
        return list(dict.fromkeys(data.feature_columns))
    others = {data.label_column, data.group_column, data.time_column}
    if data.split_by == "column":
        others.add(data.split_column)
    names = [name for name in there if name not in others]
    if not names:
        raise Invalid(f"{path} has no columns beside {data.label_column!r}.", hint="A model learns from others.")
    return names


def _feature(path: Path, name: str, values: Sequence[Any], data: TrainingData) -> Feature:
    """Tell numbers from categories.

    Raises:
        Invalid: the column has no value, holds lists, or a word of its own for nearly each row.
    """
    words = [word for value in values if (word := _plain(value)) is not None]
    if not words:
        raise Invalid(f"{path}: column {name!r} has no value in any row.", hint=_leave_out(name))
    if any(isinstance(value, list | dict | bytes) for value in words):
        raise Invalid(f"{path}: column {name!r} holds lists, no single values.", hint=_leave_out(name))
    if name not in data.categorical_columns and all(_number(value) is not None for value in words):
        return Feature(name, "number")
    different = len({word_of(value) for value in words})
    if different > max(_FEW, len(values) // 3):
        raise Invalid(
            f"{path}: column {name!r} has {different} different words in {len(values)} rows: ids or texts.",
            hint=_leave_out(name),
        )
    return Feature(name, "category")


def _leave_out(name: str) -> str:
    return f"Name the columns to learn from in training_data.feature_columns, without {name!r}."


def _column(
    path: Path, feature: Feature, values: Sequence[Any], lines: Sequence[int], problems: list[Problem]
) -> list[Any]:
    if feature.kind == "category":
        return ["" if (plain := _plain(value)) is None else word_of(plain) for value in values]
    numbers: list[float] = []
    for line, value in zip(lines, values, strict=True):
        plain = _plain(value)
        number = math.nan if plain is None else _number(plain)
        if number is None and len(problems) < _SHOWN:
            message = f"column {feature.name!r} holds {value!r}, not a finite number"
            problems.append(Problem(f"{path.name}, line {line}", message))
        numbers.append(math.nan if number is None else number)
    return numbers


def _plain(value: Any) -> Any:
    """Return a value, None where it is missing."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    return None if isinstance(value, str) and value.strip().lower() in _MISSING else value


def _number(value: Any) -> float | None:
    """Return a finite number, None for anything else; a truth is none, it is a category."""
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
