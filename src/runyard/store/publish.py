"""Snapshots of the store for our own readers, and published copies of them for everybody else.

Both are immutable numbered files. The number is the data version that caches are keyed on. Files are copied by a
child process: a handle of ours on a database file would drop the locks this process has on it.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from runyard.core.errors import Unavailable
from runyard.core.paths import Yard
from runyard.store import locked_files
from runyard.store.flock import flock
from runyard.store.lease import FULL_DISK, Lease

MIN_SECONDS = 2.0
COPY_SHARE = 10  # a copy may take one tenth of the time: at 20 a slow disk is more than 6 s behind at 100 MB
KEEP = 2
KEEP_SECONDS = 60.0
HOUSE_SECONDS = 20.0
_NUMBER = re.compile(r"^(?:snapshot|runyard)-(\d+)\.duckdb$")
_COPY = ["cp", "-c"] if sys.platform == "darwin" else ["cp", "--reflink=auto"]


@dataclass(frozen=True)
class Copy:
    """A numbered copy of the store."""

    number: int
    path: Path


def copies(folder: Path) -> list[Copy]:
    """Return the numbered copies in a folder, oldest first."""
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return []
    return sorted(
        (Copy(int(match[1]), folder / name) for name in names if (match := _NUMBER.match(name))),
        key=lambda copy: copy.number,
    )


def newest(folder: Path) -> Copy | None:
    """Return the copy with the highest number, if there is one."""
    return max(copies(folder), key=lambda copy: copy.number, default=None)


def is_stale(yard: Yard) -> bool:
    """Return whether the store has changed since the newest snapshot."""
    snapshot = newest(yard.store)
    try:
        return snapshot is None or _changed_ns(yard.store_db) > _changed_ns(snapshot.path)
    except FileNotFoundError:
        return False


def is_due(yard: Yard, copy_seconds: float) -> bool:
    """Return whether the newest snapshot is old enough for the next, if the store has changed."""
    snapshot = newest(yard.store)
    if snapshot is None:
        return True
    age = time.time() - snapshot.path.stat().st_mtime
    return age < 0 or age >= max(MIN_SECONDS, COPY_SHARE * copy_seconds)


def take_snapshot(yard: Yard, lease: Lease, lock: int) -> tuple[Copy, float]:
    """Copy the detached store to the next snapshot; returns it and the seconds the copy took.

    Args:
        lock: descriptor of the flock, which the copying child inherits: should this process die, nobody writes to the
            store until the child is through, and its copy never gets its name.

    Raises:
        Unavailable: the disk is full.
    """
    if yard.store_db.with_name("live.duckdb.wal").exists():
        with lease.writing():  # attaching and detaching writes the checkpoint
            pass
    started = time.perf_counter()
    number = 1 + max((copy.number for copy in copies(yard.store) + copies(yard.published)), default=0)
    target = yard.store / f"snapshot-{number}.duckdb"
    _copy(yard, yard.store_db, target, lock)
    return Copy(number, target), time.perf_counter() - started


def publish(yard: Yard, *, anew: bool = False) -> Copy | None:
    """Publish the newest snapshot if it is not yet; returns the copy, or None when there was nothing to do.

    The link is switched by a rename, so whoever opens it sees the old or the new version, whole.

    Args:
        anew: publish the same snapshot under a new number, because the published one is held read-write.

    Raises:
        Unavailable: the disk is full, or the copy could not be made.
    """
    with ExitStack() as held:
        try:
            lock = held.enter_context(flock(yard.store / "publish.lock", verb="publish"))
        except Unavailable:
            return None  # somebody else is publishing, or the yard is read-only
        snapshot, published = newest(yard.store), newest(yard.published)
        if snapshot is None or (published and published.number >= snapshot.number and not anew):
            if published and not _is_linked(yard, published):  # killed between the copy and the link
                _link(yard, published)
            return None
        number = snapshot.number if not published else max(snapshot.number, published.number + 1)
        target = yard.published / f"runyard-{number}.duckdb"
        _copy(yard, snapshot.path, target, lock)
        _link(yard, Copy(number, target))
        return Copy(number, target)


def _is_linked(yard: Yard, copy: Copy) -> bool:
    try:
        return yard.link.readlink().name == copy.path.name
    except OSError:
        return False


def _link(yard: Yard, copy: Copy) -> None:
    link = yard.home / "runyard.duckdb.tmp"
    link.unlink(missing_ok=True)
    link.symlink_to(copy.path.relative_to(yard.home))
    link.replace(yard.link)


def keep_house(yard: Yard, *, every_seconds: float = HOUSE_SECONDS) -> None:
    """Delete what nobody needs, publish what somebody left unpublished, and anew what is held read-write.

    Whichever process comes first does it for all, at most once in `every_seconds`.
    """
    marker = yard.store / "house.lock"
    if marker.exists() and 0 <= time.time() - marker.stat().st_mtime < every_seconds:
        return
    try:
        with flock(marker, verb="keep house"):
            old, published = _old_copies(yard), newest(yard.published)
            held = locks(old + [copy.path for copy in (published,) if copy])
            _tidy(yard, [path for path in old if held[path] == "free"])
            publish(yard, anew=published is not None and _is_written(published.path, held[published.path]))
    except Unavailable:
        return


def is_held_for_writing(yard: Yard) -> bool:
    """Return whether somebody has the newest published copy open read-write."""
    published = newest(yard.published)
    return published is not None and _is_written(published.path, locks([published.path])[published.path])


def prune(yard: Yard) -> int:
    """Delete old copies that nobody has open and stale temporary files; returns how many copies went."""
    return _tidy(yard, prunable(yard))


def prunable(yard: Yard, *, older_than_seconds: float = KEEP_SECONDS) -> list[Path]:
    """Return the copies that are old, not among the last two of their folder, and not open anywhere."""
    return [path for path, lock in locks(_old_copies(yard, older_than_seconds)).items() if lock == "free"]


def _old_copies(yard: Yard, older_than_seconds: float = KEEP_SECONDS) -> list[Path]:
    return [
        copy.path
        for folder in (yard.store, yard.published)
        for copy in copies(folder)[:-KEEP]
        if time.time() - copy.path.stat().st_mtime > older_than_seconds and not _wal(copy.path).exists()
    ]


def _tidy(yard: Yard, free: Sequence[Path]) -> int:
    for path in free:
        drop(path)
    for folder in (yard.store, yard.published):
        for temporary in folder.glob("*.duckdb.tmp"):
            if temporary.is_file() and time.time() - temporary.stat().st_mtime > KEEP_SECONDS:
                temporary.unlink(missing_ok=True)
    return len(free)


def _is_written(published: Path, lock: str) -> bool:
    return lock == "write" or _wal(published).exists()


def drop(copy: Path) -> bool:
    """Delete a copy and what queries spilled beside it; returns whether it was still there."""
    was_there = copy.exists()
    copy.unlink(missing_ok=True)
    shutil.rmtree(_spilled(copy), ignore_errors=True)
    return was_there


def locks(paths: Sequence[Path]) -> dict[Path, str]:
    """Return `free`, `read` or `write` of each database file, asked in one child process.

    Raises:
        Unavailable: the child failed.
    """
    if not paths:
        return {}
    command = [sys.executable, "-I", "-S", locked_files.__file__, *map(str, paths)]
    try:
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
        return dict(zip(paths, said, strict=True))
    except subprocess.CalledProcessError as error:
        raise Unavailable(
            f"Who has the copies open could not be asked: {error.stderr.strip() or error}.",
            hint="Old copies stay until it can be.",
        ) from error


def _copy(yard: Yard, source: Path, target: Path, lock: int) -> None:
    try:
        _copy_once(source, target, lock)
    except Unavailable:  # on a small disk young copies alone may fill it: those that nobody has open go
        if not _tidy(yard, prunable(yard, older_than_seconds=0)):
            raise
        _copy_once(source, target, lock)


def _copy_once(source: Path, target: Path, lock: int) -> None:
    temporary = target.with_name(target.name + ".tmp")
    command = [*_COPY, str(source), str(temporary)]
    english = {**os.environ, "LC_ALL": "C"}
    done = subprocess.run(command, pass_fds=[lock], env=english, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        temporary.unlink(missing_ok=True)
        full = any(sign in done.stderr for sign in FULL_DISK)
        raise Unavailable(
            f"The disk is full: {target.name} could not be written." if full else done.stderr.strip(),
            hint="Free some space; the store itself is whole.",
        )
    temporary.replace(target)


def _wal(path: Path) -> Path:
    return path.with_name(path.name + ".wal")


def _spilled(path: Path) -> Path:
    """Return the folder that DuckDB makes beside a database when a query of an analyst spills to disk."""
    return path.with_name(path.name + ".tmp")


def _changed_ns(path: Path) -> int:
    return path.stat().st_mtime_ns
