"""In which order examples come: a pure function of seed and epoch."""

from collections.abc import Sequence

import numpy as np

_BUCKET = 50


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
