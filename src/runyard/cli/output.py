"""Rows on stdout as a table for people, JSON for programs or CSV for spreadsheets; everything else goes to stderr."""

from __future__ import annotations

import csv
import json
import math
import sys
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum
from io import StringIO
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

Row = Mapping[str, Any]
_UNBOUNDED = 10_000  # columns of a table that is piped: nobody's screen to fit


class Format(StrEnum):
    """How rows are written."""

    table = "table"
    json = "json"
    csv = "csv"


FormatOption = Annotated[Format, typer.Option("--format", "-f", help="How to write the rows.")]


def say(message: str) -> None:
    """Tell the person at the terminal something that is no result: to stderr."""
    print(plain(message, keep_lines=True), file=sys.stderr)


def plain(text: object, *, keep_lines: bool = False) -> str:
    """Return text without control characters, which a terminal would obey."""
    keep = "\n\t" if keep_lines else ""
    return "".join(
        mark if mark in keep or unicodedata.category(mark) not in ("Cc", "Cf", "Cs") else "�" for mark in str(text)
    )


def write_rows(rows: Iterable[Row], columns: Sequence[str], layout: Format, *, shown: Sequence[str] = ()) -> None:
    """Write rows to stdout.

    Args:
        shown: the columns of the table, where it cannot hold all of them.
    """
    match layout:
        case Format.json:
            _write_json(rows, columns)
        case Format.csv:
            _write_csv(rows, columns)
        case Format.table:
            _write_table(rows, shown or columns)


def _write_json(rows: Iterable[Row], columns: Sequence[str]) -> None:
    separator = "[\n"
    for row in rows:
        record = {name: json_value(row.get(name)) for name in columns}
        sys.stdout.write(separator + json.dumps(record, ensure_ascii=False, allow_nan=False))
        separator = ",\n"
    sys.stdout.write("[]\n" if separator == "[\n" else "\n]\n")


def json_value(value: Any) -> Any:
    """Return a value as JSON has it: NaN and infinities null, ids and decimals strings, moments ISO 8601 with Z."""
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            return value if math.isfinite(value) else None
        case UUID():
            return str(value)
        case Decimal():
            # What DuckDB counts and sums beyond 64 bits arrives as a decimal without a fraction.
            whole = value.as_tuple().exponent == 0
            return (int(value) if whole else str(value)) if value.is_finite() else None
        case datetime():
            return (value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value).isoformat() + "Z"
        case date() | time():
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
        case bytes():
            return value.hex()
        case Mapping():
            return {str(key): json_value(inner) for key, inner in value.items()}
        case tuple() if hasattr(value, "nanoseconds"):  # Arrow's interval
            months, days, nanoseconds = value
            return f"P{months}M{days}DT{nanoseconds / 1e9:g}S"
        case list() | tuple() | set():
            return [json_value(inner) for inner in value]
        case _:
            return str(value)


def _write_csv(rows: Iterable[Row], columns: Sequence[str]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_csv_value(row.get(name)) for name in columns] for row in rows)


def _csv_value(value: Any) -> Any:
    """Unlike JSON, CSV has room for NaN: an empty field is unknown, NaN is measured and unusable."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    value = json_value(value)
    if isinstance(value, bool):
        return str(value).lower()
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else value


def _write_table(rows: Iterable[Row], columns: Sequence[str]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    cells = [[row.get(name) for name in columns] for row in rows]
    for index, name in enumerate(columns):
        values = [line[index] for line in cells if line[index] is not None]
        numeric = bool(values) and all(isinstance(value, int | float | Decimal) for value in values)
        table.add_column(plain(name).replace("_", " "), justify="right" if numeric else "left", overflow="fold")
    for line in cells:
        table.add_row(*(Text(plain(cell_text(value))) for value in line))
    _print(table)


def cell_text(value: Any) -> str:
    """Return a value as a table shows it: numbers short, moments to the second, unknown as a dash."""
    match value:
        case None:
            return "–"
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:.5g}"
        case datetime():
            return str(json_value(value))[:19] + "Z"
        case str():
            return " ".join(value.split("\n"))
        case list() | tuple() | Mapping():
            return json.dumps(json_value(value), ensure_ascii=False)
        case _:
            return str(json_value(value))


def _print(table: Table) -> None:
    """Print a table; piped, it has neither colours nor a width to fit nor blanks at the ends of its lines."""
    from rich.console import Console

    if sys.stdout.isatty():
        Console(highlight=False).print(table)
        return
    console = Console(file=StringIO(), width=_UNBOUNDED, highlight=False, color_system=None)
    with console.capture() as captured:
        console.print(table)
    sys.stdout.write("".join(line.rstrip() + "\n" for line in captured.get().splitlines()))


def stderr_console() -> Console:
    """Return a console for progress."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, markup=False, emoji=False)
