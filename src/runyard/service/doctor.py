"""A look at the yard's health: what is well, what is not, and how to mend it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import psutil

from runyard.core.errors import RunyardError
from runyard.runtime import Runtime

_LOW_BYTES = 1 << 30
_NETWORK = {"nfs", "nfs4", "cifs", "smbfs", "smb3", "fuse.sshfs", "9p", "afs", "ceph", "glusterfs"}
_REJECTED = "SELECT count(*) AS n FROM rejected_events"
_ACTIVE = """
SELECT count(*) FILTER (WHERE status = 'running') AS running, count(*) AS active
FROM runs
WHERE status IN ('queued', 'running')
"""
_TRAINING = ("torch", "transformers", "peft", "sklearn", "safetensors")


@dataclass(frozen=True)
class Check:
    """One thing that was looked at."""

    name: str
    state: Literal["ok", "warning", "failed"]
    message: str
    hint: str = ""


def checks(rt: Runtime) -> list[Check]:
    """Look at everything; a check that cannot be made is a failed one, never an exception."""
    return [
        _guarded(check, rt)
        for check in (_folder, _disk, _space, _ingest, _store, _rejected, _published, _queue, _training)
    ]


def _guarded(check: Callable[[Runtime], Check], rt: Runtime) -> Check:
    try:
        return check(rt)
    except RunyardError as error:
        return Check(check.__name__.strip("_"), "failed", error.message, error.hint)


def _folder(rt: Runtime) -> Check:
    if not os.access(rt.yard.home, os.W_OK):
        return Check("folder", "failed", f"{rt.yard.home} cannot be written.", "Check its owner and mode.")
    return Check("folder", "ok", f"{rt.yard.home} is there and writable.")


def _disk(rt: Runtime) -> Check:
    kind = _file_system(rt.yard.home)
    if kind in _NETWORK:
        hint = "Put the yard on a local disk: locks over a network cannot be trusted."
        return Check("disk", "warning", f"The yard is on a network file system ({kind}).", hint)
    return Check("disk", "ok", f"The yard is on a local disk ({kind or 'unknown kind'}).")


def _file_system(path: Path) -> str:
    mounts = sorted(psutil.disk_partitions(all=True), key=lambda mount: len(mount.mountpoint), reverse=True)
    return next((mount.fstype for mount in mounts if path.is_relative_to(mount.mountpoint)), "")


def _space(rt: Runtime) -> Check:
    free = shutil.disk_usage(rt.yard.home).free
    text = f"{free / 1e9:.1f} GB free."
    if free < _LOW_BYTES:
        return Check("space", "warning", text, "Free some space: a run whose disk is full fails.")
    return Check("space", "ok", text)


def _ingest(rt: Runtime) -> Check:
    rt.store.ingest(verb="doctor", wait_seconds=2.0)
    return Check("ingest", "ok", "What was journalled can be folded into the tables.")


def _store(rt: Runtime) -> Check:
    backlog = rt.store.backlog()
    if backlog.obstacle:
        return Check("store", "failed", backlog.obstacle, "Close the other program; events wait in the journals.")
    size = rt.yard.store_db.stat().st_size if rt.yard.store_db.exists() else 0
    return Check("store", "ok", f"{size / 1e6:.1f} MB, version {rt.store.version}, {backlog.waiting_bytes} bytes wait.")


def _rejected(rt: Runtime) -> Check:
    count = int(rt.store.read(_REJECTED)["n"][0])
    if count:
        hint = 'runyard sql "FROM rejected_events"'
        return Check("events", "warning", f"{count} journal lines could not be used.", hint)
    return Check("events", "ok", "Every journal line is in the tables.")


def _published(rt: Runtime) -> Check:
    if not rt.yard.link.exists():
        return Check("published", "failed", "runyard.duckdb points to nothing.", "runyard publish makes it again.")
    return Check("published", "ok", f"runyard.duckdb is {rt.yard.link.resolve().name}.")


def _queue(rt: Runtime) -> Check:
    row = rt.store.live(_ACTIVE).to_dicts()[0]
    waiting = row["active"] - row["running"]
    return Check("queue", "ok", f"{row['running']} running, {waiting} waiting, {rt.settings.max_workers} workers.")


def _training(rt: Runtime) -> Check:
    missing = list(_missing())
    if missing:
        hint = 'pip install torch==2.13.0, then pip install "runyard[train]"'
        return Check("training", "warning", f"Not installed: {', '.join(missing)}.", hint)
    return Check("training", "ok", "torch, transformers, peft and scikit-learn are installed.")


def _missing() -> Iterator[str]:
    return (name for name in _TRAINING if find_spec(name) is None)
