"""Folding journals into the tables: the lines that are new, and the rows of the runs that they touch, at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from uuid import UUID

import duckdb
import pyarrow as pa

from runyard.core.clock import now
from runyard.core.paths import Yard, resource
from runyard.store.journals import read_chunk
from runyard.store.lease import transaction
from runyard.store.lines import Chunk, Parsed, Rejected, parse

_ROUND_BYTES = 64 << 20
_REJECTED_CHARACTERS = 10_000
_ENDED = "SELECT id FROM training_sessions WHERE id IN getvariable('touched') AND is_terminal(status)"


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
        chunks: dict[str, Chunk] = {}
        room = _ROUND_BYTES
        while waiting and room > 0:
            name = waiting.pop()
            if chunk := read_chunk(yard, name, reached[name]):
                chunks[name] = chunk
                room -= len(chunk.data)
        if not chunks:
            break
        parsed = parse(list(chunks.values()))
        moved = {name: chunk.offset + len(chunk.data) for name, chunk in chunks.items()}
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
    if parsed.bulk is not None:
        with _registered(cursor, parsed.bulk):
            cursor.execute(_sql("epoch"))
            if parsed.bulk["metrics"].null_count < parsed.bulk.num_rows:
                cursor.execute(_sql("metrics"))
    if parsed.run_events is not None:
        with _registered(cursor, parsed.run_events):
            cursor.execute(_sql("run_event"))
    if parsed.rejected:
        _insert_rejected(cursor, parsed.rejected)
    with _registered(cursor, pa.table({"journal": list(offsets), "bytes": list(offsets.values())})):
        cursor.execute("INSERT OR REPLACE INTO journal_offsets SELECT journal, bytes FROM lines")
    _refresh(cursor, parsed.runs_with_events(), parsed.runs_with_epochs())


def _refresh(cursor: duckdb.DuckDBPyConnection, said: set[UUID], logged: set[UUID]) -> None:
    """Make the own rows of runs again: whole after an event of the run, their progress alone after epochs."""
    if logged - said:
        _touch(cursor, logged - said)
        said = said | {run for (run,) in cursor.execute(_ENDED).fetchall()}
    if said:
        _touch(cursor, said)
        cursor.execute(_sql("fold_runs"))
        cursor.execute(_sql("fold_curves"))
    if logged - said:
        _touch(cursor, logged - said)
        cursor.execute(_sql("fold_progress"))


def _touch(cursor: duckdb.DuckDBPyConnection, runs: set[UUID]) -> None:
    cursor.execute("SET VARIABLE touched = $touched", {"touched": sorted(runs)})


@contextmanager
def _registered(cursor: duckdb.DuckDBPyConnection, table: pa.Table) -> Iterator[None]:
    cursor.register("lines", table)
    try:
        yield
    finally:
        cursor.unregister("lines")


def _insert_rejected(cursor: duckdb.DuckDBPyConnection, rejected: Sequence[Rejected]) -> None:
    table = pa.table(
        {
            "journal": [item.journal for item in rejected],
            "line_offset": [item.offset for item in rejected],
            "line": [_shortened(item.text) for item in rejected],
            "reason": [item.reason[:_REJECTED_CHARACTERS] for item in rejected],
        }
    )
    with _registered(cursor, table):
        cursor.execute("INSERT INTO rejected_events SELECT *, ? FROM lines", [now()])


def _shortened(text: bytes) -> str:
    return text[:_REJECTED_CHARACTERS].decode(errors="replace").rstrip("\n")  # the journal has the rest
