"""Journal lines into a table, read in bulk by DuckDB; what cannot be used is set aside with its reason."""

from __future__ import annotations

import json
import os
import re
import tempfile
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property

import duckdb
import numpy as np

from runyard.core.errors import Invalid
from runyard.store.events import RecordEvent, RunEvent, read_event
from runyard.store.statements import execute, sql

BULK_KINDS = ("epoch", "metrics", "histograms")
_USUAL_LENGTH = 16 << 20  # DuckDB's own default; a longer line is read with all the room it needs
_KEPT_BYTES = 4 << 20
_OWN = threading.local()  # a file in memory for each thread: to make its pages takes longer than to fill them
_TRY = "CREATE OR REPLACE TEMP TABLE tried AS "
# DuckDB quotes the line, and may cut it inside a character: its message is no UTF-8 then.
_UNREADABLE = (duckdb.ProgrammingError, duckdb.DataError, UnicodeDecodeError)
_WHERE = re.compile(r"^.* in file .* in line \d+: ")  # the file is ours, the line has its address beside it
_NOT_NUMBERS = {"k", "run", "metrics", "histograms"}
_BLANK = b" \t\r\n\xef\xbb\xbf"


@dataclass(frozen=True)
class Chunk:
    """Finished lines of one journal, from an offset on; `data` ends with a newline."""

    journal: str
    offset: int
    data: bytes

    @property
    def end(self) -> int:
        """Where in the journal the lines end."""
        return self.offset + len(self.data)


@dataclass(frozen=True)
class Rejected:
    """A line that cannot be used, and why."""

    journal: str
    offset: int
    text: bytes
    reason: str


@dataclass
class Sifted:
    """Lines apart: `good` are numbers of those that DuckDB reads, the others are other events or of no use."""

    good: Sequence[int] = ()
    run_events: list[RunEvent] = field(default_factory=list)
    record_events: list[RecordEvent] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)


class Unreadable(Exception):
    """Among the lines is one that DuckDB cannot read as an event."""


class Lines:
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

    def texts(self, places: Iterable[int]) -> list[bytes]:
        """Return some lines, each ending with a newline and bare of a byte order mark."""
        return [self.text(place).strip(_BLANK) + b"\n" for place in places]

    @cached_property
    def _chunk_ends(self) -> np.ndarray:
        return np.cumsum([len(chunk.data) for chunk in self.chunks])

    def address(self, place: int) -> tuple[str, int]:
        """Return the journal of a line and where in it the line starts."""
        start = int(self.bounds[0][place])
        number = int(np.searchsorted(self._chunk_ends, start, side="right"))
        chunk = self.chunks[number]
        return chunk.journal, chunk.offset + start - int(self._chunk_ends[number]) + len(chunk.data)


def fold_lines(cursor: duckdb.DuckDBPyConnection, data: Sequence[bytes]) -> tuple[int, list[tuple[int, str | None]]]:
    """Fold lines into the tables of the attached store; the caller owns the transaction.

    Returns how many were used, and of the others the number and the kind.

    Raises:
        Unreadable: a line is no event, or blank.
    """
    points = sql("points") if any(b"[" in part for part in data) else ""  # no list: no line has free metrics
    pictures = sql("histograms") if any(b'"histograms"' in part for part in data) else ""
    statement = sql("fold_lines").replace("{read_lines}", sql("read_lines")).replace("{points}", points)
    statement = statement.replace("{histograms}", pictures)
    try:
        with _file(data) as path:
            row = execute(cursor, statement, {"file": path, "longest": _longest(data)}).fetchone()
    except _UNREADABLE as error:
        raise Unreadable from error
    n_lines, n_used, unused, _ = row or (0, 0, None, 0)
    if n_lines != sum(int(np.count_nonzero(np.frombuffer(part, np.uint8) == ord("\n"))) for part in data):
        raise Unreadable  # DuckDB passes over blanks: which was it?
    return n_used, [(line["place"], line["kind"]) for line in unused or ()]


