"""Device, threads and number format of a run."""

import contextlib
import random
from collections.abc import Callable
from contextlib import AbstractContextManager

import numpy as np
import torch

from runyard.config.training import Resources
from runyard.core.errors import Invalid

Notice = Callable[[str, str, str], None]  # level, message, hint


def pick_device(resources: Resources, *, gpu_enabled: bool) -> torch.device:
    """Return the device to compute on.

    Raises:
        Invalid: a GPU was asked for and there is none, or it is switched off.
    """
    there = torch.cuda.is_available()
    if resources.device == "cuda" and not (there and gpu_enabled):
        why = "is switched off by RUNYARD_GPU_ENABLED" if there else "was not found"
        raise Invalid(f"resources.device is cuda, but a GPU {why}.", hint="Set resources.device to auto or cpu.")
    return torch.device("cuda" if there and gpu_enabled and resources.device != "cpu" else "cpu")


def device_name(device: torch.device) -> str:
    """Return `cpu` or `cuda:NAME`."""
    return f"cuda:{torch.cuda.get_device_name(device)}" if device.type == "cuda" else "cpu"


def set_determinism(seed: int, threads: int, device: torch.device) -> None:
    """Make the run a function of its config: seeds, thread count, deterministic kernels."""
    torch.set_num_threads(threads)
    with contextlib.suppress(RuntimeError):
        torch.set_num_interop_threads(threads)  # only before the first parallel work of the process
    if device.type != "cpu" or threads > 1:
        # One thread of a CPU adds in one order anyway, and this call imports torch's compiler: three seconds.
        torch.use_deterministic_algorithms(True, warn_only=True)
        torch.backends.cudnn.benchmark = False
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def is_bfloat16(device: torch.device, wanted: bool, notice: Notice) -> bool:
    """Return whether to compute in bfloat16: it is wanted and the device has it. Says so where it has not."""
    if not wanted:
        return False
    has = torch.cuda.is_bf16_supported() if device.type == "cuda" else _cpu_has_bfloat16()
    if not has:
        notice(
            "warning",
            f"This {device.type} has no bfloat16: the run computes in float32.",
            "Set optimization.mixed_precision to false to be rid of this line.",
        )
    return has


def autocast(device: torch.device, wanted: bool, notice: Notice) -> Callable[[], AbstractContextManager[object]]:
    """Return the context of a forward pass: bfloat16 where it is wanted and the device has it."""
    if not is_bfloat16(device, wanted, notice):
        return contextlib.nullcontext
    return lambda: torch.autocast(device.type, torch.bfloat16)


def _cpu_has_bfloat16() -> bool:
    check = getattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", None)
    return bool(check()) if check is not None else False
