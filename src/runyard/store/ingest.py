"""Cooperative ingest: whoever has something new folds the journals of everybody into the tables.

The rows and the offset of the journal go in by one transaction, so a crash at any moment neither loses nor repeats an
event. A runner, the server and the SDK each run a `Ticker`; whoever gets the flock does the work for all.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache

import duckdb
import orjson
import pyarrow as pa

from runyard.core.clock import now
from runyard.core.errors import RunyardError, Unavailable
from runyard.core.paths import Yard, resource
from runyard.store import publish
from runyard.store.flock import flock
from runyard.store.journals import Journals, compress_ended, read_lines
from runyard.store.lease import Lease, translated
from runyard.store.lines import Line, Parsed, Rejected, parse
from runyard.store.migrate import check_version, migrate

TICK_SECONDS = 2.0
WATCHED_TICK_SECONDS = 0.5
WATCHED_FOR_SECONDS = 5.0
_ROUND_LINES = 200_000
_REJECTED_CHARACTERS = 10_000
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Ingested:
    """What one ingest did: events folded, lines rejected, the number of the snapshot if one was made."""

    events: int = 0
    rejected: int = 0
    snapshot: int | None = None


@dataclass(frozen=True)
class Hint:
    """What the last ingest left behind, to save opening the store. The table of offsets is the truth."""

    folded: Mapping[str, int] = field(default_factory=dict)
    copy_seconds: float = 0.0

    @classmethod
    def read(cls, yard: Yard) -> Hint:
        try:
            stored = orjson.loads((yard.store / "folded.json").read_bytes())
            return cls(dict(stored["folded"]), float(stored["copy_seconds"]))
        except (OSError, ValueError, KeyError, TypeError):
            return cls()

    def write(self, yard: Yard) -> None:
        temporary = yard.store / "folded.json.tmp"
        temporary.write_bytes(orjson.dumps({"folded": self.folded, "copy_seconds": self.copy_seconds}))
        temporary.replace(yard.store / "folded.json")


class Ingest:
    """Folds the journals of one yard into its store."""

    def __init__(self, yard: Yard, lease: Lease) -> None:
        self.yard = yard
        self.lease = lease
        self.journals = Journals(yard)

    def waiting_bytes(self) -> int:
        """Return how many journalled bytes are not in the tables yet, by the hint of the last ingest."""
        folded = Hint.read(self.yard).folded
        return sum(max(0, size - folded.get(name, 0)) for name, size in self.journals.sizes().items())

    def run(
        self, *, verb: str = "ingest", wait_seconds: float = 0.0, snapshot: bool = False, replace_views: bool = False
    ) -> Ingested | None:
        """Fold everything that waits; returns None when somebody else is at it.

        Args:
            verb: what the holder of the lock is called in messages to others.
            wait_seconds: how long to wait for the lock and the store.
            snapshot: make the snapshot now, not when it is due.
            replace_views: also bring macros and views to this code's text (never from a runner).

        Raises:
            Unavailable: the lock or the store could not be had in `wait_seconds`, or the disk is full.
            Corrupt: the store is damaged or of a newer version.
        """
        if not (replace_views or self._has_work(snapshot)):
            publish.keep_house(self.yard)
            return Ingested()
        try:
            with flock(self.yard.lock, verb=verb, wait_seconds=wait_seconds) as lock:
                result = self._run_locked(lock, snapshot, replace_views, max(1.0, wait_seconds))
        except Unavailable:
            if wait_seconds > 0:
                raise
            return None
        if result.snapshot is not None:
            publish.publish(self.yard)
        publish.keep_house(self.yard)
        return result

    def _has_work(self, snapshot: bool) -> bool:
        hint = Hint.read(self.yard)
        if not self.yard.store_db.exists():
            return True
        if any(size != hint.folded.get(name, 0) for name, size in self.journals.sizes().items()):
            return True
        return publish.is_stale(self.yard) if snapshot else publish.is_due(self.yard, hint.copy_seconds)

    def _run_locked(self, lock: int, snapshot: bool, replace_views: bool, patience: float) -> Ingested:
        is_new = not self.yard.store_db.exists()
        open_journals = list(self.journals.sizes())
        journals = self.journals.all_names() if is_new else open_journals
        with self.lease.writing(patience_seconds=patience) as cursor:
            if is_new or replace_views:
                migrate(cursor, replace_views=True)
            else:
                check_version(cursor)
            counts, folded = fold_journals(cursor, self.yard, journals)
        copy, copy_seconds = None, Hint.read(self.yard).copy_seconds
        if is_new or (snapshot and publish.is_stale(self.yard)) or publish.is_due(self.yard, copy_seconds):
            copy, copy_seconds = publish.take_snapshot(self.yard, self.lease, lock)
        for name in list(folded):
            if name in open_journals and compress_ended(self.yard, name, folded[name]):
                del folded[name]
        Hint(folded, copy_seconds).write(self.yard)
        return Ingested(counts.events, counts.rejected, copy.number if copy else None)


@cache
def _sql(name: str) -> str:
    return (resource("sql") / "ingest" / f"{name}.sql").read_text(encoding="utf-8")


def fold_journals(
    cursor: duckdb.DuckDBPyConnection, yard: Yard, journals: Iterable[str]
) -> tuple[Ingested, dict[str, int]]:
    """Fold what is new in some journals into the attached store; returns the counts and the offsets reached.

    Each round is one transaction: rows, offsets, and the rows of the runs that they touch.

    Raises:
        Unavailable: the disk is full; the round is rolled back.
    """
    offsets = _offsets(cursor)
    waiting = {name: offsets.get(name, 0) for name in journals}
    reached = dict(waiting)
    events = rejected = 0
    while waiting:
        lines: list[Line] = []
        moved: dict[str, int] = {}
        for name, start in waiting.items():
            found, end = read_lines(yard, name, start)
            if end > start:
                lines += found
                moved[name] = end
            if len(lines) > _ROUND_LINES:
                break
        if not moved:
            break
        parsed = parse(lines)
        cursor.execute("BEGIN")
        try:
            insert(cursor, parsed, moved)
            cursor.execute("COMMIT")
        except duckdb.Error as error:
            cursor.execute("ROLLBACK")
            raise translated(error, yard.store_db) from error
        events += parsed.events
        rejected += len(parsed.rejected)
        reached.update(moved)
        waiting.update(moved)
        waiting = {name: end for name, end in waiting.items() if name not in moved or end < _size(yard, name)}
    return Ingested(events, rejected), reached


def _size(yard: Yard, journal: str) -> float:
    try:
        return (yard.home / journal).stat().st_size
    except FileNotFoundError:
        return float("inf")  # compressed: read on until nothing more comes


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


class Ticker:
    """The thread of a runner, the server or a script that ingests every two seconds, or faster while a page watches.

    `on_tick` is called once a tick before the ingest, for what else is due: syncing a journal, pumping the queue.
    """

    def __init__(self, yard: Yard, *, lease: Lease | None = None, on_tick: Callable[[], None] | None = None) -> None:
        self._ingest_of = lease
        self.yard = yard
        self._on_tick = on_tick
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="runyard-ingest", daemon=True)

    def start(self) -> None:
        """Start ticking."""
        self._thread.start()

    def stop(self, *, wait_seconds: float = 10.0) -> None:
        """End the thread after a last ingest with a snapshot; returns when it is done or after `wait_seconds`.

        The thread must be over before the interpreter is: DuckDB does not survive being shut down under a thread.
        """
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(wait_seconds)

    def _run(self) -> None:
        ingest = Ingest(self.yard, self._ingest_of or Lease(self.yard.store_db))
        while not self._stopping.wait(WATCHED_TICK_SECONDS if is_watched(self.yard) else TICK_SECONDS):
            self._tick(ingest, wait_seconds=0.0, last=False)
        self._tick(ingest, wait_seconds=5.0, last=True)
        if self._ingest_of is None:
            ingest.lease.close()

    def _tick(self, ingest: Ingest, *, wait_seconds: float, last: bool) -> None:
        try:
            if self._on_tick:
                self._on_tick()
            ingest.run(verb="last ingest" if last else "ingest", wait_seconds=wait_seconds, snapshot=last)
        except RunyardError as error:
            _LOG.warning("%s %s", error.message, error.hint)
        except Exception:  # noqa: BLE001 - the edge of the thread: events wait in the journals, the next tick tries again
            _LOG.exception("The ingest failed; the events wait in the journals.")


def is_watched(yard: Yard) -> bool:
    """Return whether a page has looked at live runs in the last seconds."""
    try:
        return time.time() - yard.watched.stat().st_mtime < WATCHED_FOR_SECONDS
    except FileNotFoundError:
        return False
