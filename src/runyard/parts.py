"""The parts of a training on their own, for scripts without a yard: losses, optimizers, schedules, splits.

    loss = parts.build_loss("focal", classes=4, gamma=1.0)
    optimizer = parts.build_optimizer("adamw", model, lr=1e-3)
    rate = parts.lr_at("cosine", step, base=1e-3, warmup=10, total=500)
    for train, validation in parts.splits(X, y, by="stratified", folds=5): ...

Names and options are those of a run's YAML. torch and scikit-learn are imported by what needs them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal

from runyard.core.errors import Invalid, Problem

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

    from runyard.config.part import Part

    Fold = tuple[NDArray[np.int64], NDArray[np.int64]]

__all__ = ["build_loss", "build_optimizer", "build_optimizers", "build_scheduler", "lr_at", "splits"]

SplitBy = Literal["random", "stratified", "group", "stratified_group", "time", "leave_one_out", "leave_one_group_out"]
_SPLITS = ("random", "stratified", "group", "stratified_group", "time", "leave_one_out", "leave_one_group_out")


def build_loss(
    kind: str,
    classes: int | Sequence[str],
    *,
    labels: Any = None,
    reduction: Literal["mean", "sum"] = "mean",
    **options: Any,
) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
    """Return a loss as a function of logits (n, classes) and labels (n,).

    Args:
        kind: cross_entropy, focal, leak_aware or expected_cost.
        classes: how many, or their names; numbers are called "0", "1" … in the options.
        labels: those of the training examples, for `class_weights="balanced"`.
        reduction: the mean divides by the number of examples, or by their weights, as torch does.

    Raises:
        Invalid: there is no such loss or option, or it names other classes.
    """
    import torch

    from runyard.config.losses import Loss
    from runyard.train import losses

    names = [str(number) for number in range(classes)] if isinstance(classes, int) else list(map(str, classes))
    part = _part(Loss, kind, options, "loss")
    if getattr(part, "class_weights", None) == "balanced" and labels is None:
        raise Invalid("Balanced weights follow from the labels of the training.", hint="Give labels=.")
    of_training = torch.zeros(1, dtype=torch.int64) if labels is None else torch.as_tensor(labels)
    summed = losses.build_loss(part, names, of_training)

    def loss(logits: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        total, count = summed(logits, y)
        return total if reduction == "sum" else total / count

    return loss


def build_optimizer(
    kind: str, model: torch.nn.Module, *, lr: float, weight_decay: float = 0.0, **options: Any
) -> torch.optim.Optimizer:
    """Return the optimizer of a model's trainable parameters; weight decay spares vectors and biases.

    Args:
        kind: adam, adamw, nadam, radam, adamax, sgd, rmsprop, adagrad, adadelta or adafactor.

    Raises:
        Invalid: there is no such optimizer or option; or it takes two, as muon does: see `build_optimizers`.
    """
    built = build_optimizers(kind, model, lr=lr, weight_decay=weight_decay, **options)
    if len(built) > 1:
        raise Invalid(f"{kind} takes {len(built)} optimizers.", hint="Call build_optimizers(), and step each of them.")
    return built[0]


def build_optimizers(
    kind: str, model: torch.nn.Module, *, lr: float, weight_decay: float = 0.0, **options: Any
) -> list[torch.optim.Optimizer]:
    """Return what steps a model, to be stepped one after the other: one optimizer, or two with muon.

    Raises:
        Invalid: there is no such optimizer or option, or nothing to train.
    """
    from runyard.config.optimizers import Optimizer
    from runyard.train import optimizers

    part = _part(Optimizer, kind, options, "optimizer")
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise Invalid("The model has no parameters that can be trained.", hint="Check requires_grad.")
    return optimizers.build_optimizers(part, model, lr=lr, weight_decay=weight_decay)


def lr_at(kind: str, step: int, *, base: float, total: int, warmup: int = 0, **options: Any) -> float:
    """Return the learning rate of an optimizer step, counted from 0, of `total` steps.

    Args:
        kind: constant, linear, cosine, cosine_restarts, polynomial, exponential, inverse_sqrt, wsd or one_cycle.
        base: the rate after `warmup` steps of a straight rise.

    Raises:
        Invalid: there is no such schedule or option.
    """
    from runyard.config import schedules

    part = _part(schedules.Schedule, kind, options, "schedule")
    return schedules.lr_at(part, step, base=base, warmup=warmup, total=total)


def build_scheduler(
    optimizer: torch.optim.Optimizer, kind: str, *, total: int, warmup: int = 0, **options: Any
) -> torch.optim.lr_scheduler.LambdaLR:
    """Return a schedule as torch steps it: the rates of the optimizer's groups are the base.

    Raises:
        Invalid: there is no such schedule or option.
    """
    from torch.optim.lr_scheduler import LambdaLR

    from runyard.config import schedules

    part = _part(schedules.Schedule, kind, options, "schedule")

    def factor_of(base: float) -> Callable[[int], float]:
        return lambda step: schedules.lr_at(part, step, base=base, warmup=warmup, total=total) / base

    return LambdaLR(optimizer, [factor_of(float(group["lr"])) for group in optimizer.param_groups])


def splits(
    x: Any,
    y: Any = None,
    *,
    by: SplitBy = "stratified",
    folds: int = 5,
    validation_split: float = 0.2,
    groups: Any = None,
    times: Any = None,
    seed: int = 0,
) -> list[Fold]:
    """Return pairs of positions (training, validation), by scikit-learn's splitters.

    Args:
        x: the examples; only their number counts.
        y: their classes, for a stratified split.
        by: random, stratified, group or stratified_group (no group is on both sides), time (validation is later than
            all of its training), leave_one_out, leave_one_group_out.
        folds: how many; 1 holds out `validation_split` of the examples, or of the groups, once.
        groups: what each example belongs to.
        times: when each example was, in anything that sorts; without it a split by time takes the order as it is.

    Raises:
        Invalid: what the split goes by is missing or does not fit, or there are too few examples for so many folds.
    """
    import numpy as np
    from sklearn import model_selection as sk

    count = len(x)
    _check(by, count, folds, validation_split, {"y": y, "groups": groups, "times": times})
    once: dict[str, Any] = {"n_splits": 1, "test_size": validation_split, "random_state": seed}
    several: dict[str, Any] = {"n_splits": max(folds, 2), "shuffle": True, "random_state": seed}
    splitter: Any
    if by == "time":
        return _by_time(np.arange(count) if times is None else np.asarray(times), folds, validation_split)
    if by == "stratified":
        splitter = sk.StratifiedKFold(**several) if folds > 1 else sk.StratifiedShuffleSplit(**once)
    elif by == "group":
        splitter = sk.GroupKFold(**several) if folds > 1 else sk.GroupShuffleSplit(**once)
    elif by == "stratified_group":
        splitter = sk.StratifiedGroupKFold(**several)
    elif by == "leave_one_out":
        splitter = sk.LeaveOneOut()
    elif by == "leave_one_group_out":
        splitter = sk.LeaveOneGroupOut()
    else:
        splitter = sk.KFold(**several) if folds > 1 else sk.ShuffleSplit(**once)
    try:
        found = list(splitter.split(np.zeros(count), y, groups))
    except ValueError as error:
        raise Invalid(f"The examples cannot be split by {by}: {error}", hint="Take fewer folds.") from error
    return [(np.asarray(train), np.asarray(validation)) for train, validation in found]


def _by_time(times: NDArray[Any], folds: int, share: float) -> list[Fold]:
    """Return folds whose validation is later than all of their training: a moment is never on both sides."""
    import numpy as np
    from sklearn.model_selection import TimeSeriesSplit

    count, order = len(times), np.argsort(times, kind="stable")
    if folds == 1:
        since = times[order[-min(count - 1, max(1, round(count * share)))]]
        found = [(order[times[order] < since], order[times[order] >= since])]
    else:
        try:
            pieces = list(TimeSeriesSplit(folds).split(order))
        except ValueError as error:
            raise Invalid(f"The examples cannot be split by time: {error}", hint="Take fewer folds.") from error
        ordered = [(order[train], order[validation]) for train, validation in pieces]
        found = [(train[times[train] < times[validation[0]]], validation) for train, validation in ordered]
    if not all(len(train) for train, _ in found):
        raise Invalid(
            "The examples cannot be split by time: none is older than those held out.",
            hint="Take fewer folds, or hold out a smaller share.",
        )
    return found


def _check(by: str, count: int, folds: int, share: float, given: dict[str, Any]) -> None:
    problems = []
    if by not in _SPLITS:
        problems.append(Problem("by", f"{by!r} is no split", _SPLITS))
    for name in ("y",) * ("stratified" in by) + ("groups",) * ("group" in by):
        if given[name] is None:
            problems.append(Problem(name, f"is needed to split by {by}"))
    for name, values in given.items():
        if values is not None and len(values) != count:
            problems.append(Problem(name, f"has {len(values)} values for {count} examples"))
    if folds < 1 or (folds == 1 and by == "stratified_group"):
        problems.append(Problem("folds", f"{folds} is not possible here"))
    if not 0 < share < 1:
        problems.append(Problem("validation_split", f"{share} is no share between 0 and 1"))
    if count < 2:
        problems.append(Problem("x", f"has {count} examples"))
    if problems:
        raise Invalid("The examples cannot be split like this.", problems=problems)


def _part(union: Any, kind: str, options: dict[str, Any], what: str) -> Part:
    """Return a part of the configuration by its kind and its options."""
    from pydantic import TypeAdapter, ValidationError

    try:
        part: Part = TypeAdapter(union).validate_python({"kind": kind, **options})
        return part
    except ValidationError as error:
        problems = []
        for line in error.errors(include_url=False):
            path = ".".join(map(str, line["loc"][1:])) or "kind"
            allowed = str(line.get("ctx", {}).get("expected_tags", "")).replace("'", "")
            words = {"extra_forbidden": "there is no such option", "missing": "is missing"}
            message = f"there is no {what} {kind!r}" if allowed else words.get(line["type"], line["msg"])
            problems.append(Problem(path, message, tuple(allowed.split(", ")) if allowed else ()))
        raise Invalid(f"The {what} cannot be made.", problems=problems) from error
