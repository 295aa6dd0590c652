"""Epochs from points: which values are the losses, and which steps belong to one epoch.

Where the source counts epochs, these are they. Where it does not, each evaluation closes one.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from runyard.service.imports.source import LOSSES, Columns, Point

# In the order of preference, as they read with every mark but letters and digits as `_`.
_KNOWN = {
    "train_loss": ("train_loss_epoch", "train_loss", "training_loss", "loss_train", "epoch_loss", "loss"),
    "val_loss": (
        *("val_loss_epoch", "val_loss", "valid_loss", "validation_loss", "eval_loss", "dev_loss", "epoch_val_loss"),
        *("loss_val", "loss_valid", "loss_validation", "loss_eval"),
    ),
    "learning_rate": ("learning_rate", "lr", "train_learning_rate", "train_lr", "optim_lr", "lr_0"),
}
_WHOLE = 1e-9


@dataclass(frozen=True)
class Epoch:
    """One epoch as it follows from the points; columns that the source does not have are absent."""

    number: int
    step: int
    at: int | None
    attempt: int
    columns: Mapping[str, float]


@dataclass(frozen=True)
class Derived:
    """The epochs of a run, the names they were made from, and what is to be said about them."""

    epochs: tuple[Epoch, ...]
    names: Mapping[str, str]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Value:
    """A loss or learning rate at a step."""

    part: str
    value: float
    step: int
    epoch: float | None
    at: int | None
    attempt: int


def plain(name: str) -> str:
    """Return a name as the lists of well-known names have it."""
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


def recognise(names: Iterable[str], columns: Columns) -> dict[str, str]:
    """Return which of some metrics are the losses and the learning rate: as asked for, or by their names."""
    by_plain: dict[str, str] = {}
    present = set(names)
    for name in sorted(present):
        by_plain.setdefault(plain(name), name)
    found: dict[str, str] = {}
    for part in LOSSES:
        if asked := columns.of(part):
            if asked in present:
                found[part] = asked
        elif known := next((by_plain[name] for name in _KNOWN[part] if name in by_plain), None):
            found[part] = known
    return found


def derive(points: Sequence[Point], columns: Columns) -> Derived:
    """Return the epochs that follow from points, in order; of what was repeated, the later attempt."""
    names = recognise({name for point in points for name, _ in point.values}, columns)
    parts = {name: part for part, name in names.items()}
    last = _last_attempts(points)
    values: list[_Value] = []
    epoch: float | None = None
    for point in last:
        epoch = epoch if point.epoch is None else point.epoch
        for name, value in point.values:
            if part := parts.get(name):
                values.append(_Value(part, value, point.step, epoch, point.at, point.attempt))
    if any(value.epoch is not None for value in values):
        return Derived(_by_epoch(values), names)
    if any(value.part == "val_loss" for value in values):
        note = "The source counts no epochs: each evaluation of the validation loss closes one."
        return Derived(_by_evaluation(values), names, (note,))
    if not values:
        return Derived((), names)
    return Derived((), names, ("No epochs: the source counts none, and has no validation loss that would close them.",))


def _last_attempts(points: Sequence[Point]) -> list[Point]:
    """Return points by step, without those that a later attempt went back behind."""
    first_step: dict[int, int] = {}
    for point in points:
        first_step[point.attempt] = min(point.step, first_step.get(point.attempt, point.step))
    limits: dict[int, float] = {}
    limit = math.inf
    for attempt in sorted(first_step, reverse=True):
        limits[attempt] = limit
        limit = min(limit, first_step[attempt])
    return sorted((point for point in points if point.step < limits[point.attempt]), key=lambda point: point.step)


def _by_epoch(values: list[_Value]) -> tuple[Epoch, ...]:
    known = [value for value in values if value.epoch is not None]
    shift = _shift(known)
    groups: dict[int, list[_Value]] = defaultdict(list)
    for value in known:
        number = math.ceil((value.epoch or 0.0) + shift - _WHOLE)
        if 1 <= number < 1 << 31:
            groups[number].append(value)
    return _epochs([(number, groups[number]) for number in sorted(groups)], values)


def _shift(values: list[_Value]) -> int:
    """Return 1 where epochs are counted from 0; an evaluation before the first epoch is no epoch."""
    if any(value.epoch != math.floor(value.epoch or 0.0) or (value.epoch or 0.0) < 0 for value in values):
        return 0
    first = {value.part for value in values if value.epoch == 0}
    trains = any(value.part == "train_loss" for value in values)
    return int(bool(first) and ("train_loss" in first or not trains))


def _by_evaluation(values: list[_Value]) -> tuple[Epoch, ...]:
    ends = sorted({value.step for value in values if value.part == "val_loss"})
    groups: list[tuple[int, list[_Value]]] = []
    place = 0
    for number, end in enumerate(ends, start=1):
        group: list[_Value] = []
        while place < len(values) and values[place].step <= end:
            group.append(values[place])
            place += 1
        groups.append((number, group))
    return _epochs(groups, values)


def _epochs(groups: Sequence[tuple[int, list[_Value]]], values: list[_Value]) -> tuple[Epoch, ...]:
    weights = _weights(values)
    return tuple(
        Epoch(
            number,
            max(value.step for value in group),
            max((value.at for value in group if value.at is not None), default=None),
            max(value.attempt for value in group),
            _columns(group, weights),
        )
        for number, group in groups
    )


def _weights(values: list[_Value]) -> dict[int, int]:
    """Return how many steps a training loss stands for: those since the one logged before it."""
    steps = sorted({value.step for value in values if value.part == "train_loss"})
    return (
        {step: step - before for before, step in zip([min(steps[0] - 1, 0), *steps], steps, strict=False)}
        if steps
        else {}
    )


def _columns(group: list[_Value], weights: Mapping[int, int]) -> dict[str, float]:
    columns: dict[str, float] = {}
    training: dict[int, float] = {}
    for value in group:
        if value.part == "train_loss":
            training[value.step] = value.value
        else:
            columns[value.part] = value.value
    if training:
        end = max(value.step for value in group)
        closes = any(value.part == "val_loss" and value.epoch is None for value in group)
        if closes and end in training:  # measured by the evaluation itself
            columns["train_loss"] = training[end]
        elif len(training) == 1:
            columns["train_loss"] = next(iter(training.values()))
        else:
            total = sum(weights[step] for step in training)
            columns["train_loss"] = sum(weights[step] / total * loss for step, loss in training.items())
    return columns
