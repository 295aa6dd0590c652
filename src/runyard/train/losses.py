"""Builds the losses of `config/losses.py` as functions (logits, labels) -> (sum, count)."""

from collections.abc import Callable, Sequence
from functools import singledispatch

import torch
import torch.nn.functional as F

from runyard.config.losses import CrossEntropy
from runyard.core.errors import Invalid, Problem

LossFunction = Callable[[torch.Tensor, torch.Tensor], tuple[torch.Tensor, torch.Tensor]]


@singledispatch
def build_loss(part: object, classes: Sequence[str], labels: torch.Tensor) -> LossFunction:
    """Return the loss of a part of the configuration; `labels` are those of the training part."""
    raise TypeError(f"no loss for {type(part).__name__}")


@build_loss.register
def _(part: CrossEntropy, classes: Sequence[str], labels: torch.Tensor) -> LossFunction:
    weights = class_weights(part, classes, labels)

    def loss(logits: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        weight = None if weights is None else weights.to(logits.device)
        total = F.cross_entropy(logits.float(), y, weight=weight, label_smoothing=part.label_smoothing, reduction="sum")
        count = torch.tensor(float(len(y)), device=logits.device) if weight is None else weight[y].sum()
        return total, count

    return loss


def class_weights(part: CrossEntropy, classes: Sequence[str], labels: torch.Tensor) -> torch.Tensor | None:
    """Return the weight of each class, or None where all are 1; balanced is n / (classes * frequency).

    Raises:
        Invalid: the map of weights does not name exactly the classes of the data.
    """
    if part.class_weights is None:
        return None
    if part.class_weights == "balanced":
        frequency = torch.bincount(labels, minlength=len(classes)).clamp_min(1)
        return len(labels) / (len(classes) * frequency.float())
    given, known = set(part.class_weights), set(classes)
    if given != known:
        problems = [
            Problem(f"optimization.loss.class_weights.{name}", "there is no such class", tuple(classes))
            for name in sorted(given - known)
        ]
        problems += [
            Problem(f"optimization.loss.class_weights.{name}", "the weight of this class is missing")
            for name in sorted(known - given)
        ]
        raise Invalid("The class weights do not fit the classes of the data.", problems=problems)
    return torch.tensor([part.class_weights[name] for name in classes])
