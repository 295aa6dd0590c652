"""Where and with what a run takes place: host, versions, git, limits."""

import contextlib
import platform
import resource
import shlex
import subprocess
import sys
from importlib import metadata
from typing import Any

import psutil

_PACKAGES = (
    "runyard", "torch", "transformers", "peft", "tokenizers", "accelerate", "scikit-learn", "numpy", "safetensors",
    "pydantic", "duckdb", "pyarrow",
)  # fmt: skip


def circumstances() -> dict[str, Any]:
    """Return the fields of `started` that do not depend on the config."""
    process = psutil.Process()
    return {
        "pid": process.pid,
        "pid_created": process.create_time(),
        "host": platform.node(),
        "python": platform.python_version(),
        "git": git_state(),
        "packages": package_versions(),
        "command": shlex.join(sys.orig_argv),
    }


def package_versions() -> dict[str, str]:
    """Return the versions of what can change a result."""
    versions: dict[str, str] = {}
    for name in _PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[name] = metadata.version(name)
    return versions


def git_state() -> dict[str, Any] | None:
    """Return commit and dirty state of the folder the run was started in, if that is a git repository."""

    def git(*arguments: str) -> str | None:
        try:
            done = subprocess.run(["git", *arguments], capture_output=True, text=True, timeout=5, check=False)
        except (OSError, subprocess.SubprocessError):
            return None
        return done.stdout.strip() if done.returncode == 0 else None

    commit = git("rev-parse", "HEAD")
    if not commit:
        return None
    status = git("status", "--porcelain", "--untracked-files=no")
    return {"commit": commit, "dirty": bool(status) if status is not None else None}


def limit_memory(limit_gb: float) -> None:
    """Let allocations fail cleanly when this process would grow beyond the limit (Linux).

    RLIMIT_AS counts address space, of which torch reserves much more than it uses; so the limit is set on what is
    added from now on.
    """
    if sys.platform != "linux":
        return
    memory = psutil.Process().memory_info()
    limit = memory.vms + max(0, int(limit_gb * 1e9) - memory.rss)
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    if hard != resource.RLIM_INFINITY:
        limit = min(limit, hard)
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))


def memory_peak_gb() -> float:
    """Return the largest resident size of this process so far, in units of 1e9 bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak * (1 if sys.platform == "darwin" else 1024) / 1e9


def cpu_seconds() -> float:
    """Return the processor time of this process and its children."""
    return sum(
        usage.ru_utime + usage.ru_stime
        for usage in (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
    )
