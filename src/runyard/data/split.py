"""Which examples are used, and which of them are held out: a pure function of the data, the same for every seed."""

import random
from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from typing import TypeVar

from runyard.config.dataset import TrainingData
from runyard.core.errors import Invalid, Problem

T = TypeVar("T")
# Runs that differ in their seed are compared on the same held-out examples.
_SPLIT_SEED = 20_260_101
_SHOWN = 5
_MARKS = {"group": "groups", "time": "times", "column": "split column"}


def sampled(labels: Sequence[str], at_most: int | None) -> list[int]:
    """Return the numbers of the examples to use, in order: all, or a sample with the same share of each class."""
    if at_most is None or at_most >= len(labels):
        return list(range(len(labels)))
    chosen = _share_of_each(labels, at_most / len(labels))
    rest = _shuffled(sorted(set(range(len(labels))) - set(chosen)))
    return sorted([*_shuffled(chosen)[:at_most], *rest[: max(0, at_most - len(chosen))]])


def chosen_of(values: Sequence[T] | None, numbers: Sequence[int]) -> list[T] | None:
    """Return those of some marks that a sample has; None where there are none."""
    return None if values is None else [values[i] for i in numbers]


def split(
    labels: Sequence[str],
    groups: Sequence[str] | None,
    held_out: Sequence[bool] | None,
    data: TrainingData,
    times: Sequence[float] | None = None,
    *,
    classified: bool = True,
) -> tuple[list[int], list[int]]:
    """Return the numbers of the training and of the validation examples.

    Args:
        classified: False where the labels mean nothing.

    Raises:
        Invalid: the marks to split by are not there, one of the two would be empty, the training part would have one
            class only, a class would be in the validation part alone, or a group in both parts.
    """
    check_marks(data, groups=groups, held_out=held_out, times=times)
    everything = range(len(labels))
    if data.split_by == "column" and held_out is not None:
        validation = {i for i in everything if held_out[i]}
    elif data.split_by == "time" and times is not None:
        # All of one moment are on one side, so that nothing that is held out is as old as what was learnt from.
        count = min(len(labels) - 1, max(1, round(len(labels) * data.validation_split)))
        since = sorted(times)[-count]
        validation = {i for i in everything if times[i] >= since}
    elif data.split_by == "group" and groups is not None:
        names = _shuffled(sorted(set(groups)))
        out = set(names[: min(len(names) - 1, max(1, round(len(names) * data.validation_split)))])
        validation = {i for i in everything if groups[i] in out}
    elif data.split_by == "stratified":
        validation = set(_share_of_each(labels, data.validation_split))
    else:
        validation = set(split_of_numbers(len(labels), data.validation_split)[1])
    training = [i for i in everything if i not in validation]
    for part, numbers in (("training", training), ("validation", validation)):
        if not numbers:
            raise Invalid(
                f"Split by {data.split_by}, no example is left for {part}.",
                hint="Check training_data.split_by and its column, or give more data.",
            )
    if classified and len({labels[i] for i in training}) < 2:
        raise Invalid("The training part has one class only.", hint="Split by stratified, or hold out a smaller share.")
    _check_parts(labels, groups, training, validation, data)
    return training, sorted(validation)


def check_marks(
    data: TrainingData,
    *,
    groups: Sequence[str] | None,
    held_out: Sequence[bool] | None,
    times: Sequence[float] | None,
) -> None:
    """See that there is what the split asks for: held out at random, the result would look like what was asked for.

    Raises:
        Invalid: there is not.
    """
    if {"group": groups, "time": times, "column": held_out}.get(data.split_by, ()) is not None:
        return
    message = f"{data.source or data.path or 'the data'} has no {_MARKS[data.split_by]} to split by"
    raise Invalid(
        f"A split by {data.split_by} is not possible: {message}.",
        hint="Set training_data.split_by to random, or take data that have them.",
        problems=[Problem("training_data.split_by", message)],
    )


def split_of_numbers(count: int, share: float) -> tuple[list[int], list[int]]:
    """Return the numbers of the training and of the validation examples at random, at least one of each."""
    chosen = set(_shuffled(list(range(count)))[: min(count - 1, max(1, round(count * share)))])
    return [i for i in range(count) if i not in chosen], sorted(chosen)


def few_of_each(labels: Sequence[str], numbers: Sequence[int], shots: int, seed: int) -> list[int]:
    """Return so many of these examples of each class, drawn by a seed.

    Raises:
        Invalid: a class has fewer.
    """
    of_class: dict[str, list[int]] = defaultdict(list)
    for number in numbers:
        of_class[labels[number]].append(number)
    short = {name: len(members) for name, members in sorted(of_class.items()) if len(members) < shots}
    missing = sorted(set(labels) - set(of_class))
    if short or missing:
        said = ", ".join(f"{name} has {count}" for name, count in (dict.fromkeys(missing, 0) | short).items())
        raise Invalid(f"Not every class has {shots} training examples: {said}.", hint="Set a smaller few_shot.shots.")
    draw = random.Random(seed)
    return sorted(number for name in sorted(of_class) for number in draw.sample(of_class[name], shots))


def _check_parts(
    labels: Sequence[str],
    groups: Sequence[str] | None,
    training: Sequence[int],
    validation: Collection[int],
    data: TrainingData,
) -> None:
    learnt = {labels[i] for i in training}
    unseen = Counter(labels[i] for i in validation if labels[i] not in learnt)
    if unseen:
        shown = ", ".join(f"{name!r} ({count})" for name, count in sorted(unseen.items())[:_SHOWN])
        raise Invalid(
            f"Split by {data.split_by}, classes would be held out that no training example has: {shown}.",
            hint="Split by stratified, hold out a smaller share, or drop these classes.",
        )
    if data.split_by == "column" and groups is not None:
        both = sorted({groups[i] for i in training} & {groups[i] for i in validation})
        if both:
            shown = ", ".join(map(repr, both[:_SHOWN])) + (" …" if len(both) > _SHOWN else "")
            raise Invalid(
                f"{len(both)} groups of {data.group_column!r} are in the training and in the validation part: {shown}.",
                hint="Mend the split column, or split by group: what belongs together would be learnt by heart.",
            )


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
