"""An answer in SQL as a file: CSV for spreadsheets, Parquet and Arrow for programs."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from typing import Any, Literal

import pyarrow as pa
import pyarrow.csv
import pyarrow.feather
import pyarrow.parquet

Kind = Literal["csv", "parquet", "arrow"]


def encoded(table: pa.Table, kind: Kind) -> bytes:
    """Return a table as the bytes of a file; Arrow is the IPC file format (Feather 2), compressed with zstd.

    What a format has no type for becomes text: in CSV lists and structs as JSON, in both others intervals alone.
    """
    sink = pa.BufferOutputStream()
    match kind:
        case "csv":
            pa.csv.write_csv(with_text(table, _has_no_place_in_a_cell), sink)
        case "parquet":
            pa.parquet.write_table(with_text(table, pa.types.is_interval), sink, compression="zstd")
        case "arrow":
            pa.feather.write_feather(with_text(table, pa.types.is_interval), sink, compression="zstd")
    return bytes(sink.getvalue())


def for_screen(table: pa.Table) -> pa.Table:
    """Return a table that a page can show: decimals as numbers, structs and other types it cannot draw as text."""
    fields = [
        field.with_type(pa.float64()) if pa.types.is_decimal(field.type) else field
        for field in with_text(table, _cannot_be_drawn).schema
    ]
    return with_text(table, _cannot_be_drawn).cast(pa.schema(fields))


def with_text(table: pa.Table, is_text: Callable[[pa.DataType], bool]) -> pa.Table:
    """Return the table with some of its columns as text."""
    for place, field in enumerate(table.schema):
        if is_text(field.type):
            texts = pa.array([_text(value) for value in table.column(place).to_pylist()], pa.string())
            table = table.set_column(place, field.name, texts)
    return table


def _has_no_place_in_a_cell(kind: pa.DataType) -> bool:
    return bool(pa.types.is_nested(kind) or pa.types.is_interval(kind) or pa.types.is_binary(kind))


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
