"""What this process uses, from the standard library alone: CPU time and resident memory."""

from __future__ import annotations

import os
import resource
import sys
import time
from dataclasses import dataclass, field

from runyard.core import nvml

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_PEAK_UNIT_BYTES = 1 if sys.platform == "darwin" else 1024


def memory_gb() -> float:
    """Return the resident memory in GB (1e9 bytes); on macOS its peak, which is all the standard library tells."""
    try:
        with open("/proc/self/statm", "rb") as statm:
            return int(statm.read().split()[1]) * _PAGE_BYTES / 1e9
    except OSError:
        return memory_peak_gb()


def memory_peak_gb() -> float:
    """Return the peak resident memory of this process in GB (1e9 bytes).

    From /proc, where there is one: what getrusage says counts in the memory of whoever started the process.
    """
    try:
        with open("/proc/self/status", "rb") as status:
            for line in status:
                if line.startswith(b"VmHWM:"):
                    return int(line.split()[1]) * 1024 / 1e9
    except OSError:
        pass
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _PEAK_UNIT_BYTES / 1e9


def cpu_seconds() -> float:
    """Return the CPU time of this process and of its ended children, in seconds."""
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


@dataclass
class CpuMeter:
    """CPU utilisation of this process between two looks."""

    _cpu: float = field(default_factory=time.process_time)
    _wall: float = field(default_factory=time.monotonic)

    def percent(self) -> float:
        """Return CPU time / wall time since the last look in percent: 100 is one core busy."""
        cpu, wall = time.process_time(), time.monotonic()
        percent = 100 * (cpu - self._cpu) / max(1e-9, wall - self._wall)
        self._cpu, self._wall = cpu, wall
        return percent


def system_metrics(meter: CpuMeter) -> dict[str, float]:
    """Return the sample that every run journals every few seconds, by the names of its metrics."""
    busy = [share for device in nvml.devices_in_use() if (share := nvml.utilization(device)) is not None]
    sample = {"system/cpu_percent": meter.percent(), "system/memory_gb": memory_gb()}
    return {**sample, "system/gpu_percent": 100 * sum(busy) / len(busy)} if busy else sample
