"""Journal lines into Arrow tables, in bulk, one table per kind; what cannot be used is set aside with its reason."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import orjson
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import json as arrow_json

_METRICS = pa.list_(pa.struct([("name", pa.string()), ("value", pa.float64())]))
_HEAD = [("run", pa.string()), ("attempt", pa.int32()), ("at", pa.int64())]
_FLOATS = (
    *("train_loss", "val_loss", "val_metric", "epoch_seconds", "learning_rate", "gradient_norm"),
    *("memory_gb", "gpu_utilization", "cpu_utilization"),
)
BULK = {
    "epoch": pa.schema(
        [
            *_HEAD,
            ("epoch", pa.int32()),
            *((name, pa.int64()) for name in ("step", "samples", "tokens")),
            *((name, pa.float64()) for name in _FLOATS),
            ("metrics", _METRICS),
        ]
    ),
    "metrics": pa.schema([*_HEAD, ("step", pa.int64()), ("epoch", pa.float64()), ("metrics", _METRICS)]),
}
RUN_EVENT = pa.schema(
    [*_HEAD, ("k", pa.string()), ("body", pa.string()), ("journal", pa.string()), ("line_offset", pa.int64())]
)
RUN_EVENT_KINDS = frozenset(
    (
        *("queued", "spawned", "started", "planned", "checkpoint", "notice"),
        *("early_stop", "cancel_requested", "lost", "ended", "changed"),
    )
)
ENDINGS = ("completed", "failed", "cancelled")
END_OF_TIME_US = 253_402_300_800_000_000  # the year 10000: beyond it neither Python nor pages can show a time
_UUID = r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"
_OPTIONS = {
    kind: arrow_json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore")
    for kind, schema in BULK.items()
}
_READ = arrow_json.ReadOptions(use_threads=False, block_size=64 << 20)


@dataclass(frozen=True)
class Line:
    """One finished line of a journal and where it starts."""

    journal: str
    offset: int
    text: bytes


@dataclass(frozen=True)
class Rejected:
    """A line that cannot be used, and why."""

    line: Line
    reason: str


@dataclass
class Parsed:
    """Lines as tables: epochs and metrics in bulk, run events with their whole body."""

    bulk: dict[str, pa.Table] = field(default_factory=dict)
    run_events: pa.Table | None = None
    rejected: list[Rejected] = field(default_factory=list)

    @property
    def events(self) -> int:
        tables = [*self.bulk.values(), *([self.run_events] if self.run_events is not None else [])]
        return sum(table.num_rows for table in tables)

    def touched(self) -> set[UUID]:
        """Return the runs whose own rows may change: those with a run event or an epoch."""
        tables = [table for table in (self.run_events, self.bulk.get("epoch")) if table is not None]
        return {UUID(run) for table in tables for run in pc.unique(table["run"]).to_pylist()}


def parse(lines: Sequence[Line]) -> Parsed:
    """Return the tables of some journal lines; no line is lost: it is in a table or among the rejected."""
    parsed = Parsed()
    by_kind: dict[str, list[Line]] = {kind: [] for kind in BULK}
    others: list[Line] = []
    for line in lines:
        # A writer puts the kind first; anything else takes the careful way.
        kind = line.text[6 : line.text.find(b'"', 6)].decode(errors="replace") if line.text[:6] == b'{"k":"' else ""
        by_kind.get(kind, others).append(line)
    rows = []
    for line in others:
        try:
            event = _load(line)
            if event["k"] in BULK:
                by_kind[event["k"]].append(line)
            else:
                rows.append(_run_event(event, line))
        except (ValueError, TypeError, RecursionError) as error:
            parsed.rejected.append(Rejected(line, str(error)))
    for kind, group in by_kind.items():
        tables = list(_parse_bulk(kind, group, parsed.rejected)) if group else []
        if tables:
            parsed.bulk[kind] = pa.concat_tables(tables)
    if rows:
        parsed.run_events = pa.Table.from_pylist(rows, schema=RUN_EVENT)
    return parsed


def _parse_bulk(kind: str, lines: Sequence[Line], rejected: list[Rejected]) -> Iterable[pa.Table]:
    """Parse at once; where that fails, halve until the bad lines stand alone."""
    try:
        data = b"".join(line.text for line in lines)
        data.decode()  # Arrow does not look, and DuckDB would refuse the whole batch
        table = arrow_json.read_json(io.BytesIO(data), parse_options=_OPTIONS[kind], read_options=_READ)
        if table.num_rows != len(lines):
            raise pa.ArrowInvalid("a line holds more or less than one event")
    except (pa.ArrowException, UnicodeDecodeError) as error:
        if len(lines) == 1:
            rejected.append(Rejected(lines[0], str(error)))
            return
        middle = len(lines) // 2
        yield from _parse_bulk(kind, lines[:middle], rejected)
        yield from _parse_bulk(kind, lines[middle:], rejected)
        return
    usable = _usable(kind, table)
    if not pc.all(usable).as_py():
        reason = "run is not a UUID, or at, attempt or epoch is missing or out of range"
        rejected += [Rejected(line, reason) for line, good in zip(lines, usable.to_pylist(), strict=True) if not good]
        table = table.filter(usable)
    yield table


def _usable(kind: str, table: pa.Table) -> pa.ChunkedArray:
    run = table["run"].dictionary_encode().unify_dictionaries().combine_chunks()
    known = run if isinstance(run, pa.DictionaryArray) else run.chunk(0)
    is_uuid = pc.match_substring_regex(known.dictionary, _UUID)
    usable = pc.fill_null(pc.take(is_uuid, known.indices), False)
    checks = [pc.greater(table["at"], 0), pc.less(table["at"], END_OF_TIME_US)]
    if kind == "epoch":
        checks.append(pc.greater_equal(table["epoch"], 1))
    for check in checks:
        usable = pc.and_(usable, pc.fill_null(check, False))
    return pc.and_(usable, pc.fill_null(pc.greater_equal(table["attempt"], 1), True))


def _load(line: Line) -> dict[str, Any]:
    event = json.loads(line.text)
    if not isinstance(event, dict):
        raise ValueError("not a JSON object")
    kind = event.get("k")
    if kind not in RUN_EVENT_KINDS and kind not in BULK:
        raise ValueError(f"unknown kind {kind!r}")
    return event


def _run_event(event: dict[str, Any], line: Line) -> dict[str, object]:
    attempt = event.get("attempt")
    if attempt is not None and not (type(attempt) is int and 1 <= attempt < 1 << 31):
        raise ValueError(f"attempt is {attempt!r}, not a whole number of at least 1")
    for name in ("at", *(("last_seen",) if "last_seen" in event else ())):
        if not (type(event.get(name)) is int and 0 < event[name] < END_OF_TIME_US):
            raise ValueError(f"{name} is {event.get(name)!r}, not microseconds since 1970")
    if event["k"] == "ended" and event.get("status") not in ENDINGS:
        raise ValueError(f"status is {event.get('status')!r}, not one of {', '.join(ENDINGS)}")
    return {
        "run": str(UUID(str(event.get("run")))), "attempt": attempt, "at": event["at"], "k": event["k"],
        "body": orjson.dumps(event).decode(), "journal": line.journal, "line_offset": line.offset,
    }  # fmt: skip
