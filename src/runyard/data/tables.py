"""Texts with labels from CSV, JSONL and Parquet; what is broken is named by file and line."""

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from runyard.config.dataset import TrainingData
from runyard.core.errors import Invalid, Problem
from runyard.data.arrays import array_rows
from runyard.data.folders import folder_rows
from runyard.data.marks import MarkReader
from runyard.data.sources import Source

Row = tuple[int, dict[str, Any]]


@dataclass(frozen=True)
class TextTable:
    """Rows in the order of the file; `groups`, `held_out` and `times` only if the split asks for them."""

    texts: list[str]
    labels: list[str]
    groups: list[str] | None
    held_out: list[bool] | None
    times: list[float] | None = None
    skipped: int = 0


def read_table(source: Source, data: TrainingData, *, limit: int | None = None, labelled: bool = True) -> TextTable:
    """Read the rows of a table, or the first `limit`; `skipped` counts those without a label that were left out.

    Args:
        labelled: False for texts to predict: then only those are read, and there are no labels.

    Raises:
        Invalid: with the broken lines (the first ten), or the column that is missing.
    """
    assert source.path is not None
    if source.format in ("npz", "npy"):
        raise Invalid(f"{source.path} holds series, not texts.", hint="Take a model for series or tables.")
    marks = MarkReader(source.path, data, labelled, also={"text": data.text_column})
    for line, row in islice(rows_of(source, data), limit):
        marks.read(line, row)
    read = marks.finish()
    return TextTable(marks.column("text"), read.labels, read.groups, read.held_out, read.times, read.skipped)


def rows_of(source: Source, data: TrainingData) -> Iterator[Row]:
    """Yield the rows of a table with their lines, as they stand there; files are numbered from 1.

    Raises:
        Invalid: the file, or a line of it, cannot be read.
    """
    assert source.path is not None
    try:
        if source.format == "csv":
            yield from _csv_rows(source.path)
        elif source.format == "jsonl":
            yield from _jsonl_rows(source.path)
        elif source.format == "parquet":
            yield from _parquet_rows(source.path)
        elif source.format == "folder":
            yield from folder_rows(source.path, data.text_column, data.label_column)
        else:
            yield from array_rows(source.path, data.label_column)
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
            except (ValueError, RecursionError) as error:
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
