"""Journal lines into a table, read in bulk by DuckDB; what cannot be used is set aside with its reason."""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any
from uuid import UUID

import duckdb
import numpy as np
import orjson

from runyard.core.paths import resource

BULK_KINDS = ("epoch", "metrics")
QUIET_KINDS = ("checkpoint", "notice")  # frequent, and no row of a run follows from them: see fold_runs.sql
RUN_EVENT_KINDS = frozenset(
    (
        *("queued", "spawned", "started", "planned", "checkpoint", "notice"),
        *("early_stop", "cancel_requested", "lost", "ended", "changed", "benchmark", "transferred"),
    )
)
ENDINGS = ("completed", "failed", "cancelled")
END_OF_TIME_US = 1 << 53  # the year 2255: beyond it a double, as which JSON's numbers are read, is not exact
_USUAL_LENGTH = 16 << 20  # DuckDB's own default; a longer line is read with all the room it needs
_INTO_NEW_TABLE = "CREATE OR REPLACE TEMP TABLE lines AS"
_SUMMARY = """
SELECT
  count(*) FILTER (usable),
  coalesce(bool_or(usable AND metrics IS NOT NULL), false),
  coalesce(bool_and(usable), true)
FROM lines
"""
# DuckDB quotes the line, and may cut it inside a character: its message is no UTF-8 then.
_UNREADABLE = (duckdb.ProgrammingError, duckdb.DataError, UnicodeDecodeError)
_WHERE = re.compile(r"^.* in file .* in line \d+: ")  # the file is ours, the line has its address beside it
_NOT_NUMBERS = {"k", "run", "metrics"}
_BLANK = b" \t\r\n\xef\xbb\xbf"


@dataclass(frozen=True)
class Chunk:
    """Finished lines of one journal, from an offset on; `data` ends with a newline."""

    journal: str
    offset: int
    data: bytes


@dataclass(frozen=True)
class Rejected:
    """A line that cannot be used, and why."""

    journal: str
    offset: int
    text: bytes
    reason: str


@dataclass(frozen=True)
class RunEvent:
    """What happened to a run, with the line itself as its body and the address of that line."""

    run: UUID
    at: int
    kind: str
    attempt: int | None
    body: str
    journal: str
    line_offset: int


@dataclass
class Parsed:
    """What some lines hold beside the epochs and metrics, which are the usable rows of the table `lines`."""

    bulk_rows: int = 0
    has_metrics: bool = False
    run_events: list[RunEvent] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)

    @property
    def events(self) -> int:
        return self.bulk_rows + len(self.run_events)

    def runs_with_events(self) -> set[UUID]:
        """Return the runs of which a run event among these lines may change their own row."""
        return {event.run for event in self.run_events if event.kind not in QUIET_KINDS}


