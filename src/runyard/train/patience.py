"""Waiting for room: a disk that is full for a moment costs a run some time and nothing else."""

import errno
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from runyard.core.journal import Journal

T = TypeVar("T")
WAIT_SECONDS = 60.0
HARDLY_FREE = 1_000_000
_FULL = (errno.ENOSPC, errno.EDQUOT)
_LOOK_SECONDS = 0.2


def is_full(error: BaseException, folder: Path) -> bool:
    """Return whether a write failed for want of space; safetensors and torch have errors of their own for it."""
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno in _FULL
    return isinstance(error, Exception) and shutil.disk_usage(folder).free < HARDLY_FREE


def with_room(write: Callable[[], T], folder: Path) -> T:
    """Write; when the disk is full, again and again for a minute.

    Raises:
        Exception: the last error, when there was no room to the end, or at once any other one.
    """
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            return write()
        except Exception as error:
            if not is_full(error, folder) or time.monotonic() >= deadline:
                raise
            time.sleep(_LOOK_SECONDS)


class PatientJournal(Journal):
    """A journal whose writer waits for room; once that was in vain, each further write is tried once."""

    _patient = True

    def write(self, event: Mapping[str, Any]) -> None:
        try:
            super().write(event)
        except OSError as error:
            if not (self._patient and is_full(error, self.path.parent)):
                raise
            self._patient = False
            with_room(self.flush, self.path.parent)
        self._patient = True
