"""Who holds a database file, asked of the kernel. Run as a program, in a child process.

Opening and closing a file drops every POSIX lock of the process on it, so the question is never asked in-process.
Prints one line a path: `free`, `read` or `write`.
"""

from __future__ import annotations

import fcntl
import os
import struct
import sys
from pathlib import Path

_DARWIN = sys.platform == "darwin"
_LAYOUT = "qqihh" if _DARWIN else "hhqqi"  # struct flock
_STATES = {fcntl.F_UNLCK: "free", fcntl.F_RDLCK: "read", fcntl.F_WRLCK: "write"}


def lock_of(path: Path) -> str:
    """Return `free`, `read` or `write`: what another process holds on the file. Only for a child process."""
    with path.open("rb+") as file:
        fields = (0, 0, 0, fcntl.F_WRLCK, os.SEEK_SET) if _DARWIN else (fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        answer = struct.unpack(_LAYOUT, fcntl.fcntl(file, fcntl.F_GETLK, struct.pack(_LAYOUT, *fields)))
    return _STATES[answer[3 if _DARWIN else 0]]


if __name__ == "__main__":
    for name in sys.argv[1:]:
        try:
            print(lock_of(Path(name)))
        except OSError:
            print("free" if not os.path.exists(name) else "read")
