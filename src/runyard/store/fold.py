"""Folding journals into the tables: the lines that are new, and the rows of the runs that they touch, at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any
from uuid import UUID

import duckdb

from runyard.core.clock import now
from runyard.core.paths import Yard
from runyard.store.events import QUIET_KINDS, RecordEvent, RunEvent
from runyard.store.journals import read_chunk
from runyard.store.lease import transaction
from runyard.store.lines import (
    Chunk,
    Lines,
    Rejected,
    Sifted,
    Unreadable,
    fold_lines,
    set_aside,
    sift,
)
from runyard.store.statements import execute, sql

_ROUND_BYTES = 64 << 20
_REJECTED_CHARACTERS = 10_000
_OFFSETS = "SELECT journal, bytes FROM journal_offsets WHERE journal IN $journals"
_BEHIND = """
SELECT DISTINCT session_id, coalesce(is_terminal(status), false)
FROM sessions_behind LEFT JOIN training_sessions ON id = session_id
"""
_TOUCH = "SET VARIABLE touched = $touched"
# The newest first: what is left of a large yard that was updated comes with the next snapshots.
_KEEPING_SECONDS = 1.0
_MOST_KEPT_AT_ONCE = 100
UNKEPT = f"""
SELECT id
FROM training_sessions
WHERE is_terminal(status)
  AND id NOT IN (SELECT session_id FROM kept_curve_facts)
  AND id NOT IN (SELECT id FROM runs WHERE deleted_at IS NOT NULL)
