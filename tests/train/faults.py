"""Faults that are put into the way of a runner's process, by name: those that cannot be had from outside.

Each is called in the forked process before the runner's main, with the run's folder and the attempt's number.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

POISONED = 3


def poisoned_row(folder: Path, attempt: int) -> None:
    """One example of the training data is not a number, in every attempt."""
    from runyard.train.series import SeriesTask

    build = SeriesTask.build

    def poisoned(self: SeriesTask) -> Any:
        built = build(self)
        self._x["train"][POISONED] = float("nan")
        return built

    SeriesTask.build = poisoned  # type: ignore[method-assign]


def passing_nan(folder: Path, attempt: int) -> None:
    """In the first attempt the loss is not a number once, in the middle of the second epoch."""
    from runyard.train.series import SeriesTask

    loss, calls = SeriesTask.loss, iter(range(1_000_000))

    def broken(self: SeriesTask, model: Any, batch: Any) -> Any:
        found = loss(self, model, batch)
        if attempt == 1 and model.training and next(calls) == 13:
            found.total.mul_(float("nan"))
        return found

    if attempt == 1:
        SeriesTask.loss = broken  # type: ignore[method-assign]


def crashing_loader(folder: Path, attempt: int) -> None:
    """In the first two attempts a batch of the second epoch cannot be made."""
    from runyard.train.task import Batches

    make, calls = Batches.__getitem__, iter(range(1_000_000))

    def crash(self: Batches, index: Any) -> Any:
        if next(calls) == 12:
            raise OSError(5, "Input/output error", "waves.npz")
        return make(self, index)

    if attempt <= 2:
        Batches.__getitem__ = crash  # type: ignore[method-assign]


def no_bfloat16(folder: Path, attempt: int) -> None:
    """The machine has no bfloat16."""
    from runyard.train import precision

    precision._cpu_has_bfloat16 = lambda: False  # type: ignore[assignment]
