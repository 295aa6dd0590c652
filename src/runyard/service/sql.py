"""Asking a yard in SQL: what waits is folded in, then one SELECT runs on the newest snapshot, in the sandbox."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pyarrow as pa

from runyard.core.errors import Invalid, NotFound, Problem, Unavailable
from runyard.runtime import Runtime
from runyard.store import publish
from runyard.store.untrusted import select

LONGEST_SECONDS = 3600.0
_TRIES = 3  # the newest snapshot may be pruned between the look and the opening


@dataclass(frozen=True)
class Answer:
    """The rows, the number of the snapshot they are from, and what the reader should know about them."""

    table: pa.Table
    version: int
    cut: bool
    note: str = ""


def ask(rt: Runtime, statement: str, *, timeout_seconds: float = 10.0, limit: int = 10_000) -> Answer:
    """Return the answer to one SELECT; at most `limit` rows, 0 is no limit.

    Raises:
        Invalid: the statement or an argument cannot be used.
        Denied: it is no SELECT, or wants what is outside the yard's tables.
        Unavailable: it took too long, too much memory, or its answer is too large.
        NotFound: the yard has no data yet.
        Corrupt: a newer version wrote the yard.
    """
    problems = [
        Problem(name, f"{value!r} cannot be used", (allowed,))
        for name, value, is_fine, allowed in (
            ("timeout", timeout_seconds, 0 < timeout_seconds <= LONGEST_SECONDS, f"0 to {LONGEST_SECONDS:.0f} seconds"),
            ("limit", limit, 0 <= limit < math.inf, "a whole number, 0 for all rows"),
        )
        if not is_fine
    ]
    if problems:
        raise Invalid("The query cannot be asked like this.", problems=problems)
    note = fold(rt)
    for attempt in range(1, _TRIES + 1):
        snapshot = publish.newest(rt.yard.store)
        if snapshot is None:
            break
        try:
            selected = select(snapshot.path, statement, timeout_seconds=timeout_seconds, limit=limit)
        except NotFound:
            if attempt == _TRIES:
                raise
            continue
        return Answer(selected.table, snapshot.number, selected.cut, note)
    raise NotFound("This yard has no data yet.", hint="Launch a run, or `runyard demo`, to make some.")


def fold(rt: Runtime, *, verb: str = "sql") -> str:
    """Fold in what waits and make a snapshot of it; returns what stood in the way, for the reader to know.

    Raises:
        Corrupt: a newer version wrote the yard, or the store is damaged.
    """
    try:
        rt.store.ingest(verb=verb, wait_seconds=5.0, snapshot=True)
    except Unavailable as error:
        return f"These are the data of version {rt.store.version}: {error.message}"
    return ""