ORDER BY id DESC
LIMIT {_MOST_KEPT_AT_ONCE}
"""
# A table, since there may be many: `IN` a list looks through all of it for each row.
_TOUCHED_RECORDS = "CREATE OR REPLACE TEMP TABLE touched_records AS SELECT unnest($touched::UUID[]) AS id"


@dataclass(frozen=True)
class Folded:
    """What was folded: events, lines rejected, how far into each journal; `ended`: a run was touched that has ended."""

    events: int
    rejected: int
    reached: Mapping[str, int]
    ended: bool


@dataclass(frozen=True)
class _Round:
    used: int
    rejected: int
    ended: bool


def fold_journals(cursor: duckdb.DuckDBPyConnection, yard: Yard, sizes: Mapping[str, float]) -> Folded:
    """Fold what is new in some journals into the attached store.

    Each round is one transaction: rows, offsets, and the rows of the runs that they touch. What is written after the
    start waits for the next fold, or busy writers would keep the store from everybody else on a slow machine.

    Args:
        sizes: bytes of each journal now; infinity for one that has ended, whose bytes nobody counted.

    Raises:
        Unavailable: the disk is full; the round is rolled back.
    """
    reached = dict.fromkeys(sizes, 0) | _offsets(cursor, list(sizes))
    waiting = [name for name, end in reached.items() if end < sizes[name]]
    rounds: list[_Round] = []
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
        rounds.append(_fold_round(cursor, yard, list(chunks.values())))
        reached.update((name, chunk.end) for name, chunk in chunks.items())
        waiting += (name for name, chunk in chunks.items() if chunk.end < sizes[name])
    return Folded(
        events=sum(done.used for done in rounds),
        rejected=sum(done.rejected for done in rounds),
        reached=reached,
        ended=any(done.ended for done in rounds),
    )


def _offsets(cursor: duckdb.DuckDBPyConnection, journals: Sequence[str]) -> dict[str, int]:
    return dict(execute(cursor, _OFFSETS, {"journals": journals}).fetchall())


def _fold_round(cursor: duckdb.DuckDBPyConnection, yard: Yard, chunks: Sequence[Chunk]) -> _Round:
    """Fold some chunks and the offsets they reach by one transaction."""
    lines = Lines(chunks)
    try:
        with transaction(cursor, yard.store_db):
            used, unused = fold_lines(cursor, [chunk.data for chunk in chunks])
            return _finish(cursor, lines, Sifted(), used, unused)
    except Unreadable:
        sifted = sift(cursor, lines)
    with transaction(cursor, yard.store_db):
        used, unused = fold_lines(cursor, lines.texts(sifted.good))
        unused = [(sifted.good[place], kind) for place, kind in unused]
        return _finish(cursor, lines, sifted, used, unused)


def _finish(
    cursor: duckdb.DuckDBPyConnection,
    lines: Lines,
    sifted: Sifted,
    used: int,
    unused: Sequence[tuple[int, str | None]],
) -> _Round:
    for place, kind in unused:
        set_aside(lines, place, kind, sifted)
    if sifted.run_events:
        execute(cursor, sql("run_event"), _columns(sifted.run_events))
    if sifted.record_events:
        execute(cursor, sql("recorded_event"), _columns(sifted.record_events))
        execute(cursor, _TOUCHED_RECORDS, {"touched": list({event.record for event in sifted.record_events})})
        execute(cursor, sql("fold_records"))
    if sifted.rejected:
        _insert_rejected(cursor, sifted.rejected)
    for name, chunks in (
        ("new_offsets", [chunk for chunk in lines.chunks if chunk.offset == 0]),
        ("offsets", [chunk for chunk in lines.chunks if chunk.offset > 0]),
    ):
        if chunks:
            reached = {"journals": [chunk.journal for chunk in chunks], "bytes": [chunk.end for chunk in chunks]}
            execute(cursor, sql(name), reached)
    ended = _fold_runs(cursor, {event.run for event in sifted.run_events if event.kind not in QUIET_KINDS})
    return _Round(used + len(sifted.run_events) + len(sifted.record_events), len(sifted.rejected), ended)


def _fold_runs(cursor: duckdb.DuckDBPyConnection, runs: Iterable[UUID]) -> bool:
    """Make the own rows of some runs again from their events and curves; returns whether one of them has ended."""
    if not (touched := sorted(runs)):
        return False
    execute(cursor, _TOUCH, {"touched": touched})
    execute(cursor, sql("drop_facts"))
    execute(cursor, sql("fold_runs"))
    in_order, curves, ended, versions, samples = execute(cursor, sql("touched")).fetchone() or (True,) * 5
    for name, is_needed in (
        ("fold_order", in_order),
        ("fold_progress", curves),
        ("fold_flags", curves and ended),
        ("fold_versions", versions),
        ("fold_samples", samples),
    ):
        if is_needed:
            execute(cursor, sql(name))
    return bool(ended)


def fold_behind(cursor: duckdb.DuckDBPyConnection, yard: Yard, *, ended: bool) -> None:
    """Bring the sessions that have gone on up to date with their epochs, and keep the facts of ended ones.

    Their rows are read in snapshots and by whoever watches, so this is done before those, not for every batch.

    Args:
        ended: whether there may be ended sessions of which nothing is kept.

    Raises:
        Unavailable: the disk is full.
    """
    behind = execute(cursor, _BEHIND).fetchall()
    if behind:
        with transaction(cursor, yard.store_db):
            ended |= _fold_runs(cursor, (session for session, is_over in behind if is_over))
            if running := [session for session, is_over in behind if not is_over]:
                execute(cursor, _TOUCH, {"touched": running})
                execute(cursor, sql("fold_progress"))
            cursor.execute("DELETE FROM sessions_behind")
    began = monotonic()
    while ended and keep_facts(cursor, yard) and monotonic() - began < _KEEPING_SECONDS:
        pass


def keep_facts(cursor: duckdb.DuckDBPyConnection, yard: Yard) -> int:
    """Keep the facts of sessions that have ended and have none, at most a hundred; returns how many.

    Without them the views say the same, only slower.

    Raises:
        Unavailable: the disk is full.
    """
    ended = [session for (session,) in execute(cursor, UNKEPT).fetchall()]
    if ended:
        with transaction(cursor, yard.store_db):
            execute(cursor, "SET VARIABLE ended = $ended", {"ended": ended})
            execute(cursor, sql("keep_facts"))
    return len(ended)


def _columns(events: Sequence[RunEvent] | Sequence[RecordEvent]) -> dict[str, list[Any]]:
    return {name: [getattr(event, name) for event in events] for name in type(events[0]).__dataclass_fields__}


def _insert_rejected(cursor: duckdb.DuckDBPyConnection, rejected: Sequence[Rejected]) -> None:
    columns = {
        "journals": [item.journal for item in rejected],
        "offsets": [item.offset for item in rejected],
        "texts": [_shortened(item.text) for item in rejected],
        "reasons": [item.reason[:_REJECTED_CHARACTERS] for item in rejected],
        "now": now(),
    }
    execute(cursor, sql("rejected"), columns)


def _shortened(text: bytes) -> str:
    return text[:_REJECTED_CHARACTERS].decode(errors="replace").rstrip("\n")  # the journal has the rest
