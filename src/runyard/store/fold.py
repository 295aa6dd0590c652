"""Folding journals into the tables: the lines that are new, and the rows of the runs that they touch, at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache

import duckdb
import pyarrow as pa

from runyard.core.clock import now
from runyard.core.paths import Yard, resource
from runyard.store.journals import read_lines
from runyard.store.lease import transaction
from runyard.store.lines import Line, Parsed, Rejected, parse

_ROUND_LINES = 200_000
_REJECTED_CHARACTERS = 10_000


@dataclass(frozen=True)
class Folded:
    """What was folded: events, lines rejected, and how far into each journal."""

    events: int
    rejected: int
    reached: Mapping[str, int]


@cache
def _sql(name: str) -> str:
    return (resource("sql") / "ingest" / f"{name}.sql").read_text(encoding="utf-8")


def fold_journals(cursor: duckdb.DuckDBPyConnection, yard: Yard, journals: Iterable[str]) -> Folded:
    """Fold what is new in some journals into the attached store.

    Each round is one transaction: rows, offsets, and the rows of the runs that they touch. What is written after the
    start waits for the next fold, or busy writers would keep the store from everybody else on a slow machine.

    Raises:
        Unavailable: the disk is full; the round is rolled back.
    """
    offsets = _offsets(cursor)
    reached = {name: offsets.get(name, 0) for name in journals}
    sizes = {name: _size(yard, name) for name in reached}
    waiting = list(reached)
    events = rejected = 0
    while waiting:
        lines: list[Line] = []
        moved: dict[str, int] = {}
        while waiting and len(lines) < _ROUND_LINES:
            name = waiting.pop()
            found, end = read_lines(yard, name, reached[name])
            if end > reached[name]:
                lines += found
                moved[name] = end
        if not moved:
            break
        parsed = parse(lines)
        with transaction(cursor, yard.store_db):
            insert(cursor, parsed, moved)
        events += parsed.events
        rejected += len(parsed.rejected)
        reached.update(moved)
        waiting += (name for name, end in moved.items() if end < sizes[name])
    return Folded(events, rejected, reached)


def _size(yard: Yard, journal: str) -> float:
    try:
        return (yard.home / journal).stat().st_size
    except FileNotFoundError:
        return float("inf")  # compressed, so it has ended: read on until nothing more comes


def _offsets(cursor: duckdb.DuckDBPyConnection) -> dict[str, int]:
    return dict(cursor.execute("SELECT journal, bytes FROM journal_offsets").fetchall())


def insert(cursor: duckdb.DuckDBPyConnection, parsed: Parsed, offsets: Mapping[str, int]) -> None:
    """Insert parsed lines and the offsets they reach; the caller owns the transaction."""
    if (epochs := parsed.bulk.get("epoch")) is not None:
        _insert(cursor, "epoch", epochs)
        _insert(cursor, "metrics", epochs)
    if (metrics := parsed.bulk.get("metrics")) is not None:
        _insert(cursor, "metrics", metrics)
    if parsed.run_events is not None:
        _insert(cursor, "run_event", parsed.run_events)
    if parsed.rejected:
        _insert_rejected(cursor, parsed.rejected)
    cursor.register("reached", pa.table({"journal": list(offsets), "bytes": list(offsets.values())}))
    cursor.execute("INSERT OR REPLACE INTO journal_offsets SELECT journal, bytes FROM reached")
    cursor.unregister("reached")
    if touched := parsed.touched():
        cursor.execute("SET VARIABLE touched = $touched", {"touched": sorted(touched)})
        cursor.execute(_sql("fold"))


def _insert(cursor: duckdb.DuckDBPyConnection, kind: str, table: pa.Table) -> None:
    cursor.register("lines", table)
    cursor.execute(_sql(kind))
    cursor.unregister("lines")


def _insert_rejected(cursor: duckdb.DuckDBPyConnection, rejected: Iterable[Rejected]) -> None:
    columns = [
        (item.line.journal, item.line.offset, _shortened(item.line.text), item.reason[:_REJECTED_CHARACTERS])
        for item in rejected
    ]
    names = ("journal", "line_offset", "line", "reason")
    cursor.register("lines", pa.table(dict(zip(names, map(list, zip(*columns, strict=True)), strict=True))))
    cursor.execute("INSERT INTO rejected_events SELECT *, ? FROM lines", [now()])
    cursor.unregister("lines")


def _shortened(text: bytes) -> str:
    return text[:_REJECTED_CHARACTERS].decode(errors="replace").rstrip("\n")  # the journal has the rest
