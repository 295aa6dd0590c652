"""The GPUs that this process trains on, through NVIDIA's own library where the driver has it; without a package."""

from __future__ import annotations

import ctypes
import sys
from functools import cache
from typing import Any

_LIBRARY = "libnvidia-ml.so.1"


class _Rates(ctypes.Structure):
    _fields_ = (("gpu", ctypes.c_uint), ("memory", ctypes.c_uint))


@cache
def _library() -> Any:
    """Return NVML, started, or None where there is none."""
    try:
        library = ctypes.CDLL(_LIBRARY)
        return library if library.nvmlInit_v2() == 0 else None
    except (OSError, AttributeError):
        return None


class _Memory(ctypes.Structure):
    _fields_ = (("total", ctypes.c_ulonglong), ("free", ctypes.c_ulonglong), ("used", ctypes.c_ulonglong))


def first_gpu() -> tuple[str, float, bool] | None:
    """Return name, memory in GB (1e9 bytes) and whether it has bfloat16 of the first GPU; None where there is none."""
    library, handle = _library(), ctypes.c_void_p()
    if library is None or library.nvmlDeviceGetHandleByIndex_v2(0, ctypes.byref(handle)) != 0:
        return None
    name, memory = ctypes.create_string_buffer(96), _Memory()
    major, minor = ctypes.c_int(), ctypes.c_int()
    if (
        library.nvmlDeviceGetName(handle, name, 96) != 0
        or library.nvmlDeviceGetMemoryInfo(handle, ctypes.byref(memory)) != 0
        or library.nvmlDeviceGetCudaComputeCapability(handle, ctypes.byref(major), ctypes.byref(minor)) != 0
    ):
        return None
    return name.value.decode(errors="replace"), memory.total / 1e9, major.value >= 8


def devices_in_use() -> tuple[str, ...]:
    """Return the UUIDs of the GPUs on which torch holds memory in this process; torch is never imported for that."""
    try:
        cuda: Any = sys.modules["torch"].cuda
        if not cuda.is_initialized():
            return ()
        used = (i for i in range(cuda.device_count()) if cuda.memory_reserved(i) > 0)
        return tuple(f"GPU-{cuda.get_device_properties(i).uuid}" for i in used)
    except (KeyError, AttributeError, RuntimeError):  # torch is not there, half imported, or too old to know UUIDs
        return ()


def joules(device: str) -> float | None:
    """Return the energy that a GPU has used since its driver was loaded; None where it has no meter."""
    found = ctypes.c_ulonglong()
    handle = _handle(device)
    if handle is None or _library().nvmlDeviceGetTotalEnergyConsumption(handle, ctypes.byref(found)) != 0:
        return None
    return found.value / 1000


def utilization(device: str) -> float | None:
    """Return the share of the last moments in which a GPU computed, 0 to 1; None where it does not say."""
    found = _Rates()
    handle = _handle(device)
    if handle is None or _library().nvmlDeviceGetUtilizationRates(handle, ctypes.byref(found)) != 0:
        return None
    return int(found.gpu) / 100


@cache
def _handle(device: str) -> ctypes.c_void_p | None:
    handle = ctypes.c_void_p()
    library = _library()
    if library is None or library.nvmlDeviceGetHandleByUUID(device.encode(), ctypes.byref(handle)) != 0:
        return None
    return handle
