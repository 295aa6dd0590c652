"""What the loop needs of a task: four methods, and the values that go between."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import torch

from runyard.train.outcome import DataUnreadable, is_no_memory
from runyard.train.transfer import Transferred

Part = Literal["train", "validation"]


@dataclass(frozen=True)
class Batch:
    """Examples with their classes; `inputs` are the arguments of the model, `tokens` counts those of texts."""

    inputs: dict[str, torch.Tensor]
    labels: torch.Tensor
    tokens: int = 0

    def to(self, device: torch.device) -> "Batch":
        moved = {name: tensor.to(device, non_blocking=True) for name, tensor in self.inputs.items()}
        return Batch(moved, self.labels.to(device, non_blocking=True), self.tokens)


@dataclass(frozen=True)
class Loss:
    """A loss as a sum and what it has to be divided by, so that accumulation is exact for uneven batches.

    `outputs` is what the scores are made of, kept for all validation examples: the logits of a classifier, or less
    where those would fill the memory. `labels` go with them where those of the batch do not.
    """

    total: torch.Tensor
    count: torch.Tensor
    outputs: torch.Tensor
    labels: torch.Tensor | None = None


@dataclass(frozen=True)
class Sample:
    """A held-out prompt, the answer of the data, and what a model answers."""

    number: int
    prompt: str
    expected: str
    answer: str


@dataclass(frozen=True)
class Built:
    """A model with what is known about the run once its data are there; `save` writes it for others to load.

    `transferred` says what it took over from another run's model, if it did; `samples` lets it answer some prompts.
    """

    model: torch.nn.Module
    facts: dict[str, Any]
    save: Callable[[torch.nn.Module, Path], None]
    transferred: Transferred | None = None
    samples: Callable[[torch.nn.Module], list[Sample]] | None = None


def fetched(batches: Sequence[Batch], numbers: Iterable[int], device: torch.device) -> list[Batch]:
    """Return some of the batches, made and moved to the device.

    Raises:
        DataUnreadable: making one of them failed, for any reason but want of memory.
    """
    try:
        return [batches[number].to(device) for number in numbers]
    except Exception as error:
        if is_no_memory(error):
            raise
        hint = "The traceback is in the log of the run. If it comes again, look at the data around that place."
        raise DataUnreadable(f"A batch could not be made: {type(error).__name__}: {error}", hint=hint) from error


class Task(Protocol):
    """A kind of problem that the loop can train."""

    def build(self) -> Built:
        """Read the data and make the model."""
        ...

    def batches(self, part: Part, epoch: int) -> Sequence[Batch]:
        """Return the batches of a 1-based epoch; their order depends on the seed and the epoch alone."""
        ...

    def loss(self, model: torch.nn.Module, batch: Batch) -> Loss:
        """Run the model on a batch."""
        ...

    def metrics(self, outputs: torch.Tensor, labels: torch.Tensor) -> dict[str, float]:
        """Return the scores of all validation examples, by name, from what `loss` kept of them."""
        ...


class Batches(Sequence[Batch]):
    """Batches that are made when they are asked for, from lists of example numbers."""

    def __init__(self, order: list[list[int]], make: Callable[[list[int]], Batch]) -> None:
        self._order = order
        self._make = make

    def __len__(self) -> int:
        return len(self._order)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return Batches(self._order[index], self._make)
        return self._make(self._order[index])
