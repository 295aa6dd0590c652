"""Handing a yard's rows to others, and taking theirs in: what is new in a handover becomes a journal of its own."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import orjson

from runyard.core.errors import Conflict, Invalid, NotFound, Unavailable
from runyard.core.journal import encode
from runyard.runtime import Runtime
from runyard.store import publish
from runyard.store.flock import flock
from runyard.store.handover import FileKind, missing_events, write_tables

__all__ = ["FileKind", "Merged", "export", "hand_over", "merge"]


@dataclass(frozen=True)
class Merged:
    """How many events of each kind came in; empty when there was nothing new."""

    events: dict[str, int]
    runs: int


def export(rt: Runtime, names: list[str], folder: Path, kind: FileKind) -> dict[Path, int]:
    """Write tables and views, each to a file in a folder; returns the rows of each file. See `write_tables`."""
    return write_tables(rt.yard, names, folder, kind)


def hand_over(rt: Runtime, file: Path) -> int:
    """Copy the newest data with all views and comments to one DuckDB file; returns its bytes.

    Raises:
        NotFound: the yard has no data yet, or the file's folder is missing.
        Conflict: the file is there already.
    """
    if file.exists():
        raise Conflict(f"{file} is there already.", hint="Choose another name, or move it away.")
    if not file.absolute().parent.is_dir():
        raise NotFound(f"The folder {file.parent} is missing.", hint="Make it first.")
    snapshot = publish.newest(rt.yard.store)
    if snapshot is None:
        raise NotFound("This yard has no data yet.", hint="Launch a run, or `runyard demo`, to make some.")
    temporary = file.with_name(file.name + ".tmp")
    try:
        shutil.copyfile(snapshot.path, temporary)
        temporary.replace(file)
    finally:
        temporary.unlink(missing_ok=True)
    return file.stat().st_size


def merge(rt: Runtime, file: Path) -> Merged:
    """Take in every event of a handover that this yard lacks; a second time there is nothing new.

    Raises:
        NotFound: there is no such file.
        Invalid: it is a file of this yard itself.
        Corrupt: it is no handover, or of another version.
        Unavailable: the yard is busy or cannot be written.
    """
    if not file.is_file():
        raise NotFound(f"There is no file {file}.", hint="Name a handover or another yard's runyard.duckdb.")
    if file.resolve().is_relative_to(rt.yard.home.resolve()):
        raise Invalid(f"{file} is this yard's own.", hint="Name the handover of another yard.")
    rt.store.ingest(verb="merge", wait_seconds=30, snapshot=True, replace_views=True)
    kinds: Counter[str] = Counter()
    runs: set[str] = set()
    digest = hashlib.sha256()
    temporary = rt.yard.events / f"merge.{os.getpid()}.tmp"
    try:
        with flock(rt.yard.store / "merge.lock", verb="merge", wait_seconds=30):
            for stale in rt.yard.events.glob("merge.[0-9]*.tmp"):
                stale.unlink(missing_ok=True)
            with temporary.open("wb") as journal:
                for line in _lines(rt, file, kinds, runs):
                    digest.update(line)
                    journal.write(line)
                journal.flush()
                os.fsync(journal.fileno())
            if kinds:
                temporary.replace(rt.yard.events / f"merge-{digest.hexdigest()[:24]}.jsonl")
                rt.store.ingest(verb="merge", wait_seconds=30, snapshot=True)
    except OSError as error:
        raise Unavailable(
            f"The yard at {rt.yard.home} cannot be written: {error.strerror}.",
            hint="Free some space, then merge again.",
        ) from error
    finally:
        temporary.unlink(missing_ok=True)
    return Merged(dict(kinds), len(runs))


def _lines(rt: Runtime, file: Path, kinds: Counter[str], runs: set[str]) -> Iterator[bytes]:
    for event in missing_events(rt.yard, file):
        head = orjson.loads(event) if isinstance(event, str) else event
        kinds[head["k"]] += 1
        if "run" in head:
            runs.add(head["run"])
        yield event.encode() + b"\n" if isinstance(event, str) else encode(event)
