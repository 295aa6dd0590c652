"""Rows of CSV, JSON lines and Parquet, up to what is damaged: names and values, nothing interpreted."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runyard.core.errors import Corrupt

Row = dict[str, Any]

_MAX_SAID = 5


@dataclass(frozen=True)
class Rows:
    """The rows of a table that can be read, what is wrong with the others, and which columns were given a name."""

    rows: tuple[Row, ...]
    damages: tuple[str, ...]
    notes: tuple[str, ...] = ()


def read_rows(path: Path, kind: str) -> Rows:
    """Read a file; an empty cell is absent from its row.

    Raises:
        Corrupt: a Parquet file that is cut: its index is at its end.
    """
    if kind == "parquet":
        return Rows(tuple(_parquet(path)), ())
    data, damages = _unpacked(path)
    text = data.decode("utf-8-sig", errors="replace")
    notes: list[str] = []
    rows, bad = _csv(text, notes) if kind == "csv" else _json_lines(text)
    said = [f"line {line}: {reason}" for line, reason in bad[:_MAX_SAID]]
    if len(bad) > _MAX_SAID:
        said.append(f"{len(bad) - _MAX_SAID} more lines that cannot be used")
    return Rows(tuple(rows), (*damages, *said), tuple(notes))


def _unpacked(path: Path) -> tuple[bytes, list[str]]:
    if path.suffix != ".gz":
        return path.read_bytes(), []
    data = bytearray()
    try:
        with gzip.open(path) as file:
            while chunk := file.read(1 << 16):
                data += chunk
    except (EOFError, OSError) as error:
        return bytes(data), [f"the compressed file is cut or damaged ({error}); what stands before was imported"]
    return bytes(data), []


def _csv(text: str, notes: list[str]) -> tuple[list[Row], list[tuple[int, str]]]:
    first = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=first.count)
    rows: list[Row] = []
    bad: list[tuple[int, str]] = []
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    header: list[str] = []
    said: dict[str, str] = {}
    while True:
        try:
            cells = next(lines)
        except StopIteration:
            break
        except csv.Error as error:
            bad.append((lines.line_num, str(error)))
            continue
        if not header:
            header, said = _header(cells)
        elif len(cells) != len(header):
            if any(cells):
                bad.append((lines.line_num, f"{len(cells)} cells where the header has {len(header)}; left out"))
        else:
            rows.append({name: cell for name, cell in zip(header, cells, strict=True) if cell.strip()})
    if text and not text.endswith("\n") and not (bad and bad[-1][0] == lines.line_num):
        bad.append((lines.line_num, "it has no line end, so its last value may be cut; imported as it stands"))
    notes += (note for name, note in said.items() if any(name in row for row in rows))
    return rows, bad


def _header(cells: list[str]) -> tuple[list[str], dict[str, str]]:
    """Return a name of its own for each column, and what is to be said of those that had none or that of another."""
    names = [cell.strip() for cell in cells]
    taken = set(names)
    found: dict[str, str] = {}
    for place, name in enumerate(names, start=1):
        base = own = name or f"column_{place}"
        count = 0
        while own in found or (own != name and own in taken):
            count += 1
            own = f"{base}_{count}"
        said = f"is named {name!r} as one before it" if name else "has no name"
        found[own] = "" if own == name else f"Column {place} {said}: it is imported as {own!r}."
    return list(found), {own: said for own, said in found.items() if said}


def _json_lines(text: str) -> tuple[list[Row], list[tuple[int, str]]]:
    rows: list[Row] = []
    bad: list[tuple[int, str]] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            bad.append((number, f"no JSON ({error}); left out"))
            continue
        if isinstance(row, dict):
            rows.append(dict(_flat(row)))
        else:
            bad.append((number, "no JSON object; left out"))
    return rows, bad


def _flat(row: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the values of nested objects under their path, such as `train.loss`."""
    for name, value in row.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        elif value is not None:
            yield f"{prefix}{name}", value


def _parquet(path: Path) -> Iterator[Row]:
    import polars as pl

    try:
        frame = pl.read_parquet(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise Corrupt(
            f"{path} cannot be read as Parquet: {error}", hint="Its index is at its end: nothing of a cut file is left."
        ) from error
    for row in frame.iter_rows(named=True):
        yield dict(_flat(row))
