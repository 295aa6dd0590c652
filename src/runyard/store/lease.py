"""The process's one DuckDB, in memory, and its one lease on the store.

DuckDB lets one process write or many read, and a POSIX lock dies with any handle of the process to the file. So a
process attaches the store once for all its threads: the first reader in attaches, the last one out detaches, a
writer has it alone. Nobody opens the store's file in any other way.
"""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb

from runyard.core.errors import Corrupt, NotFound, RunyardError, Unavailable

STORAGE_VERSION = "v1.5.0"  # so that an analyst's 1.5 shell opens the files too
FULL_DISK = ("No space left", "File too large", "quota exceeded")
_RETRY_SECONDS = 0.003
_BUSY = (
    duckdb.IOException,
    duckdb.ResourceInUseException,
    duckdb.TransactionException,
    duckdb.BinderException,
    duckdb.CatalogException,
)


def quoted(path: Path) -> str:
    """Return a path as an SQL string."""
    return "'" + str(path).replace("'", "''") + "'"


@contextmanager
def transaction(cursor: duckdb.DuckDBPyConnection, path: Path | None = None) -> Iterator[None]:
    """All or nothing; with a path, what DuckDB raises comes as an error of ours about that file."""
    cursor.execute("BEGIN")
    try:
        yield
        cursor.execute("COMMIT")
    except BaseException as error:
        with suppress(duckdb.Error):  # a failed COMMIT has rolled back already
            cursor.execute("ROLLBACK")
        if path is not None and isinstance(error, duckdb.Error):
            raise translated(error, path) from error
        raise


class Lease:
    """The store, attached as `live` for as long as somebody of this process needs it."""

    def __init__(self, path: Path, *, threads: int = 1) -> None:
        self.path = path
        # A large commit checkpoints at once, so its rows need not go to the WAL first; after small ones DETACH does it.
        self.duck = duckdb.connect(":memory:", config={"threads": threads, "checkpoint_threshold": "1MB"})
        self._state = threading.Condition()
        self._readers = 0
        self._writers_waiting = 0
        self._writing = False
        self.users = 0

    @contextmanager
    def reading(self, *, patience_seconds: float = 5.0) -> Iterator[duckdb.DuckDBPyConnection]:
        """Yield a cursor on the store, shared with other readers; close its results before leaving.

        Raises:
            NotFound: there is no store yet.
            Unavailable: another process holds the store for longer than `patience_seconds`.
            Corrupt: the file is damaged or written by a newer DuckDB.
        """
        deadline = time.monotonic() + patience_seconds
        if not self.path.exists():
            raise NotFound("This yard has no store yet.", hint="Launch a run, or `runyard demo`, to make one.")
        with self._state:
            self._wait_while(lambda: self._writing or self._writers_waiting > 0, deadline)
            if self._readers == 0:
                self._attach("READ_ONLY", deadline)
            self._readers += 1
        try:
            with self._cursor() as cursor:
                yield cursor
        finally:
            with self._state:
                self._readers -= 1
                try:
                    if self._readers == 0:
                        self._detach()
                finally:
                    self._state.notify_all()

    @contextmanager
    def writing(self, *, patience_seconds: float = 2.0) -> Iterator[duckdb.DuckDBPyConnection]:
        """Yield a cursor on the store that nobody else of this or another process has; makes the file if need be.

        The caller holds the yard's flock. Detaching writes the checkpoint.

        Raises:
            Unavailable: somebody holds the store for longer than `patience_seconds`.
            Corrupt: the file is damaged or written by a newer DuckDB.
        """
        deadline = time.monotonic() + patience_seconds
        with self._state:
            self._writers_waiting += 1
            try:
                self._wait_while(lambda: self._writing or self._readers > 0, deadline)
                self._attach(f"STORAGE_VERSION '{STORAGE_VERSION}'", deadline)
                self._writing = True
            finally:
                self._writers_waiting -= 1
                self._state.notify_all()
        try:
            with self._cursor() as cursor:
                yield cursor
        finally:
            with self._state:
                try:
                    self._detach()
                finally:
                    self._writing = False
                    self._state.notify_all()

    @contextmanager
    def alone(self, *, patience_seconds: float = 10.0) -> Iterator[None]:
        """Hold the lease with the store detached, so that its file can be replaced; the caller holds the flock."""
        deadline = time.monotonic() + patience_seconds
        with self._state:
            self._writers_waiting += 1
            try:
                self._wait_while(lambda: self._writing or self._readers > 0, deadline)
                self._writing = True
            finally:
                self._writers_waiting -= 1
                self._state.notify_all()
        try:
            yield
        finally:
            with self._state:
                self._writing = False
                self._state.notify_all()

    def close(self) -> None:
        """Close the DuckDB of this process, unless somebody else of it shares this lease."""
        with _SHARING:
            self.users -= 1
            if self.users > 0:
                return
            _SHARED.pop((os.getpid(), self.path), None)
        self.duck.close()

    @contextmanager
    def _cursor(self) -> Iterator[duckdb.DuckDBPyConnection]:
        cursor = self.duck.cursor()
        try:
            cursor.execute("USE live")
            yield cursor
        finally:
            cursor.close()

    def _wait_while(self, condition: Callable[[], bool], deadline: float) -> None:
        if not self._state.wait_for(lambda: not condition(), max(0.0, deadline - time.monotonic())):
            raise Unavailable("The store is busy in this process.", hint="Try again in a moment.")

    def _attach(self, options: str, deadline: float) -> None:
        while True:
            try:
                self.duck.execute(f"ATTACH {quoted(self.path)} AS live ({options})")
                return
            except duckdb.Error as error:
                if not isinstance(error, _BUSY) or not _is_busy(error):
                    raise translated(error, self.path) from error
                if time.monotonic() >= deadline:
                    raise Unavailable(
                        f"The store is held by {_holder(str(error))}; nothing is lost, events wait in the journals.",
                        hint="Close whatever opened store/live.duckdb; analysts open runyard.duckdb instead.",
                    ) from error
            time.sleep(_RETRY_SECONDS)

    def _detach(self) -> None:
        deadline = time.monotonic() + 5
        while True:
            try:
                self.duck.execute("DETACH live")
                return
            except duckdb.Error as error:
                if not _is_busy(error) or time.monotonic() >= deadline:
                    raise translated(error, self.path) from error
            time.sleep(_RETRY_SECONDS)


