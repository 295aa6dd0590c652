"""The one lock of a yard: a flock on a file of its own, never on a database file."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from runyard.core.clock import iso, now
from runyard.core.errors import Unavailable

_RETRY_SECONDS = 0.01


@contextmanager
def flock(path: Path, *, verb: str, wait_seconds: float = 0.0) -> Iterator[int]:
    """Hold the exclusive lock; yields its file descriptor, for children that must inherit the lock.

    The file says who holds it: pid, verb, time.

    Raises:
        Unavailable: somebody else holds it for longer than `wait_seconds`.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise Unavailable(
            f"The yard at {path.parent.parent} cannot be written: {error.strerror}.",
            hint="Check its owner, its mode and the free space of the disk.",
        ) from error
    try:
        _acquire(descriptor, path, time.monotonic() + wait_seconds)
        with suppress(OSError):  # a full disk: nobody learns who holds it, no more
            os.pwrite(descriptor, f"{os.getpid()} {verb} {iso(now())}".ljust(80).encode() + b"\n", 0)
        yield descriptor
    finally:
        os.close(descriptor)


def _acquire(descriptor: int, path: Path, deadline: float) -> None:
    while True:
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise Unavailable(
                    f"The yard is busy: {holder(path)} is writing.", hint="Try again in a moment."
                ) from None
            time.sleep(_RETRY_SECONDS)


def holder(path: Path) -> str:
    """Return who last took the lock, in words."""
    try:
        pid, *verb, since = path.read_text().split()
    except (OSError, ValueError):
        return "another process"
    return f"process {pid} ({' '.join(verb)}, since {since})"