class _Lines:
    """The lines of some chunks, numbered when that is needed first; blank ones do not count."""

    def __init__(self, chunks: Sequence[Chunk]) -> None:
        self.chunks = chunks

    @cached_property
    def data(self) -> bytes:
        return b"".join(chunk.data for chunk in self.chunks)

    @cached_property
    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Return where each line starts and ends, its newline included."""
        ends = np.flatnonzero(np.frombuffer(self.data, np.uint8) == ord("\n")) + 1
        starts = np.concatenate(([0], ends[:-1]))
        solid = ends - starts > 1
        return starts[solid], ends[solid]

    def __len__(self) -> int:
        return len(self.bounds[0])

    def text(self, place: int) -> bytes:
        starts, ends = self.bounds
        return self.data[starts[place] : ends[place]]

    @cached_property
    def _chunk_ends(self) -> np.ndarray:
        return np.cumsum([len(chunk.data) for chunk in self.chunks])

    def address(self, place: int) -> tuple[str, int]:
        """Return the journal of a line and where in it the line starts."""
        start = int(self.bounds[0][place])
        number = int(np.searchsorted(self._chunk_ends, start, side="right"))
        chunk = self.chunks[number]
        return chunk.journal, chunk.offset + start - int(self._chunk_ends[number]) + len(chunk.data)


@cache
def sql(name: str) -> str:
    """Return the text of a statement of the ingest."""
    return (resource("sql") / "ingest" / f"{name}.sql").read_text(encoding="utf-8")


def parse(cursor: duckdb.DuckDBPyConnection, chunks: Sequence[Chunk]) -> Parsed:
    """Read some journal lines into the temporary table `lines`; no line is lost.

    Each is a usable row of that table, a run event or among the rejected.
    """
    parsed, lines = Parsed(), _Lines(chunks)
    read = _read_all(cursor, chunks) or _read_in_pieces(cursor, lines, parsed)
    if not read:
        return parsed
    parsed.bulk_rows, parsed.has_metrics, is_all = _one(cursor, _SUMMARY)
    if not is_all:
        for row, kind in cursor.execute("SELECT rowid, k FROM lines WHERE NOT usable ORDER BY rowid").fetchall():
            place = read[row]
            if kind in BULK_KINDS:
                reason = "run is not a UUID, or at, attempt, epoch or a count is missing or not a whole number in range"
                parsed.rejected.append(Rejected(*lines.address(place), lines.text(place), reason))
            else:
                _add_run_event(lines, place, parsed)
    return parsed


def _read_all(cursor: duckdb.DuckDBPyConnection, chunks: Sequence[Chunk]) -> Sequence[int]:
    """Read all lines at once, as is nearly always possible; returns their numbers, or none."""
    try:
        count = _read(cursor, _INTO_NEW_TABLE, [chunk.data for chunk in chunks], _USUAL_LENGTH)
    except _UNREADABLE:
        return []
    ends = sum(int(np.count_nonzero(np.frombuffer(chunk.data, np.uint8) == ord("\n"))) for chunk in chunks)
    return range(count) if count == ends else []  # DuckDB passes over blanks: which was it?


def _read_in_pieces(cursor: duckdb.DuckDBPyConnection, lines: _Lines, parsed: Parsed) -> list[int]:
    """Halve until the bad lines stand alone, those that look odd apart; returns the lines as their rows lie."""
    done: list[int] = []
    looks_good = [_looks_good(lines.text(place)) for place in range(len(lines))]
    pieces = [[place for place, good in enumerate(looks_good) if good is wanted] for wanted in (True, False)]
    while pieces:
        if not (piece := pieces.pop()):
            continue
        if len(piece) == 1 and _is_run_event(lines.text(piece[0])):
            _add_run_event(lines, piece[0], parsed)
            continue
        texts = [lines.text(place).strip(_BLANK) for place in piece]
        try:
            if not all(text.startswith(b"{") for text in texts):
                raise duckdb.InvalidInputException("a line is no object")
            insert = "INSERT INTO lines BY NAME" if done else _INTO_NEW_TABLE
            _read(cursor, insert, [b"\n".join(texts)], max(map(len, texts)) + 1)
            done += piece
        except _UNREADABLE as error:
            if len(piece) > 1:
                pieces += (piece[len(piece) // 2 :], piece[: len(piece) // 2])
            else:
                parsed.rejected.append(Rejected(*lines.address(piece[0]), lines.text(piece[0]), _reason(error)))
    return done


def _reason(error: Exception) -> str:
    said = error.object.decode(errors="replace") if isinstance(error, UnicodeDecodeError) else str(error)
    return _WHERE.sub("", said.splitlines()[0])


def _looks_good(text: bytes) -> bool:
    """Guess whether DuckDB will read a line: a wrong guess costs time, nothing else."""
    try:
        event = json.loads(text)
        metrics = event.get("metrics", [])
        return not any(isinstance(event[name], str | list | dict) for name in event.keys() - _NOT_NUMBERS) and (
            isinstance(metrics, list) and all(isinstance(metric, dict) for metric in metrics)
        )
    except (ValueError, RecursionError, AttributeError):
        return False


def _read(cursor: duckdb.DuckDBPyConnection, insert: str, data: Sequence[bytes], longest: int) -> int:
    with _file(data) as path:
        (count,) = _one(cursor, f"{insert} {sql('read_lines')}", {"file": path, "longest": longest})
    return int(count)


@contextmanager
def _file(data: Sequence[bytes]) -> Iterator[str]:
    """Yield the path of a file with these bytes: in memory alone where the system has such files."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("runyard-lines")
        try:
            with open(descriptor, "wb", closefd=False) as file:
                file.writelines(data)
            yield f"/proc/self/fd/{descriptor}"
        finally:
            os.close(descriptor)
    else:
        with tempfile.NamedTemporaryFile(suffix=".jsonl") as file:
            file.writelines(data)
            file.flush()
            yield file.name


def _one(cursor: duckdb.DuckDBPyConnection, query: str, options: dict[str, Any] | None = None) -> tuple[Any, ...]:
    row = cursor.execute(query, options).fetchone()
    assert row is not None
    return row


def _is_run_event(text: bytes) -> bool:
    """Return whether a line that stands alone is for `_run_event`, which says what is wrong with it, if anything is.

    DuckDB has no use for, say, a text as its step; its body has.
    """
    try:
        event = json.loads(text)
        return not isinstance(event, dict) or event.get("k") not in BULK_KINDS
    except (ValueError, RecursionError, TypeError):
        return True


def _add_run_event(lines: _Lines, place: int, parsed: Parsed) -> None:
    address, text = lines.address(place), lines.text(place)
    try:
        parsed.run_events.append(RunEvent(*_run_event(text), *address))
    except (ValueError, TypeError, RecursionError) as error:
        parsed.rejected.append(Rejected(*address, text, str(error)))


def _run_event(text: bytes) -> tuple[UUID, int, str, int | None, str]:
    event = json.loads(text)
    if not isinstance(event, dict):
        raise ValueError("not a JSON object")
    if event.get("k") not in RUN_EVENT_KINDS:
        raise ValueError(f"unknown kind {event.get('k')!r}")
    attempt = event.get("attempt")
    if attempt is not None and not (type(attempt) is int and 1 <= attempt < 1 << 31):
        raise ValueError(f"attempt is {attempt!r}, not a whole number of at least 1")
    for name in ("at", *(("last_seen",) if "last_seen" in event else ())):
        if not (type(event.get(name)) is int and 0 < event[name] < END_OF_TIME_US):
            raise ValueError(f"{name} is {event.get(name)!r}, not microseconds since 1970")
    if event["k"] == "ended" and event.get("status") not in ENDINGS:
        raise ValueError(f"status is {event.get('status')!r}, not one of {', '.join(ENDINGS)}")
    if event["k"] == "benchmark":
        UUID(str(event.get("id")))
    return UUID(str(event.get("run"))), event["at"], event["k"], attempt, orjson.dumps(event).decode()
