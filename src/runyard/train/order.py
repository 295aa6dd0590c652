"""Which examples are held out, and in which order the others come: pure functions of seed and epoch."""

import random
from collections import defaultdict
from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from runyard.config.dataset import TrainingData
from runyard.core.errors import Invalid

T = TypeVar("T")
# Runs that differ in their seed are compared on the same held-out examples.
_SPLIT_SEED = 20_260_101
_BUCKET = 50


def sampled(labels: Sequence[str], at_most: int | None) -> list[int]:
    """Return the numbers of the examples to use, in order: all, or a sample with the same share of each class."""
    if at_most is None or at_most >= len(labels):
        return list(range(len(labels)))
    chosen = _share_of_each(labels, at_most / len(labels))
    rest = _shuffled(sorted(set(range(len(labels))) - set(chosen)))
    return sorted([*_shuffled(chosen)[:at_most], *rest[: max(0, at_most - len(chosen))]])


def split(
    labels: Sequence[str], groups: Sequence[str] | None, held_out: Sequence[bool] | None, data: TrainingData
) -> tuple[list[int], list[int]]:
    """Return the numbers of the training and of the validation examples.

    Raises:
        Invalid: one of the two would be empty, or the training part would have one class only.
    """
    everything = range(len(labels))
    if data.split_by == "column" and held_out is not None:
        validation = {i for i in everything if held_out[i]}
    elif data.split_by == "group" and groups is not None:
        names = _shuffled(sorted(set(groups)))
        out = set(names[: min(len(names) - 1, max(1, round(len(names) * data.validation_split)))])
        validation = {i for i in everything if groups[i] in out}
    elif data.split_by == "stratified":
        validation = set(_share_of_each(labels, data.validation_split))
    else:
        count = min(len(labels) - 1, max(1, round(len(labels) * data.validation_split)))
        validation = set(_shuffled(list(everything))[:count])
    training = [i for i in everything if i not in validation]
    for part, numbers in (("training", training), ("validation", validation)):
        if not numbers:
            raise Invalid(
                f"Split by {data.split_by}, no example is left for {part}.",
                hint="Check training_data.split_by and its column, or give more data.",
            )
    if len({labels[i] for i in training}) < 2:
        raise Invalid("The training part has one class only.", hint="Split by stratified, or hold out a smaller share.")
    return training, sorted(validation)


def _shuffled(items: list[T]) -> list[T]:
    return random.Random(_SPLIT_SEED).sample(items, len(items))


def _share_of_each(labels: Sequence[str], share: float) -> list[int]:
    """Return a share of each class, at least one of a class with two examples or more, and never all of it."""
    of_class: dict[str, list[int]] = defaultdict(list)
    for number, label in enumerate(labels):
        of_class[label].append(number)
    chosen: list[int] = []
    for label in sorted(of_class):
        members = _shuffled(of_class[label])
        least, most = (1, len(members) - 1) if len(members) > 1 else (0, 0)
        chosen += members[: min(most, max(least, round(len(members) * share)))]
    return chosen


def epoch_order(
    count: int, batch_size: int, *, seed: int, epoch: int, lengths: Sequence[int] | None = None
) -> list[list[int]]:
    """Return the batches of an epoch as lists of example numbers.

    With lengths, examples of similar length come together (sorted inside windows of 50 batches), which saves
    most of the padding; the batches are then shuffled, so that lengths do not rise over the epoch.
    """
    generator = np.random.default_rng((seed, epoch))
    order: list[int] = generator.permutation(count).tolist()
    if lengths is not None:
        window = batch_size * _BUCKET
        pieces = (order[start : start + window] for start in range(0, count, window))
        order = [i for piece in pieces for i in sorted(piece, key=lengths.__getitem__, reverse=True)]
    batches = in_order(order, batch_size)
    if lengths is not None:
        batches = [batches[i] for i in generator.permutation(len(batches))]
    return batches


def in_order(numbers: Sequence[int], batch_size: int) -> list[list[int]]:
    """Cut a sequence into batches."""
    return [list(numbers[start : start + batch_size]) for start in range(0, len(numbers), batch_size)]
