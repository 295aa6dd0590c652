"""An answer in SQL as a file: CSV for spreadsheets, Parquet and Arrow for programs."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, cast, get_args

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.feather
import pyarrow.parquet

from runyard.core.errors import Conflict, Invalid, NotFound
from runyard.store.texts import texts

Kind = Literal["csv", "parquet", "arrow"]


def encoded(table: pa.Table, kind: Kind) -> bytes:
    """Return a table as the bytes of a file; Arrow is the IPC file format (Feather 2), compressed with zstd.

    What a format has no type for becomes text: in CSV lists and structs as JSON and dates beyond the calendar, in
    Parquet what holds intervals or unions, in Arrow intervals alone.
    """
    sink = pa.BufferOutputStream()
    match kind:
        case "csv":
            pa.csv.write_csv(with_text(_with_odd_dates_as_text(table), _has_no_place_in_a_cell), sink)
        case "parquet":
            pa.parquet.write_table(with_text(table, _is_unknown_to_parquet), sink, compression="zstd")
        case "arrow":
            pa.feather.write_feather(with_text(table, pa.types.is_interval), sink, compression="zstd")
    return bytes(sink.getvalue())


def check_place(file: Path) -> Kind:
    """Return the kind of a file to write, by its ending.

    Raises:
        Invalid: the ending is of no kind.
        NotFound: its folder is missing.
        Conflict: the file is there already.
    """
    kind = file.suffix.lower().removeprefix(".")
    if kind not in get_args(Kind):
        raise Invalid(f"{file} has no known ending.", hint=f"End it with .{', .'.join(get_args(Kind))}.")
    if not file.absolute().parent.is_dir():
        raise NotFound(f"The folder {file.parent} is missing.", hint="Make it first.")
    if file.exists():
        raise Conflict(f"{file} is there already.", hint="Choose another name, or move it away.")
    return cast("Kind", kind)


def save(table: pa.Table, file: Path) -> None:
    """Write an answer to a file whose ending says which kind: all of it or none; see `check_place` for what it raises.

    Raises:
        OSError: the file cannot be written.
    """
    kind, temporary = check_place(file), file.with_name(file.name + ".tmp")
    try:
        temporary.write_bytes(encoded(table, kind))
        temporary.replace(file)
    finally:
        temporary.unlink(missing_ok=True)


def for_screen(table: pa.Table) -> pa.Table:
    """Return a table that a page can show: decimals as numbers, what it cannot draw as text, such as structs."""
    drawn = with_text(_with_odd_dates_as_text(table), _cannot_be_drawn)
    fields = [field.with_type(pa.float64()) if pa.types.is_decimal(field.type) else field for field in drawn.schema]
    return drawn.cast(pa.schema(fields))


def rows(table: pa.Table) -> Iterator[dict[str, Any]]:
    """Yield the rows of an answer; a value that Python has none for, such as TIMESTAMP 'infinity', is text."""
    for batch in table.to_batches():
        for values in zip(*(_values(column) for column in batch.columns), strict=True):
            yield dict(zip(table.column_names, values, strict=True))


def with_text(table: pa.Table, is_text: Callable[[pa.DataType], bool]) -> pa.Table:
    """Return the table with some of its columns as text."""
    for place, field in enumerate(table.schema):
        if is_text(field.type):
            column = pa.array([_text(value) for value in _values(table.column(place))], pa.string())
            table = table.set_column(place, field.name, column)
    return table


def _values(column: pa.ChunkedArray | pa.Array) -> list[Any]:
    try:
        return list(column.to_pylist())
    except (OverflowError, ValueError):
        return [_value(value, text) for value, text in zip(column, texts(column), strict=True)]


def _value(value: pa.Scalar, text: str | None) -> Any:
    try:
        return value.as_py()
    except (OverflowError, ValueError):
        return text


def _with_odd_dates_as_text(table: pa.Table) -> pa.Table:
    """Return the table with the columns of dates and moments as text that go beyond the years 1 to 9999."""
    for place, field in enumerate(table.schema):
        if not (pa.types.is_date(field.type) or pa.types.is_timestamp(field.type)):
            continue
        column = table.column(place)
        try:
            pc.min_max(column).as_py()
        except (OverflowError, ValueError):
            table = table.set_column(place, field.name, pa.array(texts(column), pa.string()))
    return table


def _has_no_place_in_a_cell(kind: pa.DataType) -> bool:
    return bool(pa.types.is_nested(kind) or pa.types.is_interval(kind) or pa.types.is_binary(kind))


def _is_unknown_to_parquet(kind: pa.DataType) -> bool:
    inner = (kind.field(place).type for place in range(kind.num_fields))
    return bool(pa.types.is_interval(kind) or pa.types.is_union(kind) or any(map(_is_unknown_to_parquet, inner)))


def _cannot_be_drawn(kind: pa.DataType) -> bool:
    if pa.types.is_list(kind):
        return bool(_cannot_be_drawn(kind.value_type) or pa.types.is_nested(kind.value_type))
    return _has_no_place_in_a_cell(kind) or pa.types.is_time(kind)


def _text(value: Any) -> str | None:
    if value is None:
        return None
    if hasattr(value, "nanoseconds"):  # Arrow's interval
        months, days, nanoseconds = value
        return f"P{months}M{days}DT{nanoseconds / 1e9:g}S"
    if isinstance(value, list | tuple | Mapping):
        return json.dumps(value, default=_text, ensure_ascii=False)
    return base64.b64encode(value).decode() if isinstance(value, bytes) else str(value)
