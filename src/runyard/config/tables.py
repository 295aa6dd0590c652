"""Texts with labels from CSV, JSONL and Parquet; what is broken is named by file and line."""

import csv
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from runyard.config.dataset import TrainingData
from runyard.config.problems import did_you_mean
from runyard.config.sources import Source
from runyard.core.errors import Invalid, Problem

_SHOWN = 10
_VALIDATION = {"validation", "val", "valid", "dev", "test"}
Row = tuple[int, dict[str, Any]]


@dataclass(frozen=True)
class TextTable:
    """Rows in the order of the file; `groups` and `held_out` only if the split asks for them."""

    texts: list[str]
    labels: list[str]
    groups: list[str] | None
    held_out: list[bool] | None


def read_table(source: Source, data: TrainingData, *, limit: int | None = None, labelled: bool = True) -> TextTable:
    """Read the rows of a table, or the first `limit`.

    Args:
        labelled: False for texts to predict: then only those are read, and there are no labels.

    Raises:
        Invalid: with the broken lines (the first ten), or the column that is missing.
    """
    assert source.path is not None
    path, problems = source.path, []
    wanted = {"text": data.text_column}
    if labelled:
        wanted["label"] = data.label_column
        if data.split_by == "group":
            wanted["group"] = data.group_column or ""
        if data.split_by == "column":
            wanted["split"] = data.split_column
    columns: dict[str, list[str]] = {key: [] for key in wanted}
    number = 0
    for number, row in islice(_rows(source), limit):
        missing = [name for name in wanted.values() if name not in row]
        if missing:
            raise _no_column(path, number, missing[0], sorted(map(str, row)))
        for key, name in wanted.items():
            value = _word(row[name])
            if not value or (key == "split" and value.lower() not in _VALIDATION | {"train"}):
                expected = "train, validation, val or test" if key == "split" else "a value"
                problems.append(
                    Problem(f"{path.name}, line {number}", f"column {name!r} holds {row[name]!r}, not {expected}")
                )
            columns[key].append(value)
        if len(problems) >= _SHOWN:
            break
    if problems:
        raise Invalid(f"{path} has rows that cannot be used.", hint="Mend or drop them.", problems=problems[:_SHOWN])
    if number == 0:
        raise Invalid(f"{path} has no rows.", hint=f"It needs the columns {' and '.join(wanted.values())}.")
    splits = columns.get("split")
    held_out = [value.lower() in _VALIDATION for value in splits] if splits is not None else None
    return TextTable(columns["text"], columns.get("label", []), columns.get("group"), held_out)


def _no_column(path: Path, line: int, name: str, there: Sequence[str]) -> Invalid:
    where = f"{path.name}, line {line}" if path.suffix == ".jsonl" else path.name
    message = f"{where} has no column {name!r}{did_you_mean(name, there)}"
    problem = Problem(where, f"there is no column {name!r}", tuple(there))
    return Invalid(f"{message}.", hint=f"It has: {', '.join(there) or 'none'}.", problems=[problem])


def _word(value: Any) -> str:
    """Return a value as text; missing and not-a-number are empty, 1.0 is 1."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).strip()


def _rows(source: Source) -> Iterator[Row]:
    assert source.path is not None
    try:
        if source.format == "csv":
            yield from _csv_rows(source.path)
        elif source.format == "jsonl":
            yield from _jsonl_rows(source.path)
        elif source.format == "parquet":
            yield from _parquet_rows(source.path)
        else:
            raise Invalid(f"{source.path} holds series, not texts.", hint="Take a model of type cnn1d, lstm or mlp.")
    except UnicodeDecodeError as error:
        raise Invalid(f"{source.path} is not UTF-8 text ({error.reason}).", hint="Save it as UTF-8.") from error
    except OSError as error:
        raise Invalid(f"{source.path} cannot be read: {error.strerror or error}.") from error


def _broken(path: Path, line: int, message: str, expected: str) -> Invalid:
    problem = Problem(f"{path.name}, line {line}", f"{message}; expected {expected}")
    return Invalid(f"{path}, line {line}: {message}; expected {expected}.", hint="Mend that line.", problems=[problem])


def _csv_rows(path: Path) -> Iterator[Row]:
    csv.field_size_limit(10_000_000)
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, strict=True)
        try:
            header = next(reader, [])
            for row in reader:
                if row and len(row) != len(header):
                    expected = f"{len(header)} ({', '.join(header)})"
                    raise _broken(path, reader.line_num, f"{len(row)} fields", expected)
                if row:
                    yield reader.line_num, dict(zip(header, row, strict=True))
        except csv.Error as error:
            raise _broken(path, reader.line_num, str(error), 'comma-separated fields, quoted with "') from error


def _jsonl_rows(path: Path) -> Iterator[Row]:
    with path.open(encoding="utf-8-sig") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except ValueError as error:
                raise _broken(path, number, f"not JSON ({error})", "one JSON object on the line") from error
            if not isinstance(row, dict):
                raise _broken(path, number, f"a {type(row).__name__}", "one JSON object on the line")
            yield number, row


def _parquet_rows(path: Path) -> Iterator[Row]:
    import pyarrow
    import pyarrow.parquet

    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            number = 0
            for batch in file.iter_batches(batch_size=4096):
                for row in batch.to_pylist():
                    number += 1
                    yield number, row
    except pyarrow.ArrowException as error:
        raise Invalid(f"{path} is not a Parquet file: {str(error).splitlines()[0]}", hint="Write it anew.") from error
