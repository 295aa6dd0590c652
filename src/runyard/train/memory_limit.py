"""Holding a run on a CPU to the memory it was given."""

import resource
import sys

import psutil

# Where native libraries get nothing at all, not even the stack of a thread, they end the process without a word.
_LEAST_GB = 0.25


def limit_memory(limit_gb: float) -> None:
    """Let allocations fail cleanly when this process would grow beyond the limit (Linux).

    RLIMIT_AS counts address space, of which torch reserves much more than it uses; so the limit is set on what is
    added from now on, which is a quarter of a GB at least.
    """
    if sys.platform != "linux":
        return
    memory = psutil.Process().memory_info()
    limit = memory.vms + int(max(_LEAST_GB * 1e9, limit_gb * 1e9 - memory.rss))
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    if hard != resource.RLIM_INFINITY:
        limit = min(limit, hard)
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
