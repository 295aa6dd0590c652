"""Where a run comes from: the commit of the working tree, the installed packages, the machine."""

from __future__ import annotations

import platform
import subprocess
from functools import cache
from importlib.metadata import distributions
from pathlib import Path

_GIT_SECONDS = 5.0


def git_state(folder: Path) -> dict[str, object]:
    """Return `{"commit": …, "dirty": …}` of the working tree a folder is in; empty where there is none, or no git."""
    commit = _git(folder, "rev-parse", "HEAD")
    if commit is None:
        return {}
    return {"commit": commit, "dirty": bool(_git(folder, "status", "--porcelain", "--untracked-files=no"))}


@cache
def package_versions() -> dict[str, str]:
    """Return the version of every installed distribution, by its lower-case name."""
    found = ((found.metadata["Name"], found.version) for found in distributions())
    return dict(sorted((name.lower(), version) for name, version in found if name))


def machine() -> dict[str, str]:
    """Return host name and Python version."""
    return {"host": platform.node(), "python": platform.python_version()}


def _git(folder: Path, *arguments: str) -> str | None:
    command = ["git", "-C", str(folder), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_GIT_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
