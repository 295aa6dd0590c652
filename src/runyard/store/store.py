"""The store as the rest of the house sees it: ingest, read a snapshot, look at the live file, rebuild."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import polars as pl

from runyard.core.errors import Corrupt, Invalid, NotFound, Unavailable
from runyard.core.paths import Yard
from runyard.store import publish
from runyard.store.flock import flock
from runyard.store.ingest import Ingest, Ingested, Ticker
from runyard.store.lease import shared_lease, transaction
from runyard.store.migrate import applied, refuse_newer
from runyard.store.rebuild import rebuild
from runyard.store.snapshots import private_relation, shared_snapshots

# DuckDB advises a relation, which spares a copy of the rows, but plans every statement twice: 8 ms for a large view.
warnings.filterwarnings("ignore", message="Arrow output on a DB-API result")

Parameters = Mapping[str, Any] | Sequence[Any] | None


@dataclass(frozen=True)
class Backlog:
    """What is journalled but not in the tables yet, and why, if something is in the way."""

    waiting_bytes: int
    events: int = 0
    seconds: float = 0.0  # since the last ingest with something to do
    obstacle: str = ""


class Store:
    """One yard's store, as one process holds it."""

    def __init__(self, yard: Yard, *, threads: int = 2) -> None:
        self.yard = yard
        self._lease = shared_lease(yard.store_db, threads=threads)
        self._snapshots = shared_snapshots(yard, self._lease)
        self._ingest = Ingest(yard, self._lease)

    @property
    def version(self) -> int:
        """The number of the newest snapshot, on which caches are keyed; 0 before the first."""
        copy = publish.newest(self.yard.store)
        return copy.number if copy else 0

    def ingest(
        self, *, verb: str = "ingest", wait_seconds: float = 0.0, snapshot: bool = False, replace_views: bool = False
    ) -> Ingested | None:
        """Fold the journals that wait; see `store.ingest.Ingest.run`."""
        return self._ingest.run(verb=verb, wait_seconds=wait_seconds, snapshot=snapshot, replace_views=replace_views)

    def read(self, sql: str, parameters: Parameters = None) -> pl.DataFrame:
        """Run a SELECT of ours on the newest snapshot.

        Raises:
            NotFound: the yard has no data yet.
            Invalid: DuckDB does not accept the statement.
            Corrupt: the snapshot cannot be read.
        """
        with self._snapshots.reading() as cursor:
            return _frame(cursor, sql, parameters)

    def relation(self, sql: str) -> duckdb.DuckDBPyRelation:
        """Return a lazy relation on the newest snapshot, with a DuckDB of its own, to keep as long as one likes.

        Raises:
            NotFound: the yard has no data yet.
            Invalid: DuckDB does not accept the statement.
        """
        return private_relation(self.yard, sql)

    def live(self, sql: str, parameters: Parameters = None) -> pl.DataFrame:
        """Run a short SELECT on the store itself: for Live, queue and status alone, at most about 50 ms.

        Raises:
            NotFound: there is no store yet.
            Unavailable: another process holds the store.
        """
        with self._lease.reading() as cursor:
            return _frame(cursor, sql, parameters)

    def watch(self) -> None:
        """Say that a page is looking at live runs, so that runners ingest every half second."""
        try:
            self.yard.watched.touch()
        except OSError:  # a read-only yard can be looked at all the same
            return

    def backlog(self) -> Backlog:
        """Return what waits in the journals and who is in the way, if anybody is."""
        waiting = self._ingest.waiting_bytes()
        if not waiting:
            return Backlog(0)
        obstacle = ""
        try:
            with self._lease.reading(patience_seconds=0.05) as cursor:
                refuse_newer(applied(cursor))
        except (Unavailable, NotFound, Corrupt) as error:
            obstacle = error.message
        return Backlog(waiting, self._ingest.waiting_events(), self._ingest.seconds_since(), obstacle)

    def publish(self) -> publish.Copy | None:
        """Ingest, snapshot and publish now; returns the newest published copy."""
        self.ingest(verb="publish", wait_seconds=10, snapshot=True)
        publish.publish(self.yard, anew=publish.is_held_for_writing(self.yard))
        return publish.newest(self.yard.published)

    def change(self, statements: Sequence[tuple[str, Sequence[Any]]], *, verb: str) -> None:
        """Change tables of the control plane, such as settings: all statements or none, seen by everybody at once.

        Raises:
            Unavailable: the lock or the store could not be had.
        """
        if not self.yard.store_db.exists():
            self.ingest(verb=verb, wait_seconds=10)
        with flock(self.yard.lock, verb=verb, wait_seconds=10) as lock:
            with self._lease.writing(patience_seconds=10) as cursor, transaction(cursor):
                for sql, parameters in statements:
                    cursor.execute(sql, parameters)
            publish.take_snapshot(self.yard, self._lease, lock)
        publish.publish(self.yard)

    def rebuild(self) -> Ingested:
        """Make all run tables again from the journals; tables of the control plane are kept."""
        with flock(self.yard.lock, verb="rebuild", wait_seconds=30) as lock:
            folded = rebuild(self.yard, self._lease)
            copy, _ = publish.take_snapshot(self.yard, self._lease, lock)
        publish.publish(self.yard)
        return Ingested(folded.events, folded.rejected, copy.number)

    def ticker(self, **options: Any) -> Ticker:
        """Return a ticker that shares this process's lease."""
        return Ticker(self.yard, lease=self._lease, **options)

    def close(self) -> None:
        """Give back what the process holds."""
        self._lease.close()


def _frame(cursor: duckdb.DuckDBPyConnection, sql: str, parameters: Parameters) -> pl.DataFrame:
    try:
        frame = pl.from_arrow(cursor.execute(sql, parameters or None).to_arrow_table())
        assert isinstance(frame, pl.DataFrame)
        return frame
    except (duckdb.ProgrammingError, duckdb.DataError, duckdb.NotSupportedError) as error:
        raise Invalid(f"The query failed: {error}", hint="Check names and types against the schema.") from error
