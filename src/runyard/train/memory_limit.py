"""Holding a run on a CPU to the memory it was given."""

import resource
import sys

import psutil


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
