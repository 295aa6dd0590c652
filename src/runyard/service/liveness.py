"""Whether the process of a run is still there: its pid, its start time, and not a zombie."""

from __future__ import annotations

import os
import platform
from datetime import datetime
from pathlib import Path

import psutil

from runyard.core.clock import to_us
from runyard.core.paths import RunFolder


def is_alive(pid: int | None, created: float | None, host: str | None = None) -> bool:
    """Return whether a process lives; pids are reused, so its start (seconds since 1970) must agree within 1 s.

    A process of another host counts as alive: nobody here can tell.
    """
    if host and host != platform.node():
        return True
    if not pid:
        return False
    try:
        process = psutil.Process(pid)
        same = created is None or abs(process.create_time() - created) < 1.0
        return same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def created_at(pid: int) -> float:
    """Return the start of a process in seconds since 1970; 0 when it is gone already."""
    try:
        return psutil.Process(pid).create_time()
    except psutil.NoSuchProcess:
        return 0.0


def last_sign_us(folder: RunFolder, fallback: datetime | None) -> int:
    """Return when a run last wrote to its journal, in microseconds since 1970."""
    times = [os.stat(path).st_mtime_ns // 1000 for path in _journals(folder.path)]
    return max(times, default=to_us(fallback) if fallback else 1)


def _journals(folder: Path) -> list[Path]:
    return [*folder.glob("journal-*.jsonl"), *folder.glob("journal-*.jsonl.zst")]
