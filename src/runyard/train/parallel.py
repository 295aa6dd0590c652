"""Several processes that train one model, started by torchrun: each takes its share of every step's batches.

The gradient of a step is that of all its batches together, divided by their common count, so that two processes do
what one does with twice the accumulation. The first process alone writes events, checkpoints and the model; the others
follow its decisions. What runs in one process has a team of one, which does nothing.
"""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn, TypeVar

import torch
import torch.distributed as dist

T = TypeVar("T")
_joined: list["Team"] = []


@dataclass
class Team:
    """The processes of a run; `rank` is 0 for the one that speaks."""

    rank: int = 0
    world: int = 1
    _wrapped: tuple[tuple[int, ...], torch.nn.Module] | None = field(default=None, repr=False)

    def share(self, numbers: Sequence[int]) -> Sequence[int]:
        """Return which of some batches are ours."""
        return numbers if self.world == 1 else numbers[self.rank :: self.world]

    def agreed(self, value: T) -> T:
        """Return the first process's value."""
        if self.world == 1:
            return value
        values = [value]
        dist.broadcast_object_list(values, src=0)
        return values[0]

    def gathered(self, value: T) -> list[T]:
        """Return the values of all processes, in the order of their ranks."""
        if self.world == 1:
            return [value]
        values: list[Any] = [None] * self.world
        dist.all_gather_object(values, value)
        return values

    def wrapped(self, model: torch.nn.Module) -> torch.nn.Module:
        """Return the model so that its gradients are averaged over the processes; anew when others are trained."""
        trained = tuple(id(parameter) for parameter in model.parameters() if parameter.requires_grad)
        if self._wrapped is None or self._wrapped[0] != trained:
            together = torch.nn.parallel.DistributedDataParallel(
                model, broadcast_buffers=False, find_unused_parameters=True
            )
            self._wrapped = (trained, together)
        return self._wrapped[1]

    def scatter_seeds(self, seed: int) -> None:
        """Let each process drop out something else; the first one goes on as a run of one process would."""
        if self.rank:
            torch.manual_seed(seed + self.rank)


def join(together: bool, device: torch.device) -> Team:
    """Return the team of this process: torchrun says in the environment who and how many we are.

    Args:
        together: whether this process was started by torchrun as one of several.
    """
    if not together:
        return Team()
    if device.type == "cuda":
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    # Its destructor waits for a thread that may wait for Python's lock: the process ends without it, see `end`.
    dist.init_process_group("cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo")
    _joined.append(Team(dist.get_rank(), dist.get_world_size()))
    return _joined[-1]


def end(code: int) -> NoReturn:
    """End a process of several at once, with nothing taken down."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
