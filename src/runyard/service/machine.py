"""What this machine has for a training, as far as runs may use it."""

from __future__ import annotations

import shutil
from functools import cache
from pathlib import Path

import psutil

from runyard.core import nvml
from runyard.presets.machine import Machine
from runyard.runtime import Runtime

_CPU_FLAGS = {"avx512_bf16", "amx_bf16", "bf16"}


def this_machine(rt: Runtime) -> Machine:
    """Return the machine of this process: its memory up to RUNYARD_MAX_MEMORY, its first GPU unless switched off."""
    gpu = nvml.first_gpu() if rt.settings.gpu_enabled else None
    name, gpu_memory, gpu_bfloat16 = gpu if gpu else (None, None, False)
    return Machine(
        memory_gb=min(psutil.virtual_memory().total / 1e9, rt.settings.max_memory_mb * 1024**2 / 1e9),
        cores=psutil.cpu_count() or 1,
        gpu=name,
        gpu_memory_gb=gpu_memory,
        has_bfloat16=gpu_bfloat16 if gpu else _cpu_has_bfloat16(),
        disk_free_gb=shutil.disk_usage(rt.yard.home).free / 1e9,
        cpu_has_bfloat16=_cpu_has_bfloat16(),
    )


def free_memory_gb() -> float:
    """Return the main memory that nobody uses now, in GB (1e9 bytes)."""
    return float(psutil.virtual_memory().available / 1e9)


@cache
def _cpu_has_bfloat16() -> bool:
    """Whether the CPU has instructions for bfloat16; unknown is no, since emulation is slower than float32."""
    try:
        text = Path("/proc/cpuinfo").read_text("utf-8", errors="replace")
    except OSError:
        return False
    line = next((line for line in text.splitlines() if line.startswith(("flags", "Features"))), "")
    return bool(_CPU_FLAGS & set(line.partition(":")[2].split()))
