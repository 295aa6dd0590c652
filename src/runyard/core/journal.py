"""The journal: append-only JSON lines, one file per process incarnation, one `os.write` per event.

Nothing is buffered in user space, so a killed process loses nothing it wrote. The writer holds a shared flock on
its journal for as long as it lives: whoever gets the exclusive one knows that the journal has ended.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import time_ns
from typing import Any
from uuid import UUID

import orjson

_OPTIONS = orjson.OPT_APPEND_NEWLINE | orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS


def encode(event: Mapping[str, Any]) -> bytes:
    """Return one line of JSON; non-finite numbers are the bare literals NaN, Infinity and -Infinity.

    orjson writes them as null, which would make a diverged run look unmeasured. An event holds no None of its own
    in the hot path, so the word `null` in the line is a cheap sign that a second look is due.

    Raises:
        TypeError: a value has no JSON form.
    """
    line = orjson.dumps(event, default=_plain, option=_OPTIONS)
    if b"null" in line:
        line = json.dumps(event, default=_plain, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"
    return line


def _plain(value: Any) -> Any:
    if hasattr(value, "tolist"):  # numpy's and torch's scalars and arrays
        return value.tolist()
    if isinstance(value, UUID | Path):
        return str(value)
    if isinstance(value, set | frozenset | tuple):
        return list(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


class Journal:
    """An open journal file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._fd = _open_locked(path)
        self._unwritten = b""
        self._turn = threading.Lock()  # a heartbeat and mirrors write beside the training

    def write(self, event: Mapping[str, Any]) -> None:
        """Append one event.

        Raises:
            OSError: the disk is full or gone; the line is kept and goes out with the next call that succeeds.
            TypeError: a value has no JSON form.
        """
        line = encode(event)
        with self._turn:
            self._put(self._unwritten + line if self._unwritten else line)

    def flush(self) -> None:
        """Write what a full disk kept back.

        Raises:
            OSError: it is still full.
        """
        with self._turn:
            if self._unwritten:
                self._put(self._unwritten)

    def _put(self, line: bytes) -> None:
        try:
            written = os.write(self._fd, line)
        except OSError:
            self._unwritten = line
            raise
        self._unwritten = b""
        if written < len(line):  # the fragment stays behind as a rejected line, the event is written whole
            self._unwritten = b"\n" + line[_last_line_start(line, written) :]
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))

    def sync(self) -> None:
        """Ask the disk to keep what was written: once a second and at the end, not per event."""
        os.fsync(self._fd)

    def abandon(self) -> None:
        """Close without writing what is left: for callers who told that an event was not written."""
        self._unwritten = b""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def close(self) -> None:
        """Write what is left, sync and close; a second call does nothing."""
        with self._turn:
            if self._fd < 0:
                return
            try:
                if self._unwritten:
                    os.write(self._fd, self._unwritten)
                self.sync()
            finally:
                os.close(self._fd)
                self._fd = -1


def _open_locked(path: Path) -> int:
    while True:
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        # Between the two an ingest may have taken the empty file for that of a dead process, and put it away.
        if os.fstat(descriptor).st_nlink:
            return descriptor
        os.close(descriptor)


def _last_line_start(lines: bytes, written: int) -> int:
    return lines.rfind(b"\n", 0, written) + 1


class RunJournal:
    """The pen of one attempt of one run: adds the run, the attempt and the time to each event."""

    def __init__(self, journal: Journal, run_id: UUID | str, attempt: int = 1) -> None:
        self.journal = journal
        self.run_id = str(run_id)
        self.attempt = attempt

    def emit(self, kind: str, /, **fields: Any) -> None:
        """Append an event of a kind; fields that are None are left out."""
        event: dict[str, Any] = {"k": kind, "run": self.run_id, "attempt": self.attempt, "at": time_ns() // 1000}
        event.update((name, value) for name, value in fields.items() if value is not None)
        self.journal.write(event)

    def metrics(self, step: int, values: Mapping[str, float], epoch: float | None = None) -> None:
        """Append the values of some metrics at one step (1-based optimizer step; `epoch` may be fractional)."""
        event: dict[str, Any] = {
            "k": "metrics",
            "run": self.run_id,
            "attempt": self.attempt,
            "at": time_ns() // 1000,
            "step": step,
            "metrics": [{"name": name, "value": value} for name, value in values.items()],
        }
        if epoch is not None:
            event["epoch"] = epoch
        self.journal.write(event)

    def histograms(self, step: int, rows: Sequence[Mapping[str, Any]], epoch: float | None = None) -> None:
        """Append histograms of layers at one step: layer, place, kind, low, high, mean, deviation, zeros, counts."""
        self.emit("histograms", step=step, epoch=epoch, histograms=rows)

    def epoch(self, epoch: int, /, *, metrics: Mapping[str, float] | None = None, **columns: Any) -> None:
        """Append a finished epoch (1-based); `columns` are those of `training_epochs`, `metrics` any others."""
        extra = [{"name": name, "value": value} for name, value in metrics.items()] if metrics else None
        self.emit("epoch", epoch=epoch, metrics=extra, **columns)