_SHARED: dict[tuple[int, Path], Lease] = {}  # by process, since a forked child must not use what it inherits
_SHARING = threading.Lock()


def shared_lease(path: Path, *, threads: int = 1) -> Lease:
    """Return the one lease of this process on a store, for one more user; each closes it once.

    The ticker of a script's run and `runyard.query` beside it are such users.
    """
    with _SHARING:
        lease = _SHARED.get((os.getpid(), path))
        if lease is None:
            lease = _SHARED[os.getpid(), path] = Lease(path, threads=threads)
        lease.users += 1
        return lease


def _is_busy(error: duckdb.Error) -> bool:
    text = str(error)
    return "lock" in text.lower() or "in use" in text or "ResourceInUse" in type(error).__name__


def _holder(text: str) -> str:
    match = re.search(r"\(PID (\d+)\)", text)
    return f"process {match[1]}" if match else "another process"


def translated(error: duckdb.Error, path: Path) -> RunyardError:
    """Return a DuckDB failure of a database file as an error of ours."""
    text = str(error).splitlines()[0]
    if any(sign in str(error) for sign in FULL_DISK):
        return Unavailable("The disk is full.", hint="Free some space; what was journalled is kept.")
    if "version number" in text:
        return Corrupt(f"{path.name} was written by a newer DuckDB: {text}", hint="Update Runyard on this machine.")
    if isinstance(error, duckdb.OutOfMemoryException):
        return Unavailable(f"There was not enough memory: {text}", hint="Try again when less is running.")
    if "Permission denied" in text or "read-only file system" in text.lower():
        return Unavailable(f"{path} cannot be written.", hint="Check the owner and the mode of the yard's folder.")
    return Corrupt(
        f"{path.name} cannot be read: {text}",
        hint="`runyard rebuild` makes the tables again from the journals.",
    )
