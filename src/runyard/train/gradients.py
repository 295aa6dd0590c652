"""The gradient of a step: of the mean loss over all its batches, in one process or over several."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist

from runyard.train.parallel import Team
from runyard.train.task import Batch, Task

Autocast = Callable[[], AbstractContextManager[object]]


@dataclass(frozen=True)
class Pass:
    """What a step's forward passes came to over all processes: the sum of the loss and its count, sizes, a norm."""

    total: float
    count: float
    samples: int
    tokens: int
    small_norm: float | None = None


def backward(
    task: Task,
    model: torch.nn.Module,
    group: Sequence[Batch],
    autocast: Autocast,
    parameters: Sequence[torch.nn.Parameter],
    *,
    measure: bool,
) -> Pass:
    """Leave the gradient of the mean over all batches of a step.

    Args:
        measure: whether the norm of the gradient of the first batch alone is wanted: with that of the whole group it
            tells signal from noise.
    """
    totals, counts = [], []
    small_norm: float | None = None
    for batch in group:
        with autocast():
            loss = task.loss(model, batch)
        scaled = loss.total / loss.count if len(group) == 1 else loss.total
        scaled.backward()  # type: ignore[no-untyped-call]
        totals.append(loss.total.detach())
        counts.append(loss.count.detach())
        if measure and small_norm is None:
            gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
            small_norm = (torch.nn.utils.get_total_norm(gradients) / loss.count).item()
    total, count = float(sum(t.item() for t in totals)), float(sum(c.item() for c in counts))
    if len(group) > 1:
        for parameter in parameters:
            if parameter.grad is not None:
                parameter.grad.div_(count)
    return Pass(
        total, count, sum(len(batch.labels) for batch in group), sum(batch.tokens for batch in group), small_norm
    )


def backward_together(
    team: Team,
    task: Task,
    model: torch.nn.Module,
    group: Sequence[Batch],
    autocast: Autocast,
    *,
    idle: bool,
    measure: bool,
) -> Pass:
    """Leave the gradient of the mean over the batches of all processes.

    Args:
        group: our batches, one at least.
        idle: none was left for us: the one of the group counts nothing, and is there for the others' sake.
        measure: whether the norm of the gradient of the first batch alone is wanted.
    """
    wrapped: Any = team.wrapped(model)
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    weight = 0.0 if idle else 1.0
    ours = torch.zeros(4, dtype=torch.float64)
    small_norm = None
    for place, batch in enumerate(group):
        # Gradients are exchanged with the last batch alone.
        with nullcontext() if place == len(group) - 1 else wrapped.no_sync():
            with autocast():
                loss = task.loss(wrapped, batch)
            (loss.total * weight).backward()  # type: ignore[no-untyped-call]
        ours += weight * torch.tensor([loss.total.item(), loss.count.item(), len(batch.labels), batch.tokens])
        if measure and small_norm is None and len(group) > 1:
            gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
            small_norm = (torch.nn.utils.get_total_norm(gradients) / loss.count).item()
    dist.all_reduce(ours)
    total, count, samples, tokens = ours.tolist()
    for parameter in parameters:
        if parameter.grad is not None:
            parameter.grad.mul_(team.world / count)  # what is there is the mean over the processes
    return Pass(total, count, int(samples), int(tokens), small_norm)
