"""Cooperative ingest: whoever has something new folds the journals of everybody into the tables.

The rows and the offset of the journal go in by one transaction, so a crash at any moment neither loses nor repeats an
event. A runner, the server and the SDK each run a `Ticker`; whoever gets the flock does the work for all.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import orjson

from runyard.core.errors import RunyardError, Unavailable
from runyard.core.paths import Yard
from runyard.store import publish
from runyard.store.flock import flock
from runyard.store.fold import Folded, fold_behind, fold_journals
from runyard.store.journals import Journals, compress_ended, count_lines
from runyard.store.lease import Lease, shared_lease
from runyard.store.migrate import applied, migrate
from runyard.store.rebuild import drop_leftovers, rebuild

TICK_SECONDS = 2.0
MAX_TICK_SECONDS = 5.0
CPU_SHARE = 0.008  # of one CPU, while nobody watches: a costly ingest comes less often
WATCHED_TICK_SECONDS = 0.5
WATCHED_FOR_SECONDS = 5.0
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
        return sum(size - offset for _, offset, size in self._waiting())

    def waiting_events(self) -> int:
        """Return how many journalled events are not in the tables yet; reads them, so for whoever shows it."""
        return sum(count_lines(self.yard, name, offset) for name, offset, _ in self._waiting())

    def seconds_since(self) -> float:
        """Return how long ago anybody's last ingest with something to do succeeded; 0 before the first."""
        try:
            return max(0.0, time.time() - (self.yard.store / "folded.json").stat().st_mtime)
        except FileNotFoundError:
            return 0.0

    def _waiting(self) -> list[tuple[str, int, int]]:
        folded = Hint.read(self.yard).folded
        sizes = self.journals.sizes().items()
        return [(name, folded.get(name, 0), size) for name, size in sizes if size > folded.get(name, 0)]

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
        try:
            return self._run(verb, wait_seconds, snapshot, replace_views)
        except OSError as error:
            raise Unavailable(
                f"The yard at {self.yard.home} cannot be written: {error.strerror}.",
                hint="Check its owner, its mode and the free space of the disk; events wait in the journals.",
            ) from error

    def _run(self, verb: str, wait_seconds: float, snapshot: bool, replace_views: bool) -> Ingested | None:
        result: Ingested | None = Ingested()
        sizes = self._work(snapshot)
        if sizes is None and replace_views:
            sizes = self.journals.sizes()
        if sizes is not None:
            try:
                with flock(self.yard.lock, verb=verb, wait_seconds=wait_seconds) as lock:
                    result = self._run_locked(lock, sizes, snapshot, replace_views, max(1.0, wait_seconds))
            except Unavailable:
                if wait_seconds > 0:
                    raise
                return None
            if result.snapshot is not None:
                publish.publish(self.yard)
        publish.keep_house(self.yard)
        return result

    def _work(self, snapshot: bool) -> dict[str, int] | None:
        """Return the sizes of the open journals when there is something to do, else None."""
        hint, sizes = Hint.read(self.yard), self.journals.sizes()
        if not self.yard.store_db.exists() or any(size != hint.folded.get(name, 0) for name, size in sizes.items()):
            return sizes
        due = snapshot or publish.is_due(self.yard, hint.copy_seconds)
        return sizes if due and publish.is_stale(self.yard) else None

    def _run_locked(
        self, lock: int, sizes: Mapping[str, int], snapshot: bool, replace_views: bool, patience: float
    ) -> Ingested:
        drop_leftovers(self.yard)
        before = Hint.read(self.yard)
        due = snapshot or publish.is_due(self.yard, before.copy_seconds)
        folded = self._fold(sizes, due, replace_views, patience) if self.yard.store_db.exists() else None
        is_new = folded is None
        if folded is None:
            folded = rebuild(self.yard, self.lease)
        copy, copy_seconds = None, before.copy_seconds
        if is_new or (due and publish.is_stale(self.yard)):
            copy, seconds = publish.take_snapshot(self.yard, self.lease, lock)
            # Of the last copies together: a disk that is busy once is no larger store.
            copy_seconds = (2 * copy_seconds + seconds) / 3 if copy_seconds else seconds
        reached = {name: folded.reached[name] for name in sizes if name in folded.reached}
        for name, end in list(reached.items()):
            # Whoever wrote since the last time is alive; the others are asked.
            if before.folded.get(name, end) == end and compress_ended(self.yard, name, end):
                del reached[name]
        Hint(reached, copy_seconds).write(self.yard)
        return Ingested(folded.events, folded.rejected, copy.number if copy else None)

    def _fold(self, sizes: Mapping[str, int], due: bool, replace_views: bool, patience: float) -> Folded | None:
        """Fold into the store that is there; None when it holds no tables, so that it must be made anew."""
        with self.lease.writing(patience_seconds=patience) as cursor:
            if not (done := applied(cursor)):
                return None
            changed = migrate(cursor, done, replace_views=replace_views)
            folded = fold_journals(cursor, self.yard, sizes)
            if due or is_watched(self.yard):
                fold_behind(cursor, self.yard, ended=changed or folded.ended)
            return folded


class Ticker:
    """The thread of a runner, the server or a script that ingests every two seconds, or faster while a page watches.

    `on_tick` is called once a tick before the ingest, for what else is due, such as pumping the queue.
    """

    def __init__(
        self,
        yard: Yard,
        *,
        lease: Lease | None = None,
        on_tick: Callable[[], None] | None = None,
    ) -> None:
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
        ingest = Ingest(self.yard, self._ingest_of or shared_lease(self.yard.store_db))
        cpu_seconds = 0.0
        while not self._stopping.wait(self._pause_seconds(cpu_seconds)):
            began = time.thread_time()
            self._tick(ingest, wait_seconds=0.0, last=False)
            cpu_seconds = time.thread_time() - began
        self._tick(ingest, wait_seconds=5.0, last=True)
        if self._ingest_of is None:
            ingest.lease.close()

    def _pause_seconds(self, cpu_seconds: float) -> float:
        if is_watched(self.yard):
            return WATCHED_TICK_SECONDS
        return min(MAX_TICK_SECONDS, max(TICK_SECONDS, cpu_seconds / CPU_SHARE))

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
