"""Reading snapshots: immutable, so any number of queries keep one attached for as long as they take."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from weakref import WeakKeyDictionary

import duckdb

from runyard.core.errors import Invalid, NotFound
from runyard.core.paths import Yard
from runyard.store.lease import Lease, quoted, translated
from runyard.store.publish import Copy, newest


class Snapshots:
    """The snapshots that this process has attached; each query takes the newest there is."""

    def __init__(self, yard: Yard, lease: Lease) -> None:
        self.yard = yard
        # DuckDB refuses a second call on a busy connection: the lease's own one may be attaching just now.
        self._duck = lease.duck.cursor()
        self._state = threading.Lock()
        self._users: dict[int, int] = {}

    @contextmanager
    def reading(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Yield a cursor on the newest snapshot.

        Raises:
            NotFound: the yard has no snapshot yet.
            Corrupt: the snapshot cannot be read.
        """
        number = self._enter()
        cursor = self._duck.cursor()
        try:
            cursor.execute(f"USE snapshot_{number}")
            yield cursor
        finally:
            cursor.close()
            self._leave(number)

    def _enter(self) -> int:
        with self._state:
            for _ in range(3):  # the newest may be pruned between the look and the attach
                copy = newest(self.yard.store)
                if copy is None:
                    break
                if copy.number in self._users or self._attach(copy):
                    self._users[copy.number] = self._users.get(copy.number, 0) + 1
                    self._drop_unused(copy.number)
                    return copy.number
        raise NotFound("This yard has no data yet.", hint="Launch a run, or `runyard demo`, to make some.")

    def _attach(self, copy: Copy) -> bool:
        try:
            self._duck.execute(f"ATTACH {quoted(copy.path)} AS snapshot_{copy.number} (READ_ONLY)")
        except duckdb.Error as error:
            if not copy.path.exists():
                return False
            raise translated(error, copy.path) from error
        self._users[copy.number] = 0
        return True

    def _drop_unused(self, current: int) -> None:
        for number in [number for number, users in self._users.items() if users == 0 and number != current]:
            self._duck.execute(f"DETACH snapshot_{number}")
            del self._users[number]

    def _leave(self, number: int) -> None:
        with self._state:
            self._users[number] -= 1


_OF_LEASE: WeakKeyDictionary[Lease, Snapshots] = WeakKeyDictionary()
_SHARING = threading.Lock()


def shared_snapshots(yard: Yard, lease: Lease) -> Snapshots:
    """Return the snapshots of a lease: one DuckDB attaches a file once, whoever asks."""
    with _SHARING:
        if lease not in _OF_LEASE:
            _OF_LEASE[lease] = Snapshots(yard, lease)
        return _OF_LEASE[lease]


def private_connection(yard: Yard) -> duckdb.DuckDBPyConnection:
    """Return a DuckDB of one's own on the newest snapshot, to keep as long as one likes.

    Raises:
        NotFound: the yard has no snapshot yet.
        Corrupt: the snapshot cannot be read.
    """
    copy = newest(yard.store)
    if copy is None:
        raise NotFound("This yard has no data yet.", hint="Launch a run, or `runyard demo`, to make some.")
    connection = duckdb.connect(":memory:")
    try:
        connection.execute(f"ATTACH {quoted(copy.path)} AS yard (READ_ONLY)")
    except duckdb.Error as error:
        raise translated(error, copy.path) from error
    connection.execute("USE yard")
    return connection


def private_relation(yard: Yard, sql: str) -> duckdb.DuckDBPyRelation:
    """Return a relation on the newest snapshot that has a DuckDB of its own and lives as long as it is kept.

    Raises:
        NotFound: the yard has no snapshot yet.
        Invalid: DuckDB does not accept the statement.
    """
    connection = private_connection(yard)
    try:
        return connection.sql(sql)
    except duckdb.Error as error:
        raise Invalid(f"The query failed: {error}", hint="Check names and types against the schema.") from error
