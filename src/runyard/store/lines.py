"""Journal lines into Arrow tables, in bulk; what cannot be used is set aside with its reason."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import json as arrow_json

_METRICS = pa.list_(pa.struct([("name", pa.string()), ("value", pa.float64())]))
_FLOATS = (
    *("train_loss", "val_loss", "val_metric", "epoch_seconds", "learning_rate", "gradient_norm"),
    *("memory_gb", "gpu_utilization", "cpu_utilization"),
)
# One schema for all kinds: of a run event it holds the head alone, its body is the line itself.
SCHEMA = pa.schema(
    [
        *(("k", pa.string()), ("run", pa.string()), ("attempt", pa.int32()), ("at", pa.int64())),
        *(("epoch", pa.float64()), ("step", pa.int64()), ("samples", pa.int64()), ("tokens", pa.int64())),
        *((name, pa.float64()) for name in _FLOATS),
        ("metrics", _METRICS),
    ]
)
RUN_EVENT = pa.schema(
    [
        *(("run", pa.string()), ("attempt", pa.int32()), ("at", pa.int64()), ("k", pa.string())),
        *(("body", pa.string()), ("journal", pa.string()), ("line_offset", pa.int64())),
    ]
)
BULK_KINDS = ("epoch", "metrics")
QUIET_KINDS = ("checkpoint", "notice")  # frequent, and no row of a run follows from them: see fold_runs.sql
RUN_EVENT_KINDS = frozenset(
    (
        *("queued", "spawned", "started", "planned", "checkpoint", "notice"),
        *("early_stop", "cancel_requested", "lost", "ended", "changed"),
    )
)
ENDINGS = ("completed", "failed", "cancelled")
END_OF_TIME_US = 253_402_300_800_000_000  # the year 10000: beyond it neither Python nor pages can show a time
_UUID = r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"
_PARSE = arrow_json.ParseOptions(explicit_schema=SCHEMA, unexpected_field_behavior="ignore")
_READ = arrow_json.ReadOptions(use_threads=False, block_size=64 << 20)
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


@dataclass
class Parsed:
    """Lines as tables: epochs and metrics in bulk, run events with their whole body."""

    bulk: pa.Table | None = None
    run_events: pa.Table | None = None
    rejected: list[Rejected] = field(default_factory=list)

    @property
    def events(self) -> int:
        return sum(table.num_rows for table in (self.bulk, self.run_events) if table is not None)

    def runs_with_epochs(self) -> set[UUID]:
        """Return the runs that have an epoch among these lines."""
        if self.bulk is None:
            return set()
        return _runs(self.bulk["run"].filter(pc.equal(self.bulk["k"], "epoch")))

    def runs_with_events(self) -> set[UUID]:
        """Return the runs of which a run event among these lines may change their own row."""
        if self.run_events is None:
            return set()
        return _runs(self.run_events["run"].filter(pc.invert(_is_one_of(self.run_events["k"], QUIET_KINDS))))


def _is_one_of(column: pa.ChunkedArray, kinds: tuple[str, ...]) -> pa.ChunkedArray:
    return pc.is_in(column, pa.array(kinds))


def _runs(column: pa.ChunkedArray) -> set[UUID]:
    return {UUID(run) for run in pc.unique(column).to_pylist()}


class _Lines:
    """The lines of some chunks, numbered; blank ones do not count."""

    def __init__(self, chunks: Sequence[Chunk]) -> None:
        self.chunks = chunks
        self.data = b"".join(chunk.data for chunk in chunks)
        self.codes = np.frombuffer(self.data, np.uint8)
        ends = np.flatnonzero(self.codes == ord("\n")) + 1
        starts = np.concatenate(([0], ends[:-1]))
        solid = ends - starts > 1
        self.starts, self.ends = starts[solid], ends[solid]
        self._chunk_ends = np.cumsum([len(chunk.data) for chunk in chunks])

    def text(self, place: int) -> bytes:
        return self.data[self.starts[place] : self.ends[place]]

    def address(self, place: int) -> tuple[str, int]:
        """Return the journal of a line and where in it the line starts."""
        start = int(self.starts[place])
        number = int(np.searchsorted(self._chunk_ends, start, side="right"))
        chunk = self.chunks[number]
        return chunk.journal, chunk.offset + start - int(self._chunk_ends[number]) + len(chunk.data)

    def are_objects(self, first: int, last: int) -> bool:
        """Return whether each line is `{...}`. No whole object ends in the line after its first: `}` and `{` would
        meet without a comma. So as many objects as lines means one on each.
        """
        opening, closing = self.codes[self.starts[first:last]], self.codes[self.ends[first:last] - 2]
        return bool((opening == ord("{")).all() and (closing == ord("}")).all())


def parse(chunks: Sequence[Chunk]) -> Parsed:
    """Return the tables of some journal lines; no line is lost: it is in a table or among the rejected."""
    parsed, lines = Parsed(), _Lines(chunks)
    bulk: list[pa.Table] = []
    rows: list[dict[str, object]] = []
    for first, table in _tables(lines, 0, len(lines.starts), parsed.rejected):
        is_bulk = pc.fill_null(_is_one_of(table["k"], BULK_KINDS), False)
        usable = pc.and_(is_bulk, _usable(table))
        if not pc.all(usable).as_py():
            for row in np.flatnonzero(~usable.to_numpy()).tolist():
                if is_bulk[row].as_py():
                    reason = "run is not a UUID, or at, attempt or epoch is missing or out of range"
                    parsed.rejected.append(Rejected(*lines.address(first + row), lines.text(first + row), reason))
                else:
                    rows += _run_events(lines, first + row, parsed.rejected)
            table = table.filter(usable)
        bulk.append(table)
    if bulk and (joined := pa.concat_tables(bulk)).num_rows:
        parsed.bulk = joined
    if rows:
        parsed.run_events = pa.Table.from_pylist(rows, schema=RUN_EVENT)
    return parsed


def _tables(lines: _Lines, first: int, last: int, rejected: list[Rejected]) -> Iterator[tuple[int, pa.Table]]:
    """Parse at once; where that fails, halve until the bad lines stand alone. Yields (number of first line, table)."""
    if first == last:
        return
    try:
        if last - first == 1:
            yield first, _table(lines.text(first).strip(_BLANK) + b"\n", 1)
        elif lines.are_objects(first, last):
            yield first, _table(memoryview(lines.data)[lines.starts[first] : lines.ends[last - 1]], last - first)
        else:
            raise pa.ArrowInvalid("a line is no object")
    except (pa.ArrowException, UnicodeDecodeError) as error:
        if last - first > 1:
            middle = (first + last) // 2
            yield from _tables(lines, first, middle, rejected)
            yield from _tables(lines, middle, last, rejected)
        elif _is_run_event(lines.text(first)):  # Arrow has no use for, say, a text as its step; its body has
            yield first, pa.Table.from_pylist([{}], schema=SCHEMA)
        else:
            rejected.append(Rejected(*lines.address(first), lines.text(first), str(error)))


def _table(data: bytes | memoryview, count: int) -> pa.Table:
    if data[0] != ord("{"):
        raise pa.ArrowInvalid("not a JSON object")  # and a null at the very beginning crashes Arrow 26
    str(data, "utf-8")  # Arrow does not look, and DuckDB would refuse the whole batch
    table = arrow_json.read_json(pa.BufferReader(data), parse_options=_PARSE, read_options=_READ)
    if table.num_rows != count:
        raise pa.ArrowInvalid("a line holds more or less than one event")
    return table


def _is_run_event(text: bytes) -> bool:
    try:
        event = json.loads(text)
        return isinstance(event, dict) and event.get("k") not in ("epoch", "metrics")
    except (ValueError, RecursionError, TypeError):
        return True  # what is wrong with it is said where run events are read


def _usable(table: pa.Table) -> pa.ChunkedArray:
    run = table["run"].dictionary_encode().unify_dictionaries().combine_chunks()
    known = run if isinstance(run, pa.DictionaryArray) else run.chunk(0)
    is_uuid = pc.match_substring_regex(known.dictionary, _UUID)
    is_metrics = pc.not_equal(table["k"], "epoch")
    epoch = table["epoch"]
    is_epoch = pc.and_(pc.equal(pc.floor(epoch), epoch), pc.and_(pc.greater_equal(epoch, 1), pc.less(epoch, 1 << 31)))
    usable = pc.fill_null(pc.take(is_uuid, known.indices), False)
    for check in (
        pc.greater(table["at"], 0),
        pc.less(table["at"], END_OF_TIME_US),
        pc.or_(pc.fill_null(is_metrics, True), pc.fill_null(is_epoch, False)),
        pc.fill_null(pc.greater_equal(table["attempt"], 1), True),
    ):
        usable = pc.and_(usable, pc.fill_null(check, False))
    return usable


def _run_events(lines: _Lines, place: int, rejected: list[Rejected]) -> Iterator[dict[str, object]]:
    journal, offset = lines.address(place)
    try:
        yield {**_run_event(lines.text(place)), "journal": journal, "line_offset": offset}
    except (ValueError, TypeError, RecursionError) as error:
        rejected.append(Rejected(journal, offset, lines.text(place), str(error)))


def _run_event(text: bytes) -> dict[str, Any]:
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
    run, body = str(UUID(str(event.get("run")))), orjson.dumps(event).decode()
    return {"run": run, "attempt": attempt, "at": event["at"], "k": event["k"], "body": body}
