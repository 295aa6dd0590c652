"""Freeing space: checkpoints of deleted runs and old copies of the store. Journals are never touched."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from runyard.core.errors import Unavailable
from runyard.core.paths import RunFolder
from runyard.runtime import Runtime
from runyard.store import publish

_DELETED = "SELECT id, name FROM runs WHERE deleted_at IS NOT NULL AND is_terminal(status) ORDER BY id"
_IS_DELETED = "SELECT id FROM runs WHERE id = $id AND deleted_at IS NOT NULL AND is_terminal(status)"


@dataclass(frozen=True)
class Freeable:
    """Something that nobody needs any more; `run` is whose it was, and None for a copy of the store."""

    what: str
    run: UUID | None
    name: str
    path: Path
    bytes: int


def freeable(rt: Runtime) -> list[Freeable]:
    """Return what `free` would free: checkpoints of deleted runs, and copies of the store that are old and not open.

    Raises:
        NotFound: there is no store yet.
        Unavailable: the store cannot be had.
    """
    rt.store.ingest(verb="gc", wait_seconds=5.0)
    found = []
    for row in rt.store.live(_DELETED).to_dicts():
        folder = rt.yard.run(row["id"])
        if folder.checkpoints.is_dir() and not folder.checkpoints.is_symlink():
            size = _size(folder.checkpoints)
            found.append(Freeable("checkpoints", UUID(row["id"]), row["name"] or "", folder.checkpoints, size))
    return found + [Freeable("old copy", None, path.name, path, _size(path)) for path in publish.prunable(rt.yard)]


def free(rt: Runtime) -> list[Freeable]:
    """Free what can be freed; returns it. What has come into use in the meantime stays.

    Raises:
        NotFound: there is no store yet.
        Unavailable: something could not be deleted, or the store cannot be had.
    """
    freed = []
    for item in freeable(rt):
        try:
            gone = publish.drop(item.path) if item.run is None else _free_checkpoints(rt, item.run)
        except OSError as error:
            raise Unavailable(f"{item.path} cannot be deleted: {error.strerror}.", hint="Check its owner.") from error
        if gone:
            freed.append(item)
            if item.run is not None:
                rt.record(item.run, "notice", level="info", message=f"Its checkpoints were freed: {item.bytes} bytes.")
    rt.store.ingest(verb="gc", wait_seconds=5.0)
    return freed


def _free_checkpoints(rt: Runtime, run_id: UUID) -> bool:
    folder = rt.yard.run(run_id)
    with _held(folder) as held:
        if not held or rt.store.live(_IS_DELETED, {"id": str(run_id)}).is_empty():
            return False
        shutil.rmtree(folder.checkpoints)
        return True


@contextmanager
def _held(folder: RunFolder) -> Iterator[bool]:
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


def _size(path: Path) -> int:
    """Return the bytes on disk; files that go while they are counted are nothing."""
    total = 0
    for file in path.rglob("*") if path.is_dir() else (path,):
        try:
            total += 0 if file.is_dir() else file.lstat().st_size
        except FileNotFoundError:
            continue
    return total
