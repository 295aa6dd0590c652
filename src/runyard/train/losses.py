"""Builds the losses of `config/losses.py` as functions (logits, labels) -> (sum, count)."""

from collections.abc import Callable, Mapping, Sequence
from functools import singledispatch

import torch
import torch.nn.functional as F

from runyard.config.class_names import refuse_unknown
from runyard.config.losses import CrossEntropy, ExpectedCost, Focal, LeakAware

LossFunction = Callable[[torch.Tensor, torch.Tensor], tuple[torch.Tensor, torch.Tensor]]


@singledispatch
def build_loss(part: object, classes: Sequence[str], labels: torch.Tensor) -> LossFunction:
    """Return the loss of a part of the configuration.

    Args:
        part: such as `Focal(gamma=1)`.
        classes: names of the classes, in the order of the logits.
        labels: numbers of the classes of the training examples, shape (n,); balanced weights come from them.

    Returns:
        A function of logits (n, classes) and labels (n,) to the sum of the loss and to what its mean divides by.

    Raises:
        Invalid: the part names classes that the data does not have, or leaves some out.
    """
    raise TypeError(f"no loss for {type(part).__name__}")


@build_loss.register
def _(part: CrossEntropy, classes: Sequence[str], labels: torch.Tensor) -> LossFunction:
    weights = class_weights(part, classes, labels)

    def loss(logits: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        logits = _single(logits)
        weight = None if weights is None else weights.to(logits)
        total = F.cross_entropy(logits, y, weight=weight, label_smoothing=part.label_smoothing, reduction="sum")
        count = torch.tensor(float(len(y)), device=logits.device) if weight is None else weight[y].sum()
        return total, count

    return loss


@build_loss.register
def _(part: Focal, classes: Sequence[str], labels: torch.Tensor) -> LossFunction:
    given = part.alpha if isinstance(part.alpha, dict) else dict.fromkeys(classes, part.alpha)
    alpha = by_class(given, classes, "alpha")

    def loss(logits: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        entropy = F.cross_entropy(logits, y, reduction="none")
        # Without the floor the gradient of a power below 1 is not a number where p is 1.
        doubt = (1 - torch.exp(-entropy)).clamp_min(1e-7)
        return alpha.to(logits)[y] * doubt**part.gamma * entropy

    return _of_examples(loss)


@build_loss.register
def _(part: LeakAware, classes: Sequence[str], labels: torch.Tensor) -> LossFunction:
    refuse_unknown(part.leak_classes, classes, "leak_classes")
    is_leak = torch.tensor([name in part.leak_classes for name in classes])

    def loss(logits: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        leaks = is_leak.to(logits.device)
        said = logits.softmax(-1)[:, leaks].sum(-1)
        missed = 1 + (part.leak_penalty - 1) * (1 - said)
        alarmed = 1 + (part.non_leak_penalty - 1) * said
        return F.cross_entropy(logits, y, reduction="none") * torch.where(leaks[y], missed, alarmed)

    return _of_examples(loss)


@build_loss.register
def _(part: ExpectedCost, classes: Sequence[str], labels: torch.Tensor) -> LossFunction:
    refuse_unknown({*part.costs, *(said for row in part.costs.values() for said in row)}, classes, "costs")
    costs = torch.tensor(
        [[part.costs.get(true, {}).get(said, 0.0) for said in classes] for true in classes], dtype=torch.float64
    )

    def loss(logits: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        expected = (costs.to(logits)[y] * logits.softmax(-1)).sum(-1)
        return F.cross_entropy(logits, y, reduction="none") + part.cost_weight * expected

    return _of_examples(loss)


def _of_examples(loss: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]) -> LossFunction:
    """Sum a loss of single examples; the count is their number."""

    def summed(logits: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return loss(_single(logits), y).sum(), torch.tensor(float(len(y)), device=logits.device)

    return summed


def _single(logits: torch.Tensor) -> torch.Tensor:
    """Return logits in single precision where they come in less."""
    return logits if logits.dtype == torch.float64 else logits.float()


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
    return by_class(part.class_weights, classes, "class_weights")


def by_class(given: Mapping[str, float], classes: Sequence[str], key: str) -> torch.Tensor:
    """Return the numbers of a map in the order of the classes.

    Raises:
        Invalid: it does not name exactly these classes.
    """
    refuse_unknown(given, classes, key, is_whole=True)
    return torch.tensor([given[name] for name in classes], dtype=torch.float64)