def sift(cursor: duckdb.DuckDBPyConnection, lines: Lines) -> Sifted:
    """Try and halve until the bad lines stand alone, with those that look odd apart."""
    sifted = Sifted()
    good: list[int] = []
    looks_good = [_looks_good(lines.text(place)) for place in range(len(lines))]
    pieces = [[place for place, looks in enumerate(looks_good) if looks is wanted] for wanted in (True, False)]
    while pieces:
        if not (piece := pieces.pop()):
            continue
        if len(piece) == 1 and _is_other_event(lines.text(piece[0])):
            set_aside(lines, piece[0], None, sifted)
            continue
        texts = lines.texts(piece)
        try:
            if not all(text.startswith(b"{") for text in texts):
                raise duckdb.InvalidInputException("a line is no object")
            with _file(texts) as path:
                execute(cursor, _TRY + sql("read_lines"), {"file": path, "longest": _longest(texts)})
            good += piece
        except _UNREADABLE as error:
            if len(piece) > 1:
                pieces += (piece[len(piece) // 2 :], piece[: len(piece) // 2])
            else:
                sifted.rejected.append(Rejected(*lines.address(piece[0]), lines.text(piece[0]), _reason(error)))
    sifted.good = sorted(good)
    return sifted


@contextmanager
def _file(data: Sequence[bytes]) -> Iterator[str]:
    """Yield the path of a file with these bytes: in memory alone where the system has such files."""
    if not hasattr(os, "memfd_create"):
        with tempfile.NamedTemporaryFile(suffix=".jsonl") as file:
            file.writelines(data)
            file.flush()
            yield file.name
        return
    if getattr(_OWN, "process", 0) != os.getpid():  # a forked child has its parent's
        _OWN.process, _OWN.file = os.getpid(), open(os.memfd_create("runyard-lines"), "wb")  # noqa: SIM115
    file = _OWN.file
    file.seek(0)
    file.writelines(data)
    file.truncate()
    try:
        yield f"/proc/self/fd/{file.fileno()}"
    finally:
        if file.tell() > _KEPT_BYTES:
            file.truncate(_KEPT_BYTES)


def _longest(data: Sequence[bytes]) -> int:
    """Return the room for a line: DuckDB's own default, or all there is for one that is longer."""
    longest = max(map(len, data), default=0)
    return _USUAL_LENGTH if longest < _USUAL_LENGTH else longest


def _reason(error: Exception) -> str:
    said = error.object.decode(errors="replace") if isinstance(error, UnicodeDecodeError) else str(error)
    return _WHERE.sub("", said.splitlines()[0])


def _looks_good(text: bytes) -> bool:
    """Guess whether DuckDB will read a line: a wrong guess costs time, nothing else."""
    try:
        event = json.loads(text)
        lists = [event.get(name, []) for name in ("metrics", "histograms")]
        return not any(isinstance(event[name], str | list | dict) for name in event.keys() - _NOT_NUMBERS) and all(
            isinstance(rows, list) and all(isinstance(row, dict) for row in rows) for rows in lists
        )
    except (ValueError, RecursionError, AttributeError):
        return False


def _is_other_event(text: bytes) -> bool:
    """Return whether a line that stands alone is for `set_aside`, which says what is wrong with it, if anything is.

    DuckDB has no use for, say, a text as its step; its body has.
    """
    try:
        event = json.loads(text)
        return not isinstance(event, dict) or event.get("k") not in BULK_KINDS
    except (ValueError, RecursionError, TypeError):
        return True


def set_aside(lines: Lines, place: int, kind: str | None, sifted: Sifted) -> None:
    """Put a line that is no usable epoch, metrics or histograms where it belongs: to other events or the rejected."""
    address, text = lines.address(place), lines.text(place)
    if kind in BULK_KINDS:
        reason = "run, at, attempt, epoch or a count is missing, or is not a whole number in range"
        sifted.rejected.append(Rejected(*address, text, reason))
        return
    try:
        event = read_event(text, *address)
    except Invalid as error:
        sifted.rejected.append(Rejected(*address, text, "; ".join(map(str, error.problems))))
    except (ValueError, TypeError, RecursionError) as error:
        sifted.rejected.append(Rejected(*address, text, str(error)))
    else:
        if isinstance(event, RunEvent):
            sifted.run_events.append(event)
        else:
            sifted.record_events.append(event)
