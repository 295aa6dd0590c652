"""What takes room in a yard, and the lock under which something of a run may be taken away."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from runyard.core.paths import RunFolder, Yard


@dataclass(frozen=True)
class Freeable:
    """Something that nobody needs any more; `run` is whose it was, and None for a copy of the store.

    `parts` are the folders that go, where not all of `path` does.
    """

    what: str
    run: UUID | None
    name: str
    path: Path
    bytes: int
    parts: tuple[Path, ...] = ()


@contextmanager
def held(folder: RunFolder) -> Iterator[bool]:
    """Hold the lock that a runner of this run would take first; yields whether it could be had."""
    descriptor = os.open(folder.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)


def size(*paths: Path) -> int:
    """Return the bytes on disk; files that go while they are counted are nothing."""
    total = 0
    for path in paths:
        for file in path.rglob("*") if path.is_dir() else (path,):
            try:
                total += 0 if file.is_dir() else file.lstat().st_size
            except FileNotFoundError:
                continue
    return total


def taken(yard: Yard) -> dict[str, int]:
    """Return the bytes of each kind of thing in a yard, the largest first."""
    found = {
        "checkpoints": size(*yard.runs.glob("*/checkpoints")),
        "models of runs": size(*yard.runs.glob("*/model")),
        "logs": size(*yard.runs.glob("*/run.log*")),
        "journals": size(*yard.runs.glob("*/journal-*"), yard.events),
        "store and its copies": size(yard.store, yard.published),
        "data sets and base models": size(yard.datasets, yard.models),
    }
    return dict(sorted(found.items(), key=lambda item: -item[1]))
