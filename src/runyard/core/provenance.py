"""Where a run comes from: the commit of the working tree, the installed packages, the process and its machine."""

from __future__ import annotations

import os
import platform
import shlex
import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

_GIT_SECONDS = 5.0


def git_state(folder: Path) -> dict[str, Any] | None:
    """Return `{"commit": …, "dirty": …}` of the working tree a folder is in; None where there is none, or no git."""
    commit = _git(folder, "rev-parse", "HEAD")
    if commit is None:
        return None
    changes = _git(folder, "status", "--porcelain", "--untracked-files=no")
    return {"commit": commit, "dirty": None if changes is None else bool(changes)}


def package_versions() -> dict[str, str]:
    """Return the version of every installed distribution, by its lower-case name."""
    found = ((found.metadata["Name"], found.version) for found in distributions())
    return dict(sorted((name.lower(), version) for name, version in found if name))


def process() -> dict[str, Any]:
    """Return what `started` says of this process, its packages and its machine."""
    return {
        "pid": os.getpid(),
        "pid_created": process_created(),
        "host": platform.node(),
        "python": platform.python_version(),
        "packages": package_versions(),
        "command": shlex.join(sys.orig_argv),
    }


def process_created() -> float | None:
    """Return when this process began, in seconds since 1970, as psutil counts it; None where there is no /proc."""
    try:
        ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
        boot = next(line for line in Path("/proc/stat").read_text().splitlines() if line.startswith("btime "))
        return int(boot.split()[1]) + ticks / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError, StopIteration):
        return None


def _git(folder: Path, *arguments: str) -> str | None:
    command = ["git", "-C", str(folder), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_GIT_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
