"""Arrays that a script hands over, as checked tensors: shapes that fit, finite numbers, labels with a name each."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from runyard.core.errors import Invalid

Inputs = dict[str, torch.Tensor]
ONE = "x"  # the name of inputs that have none: the module gets them by position
_SHOWN = 5


@dataclass(frozen=True)
class Examples:
    """Inputs (n, …) by name and their targets: numbers of classes (n,), or real numbers (n,) or (n, k)."""

    inputs: Inputs
    y: torch.Tensor

    def __len__(self) -> int:
        return len(self.y)


def is_pair_of_pairs(data: Any) -> bool:
    """Return whether data is ((X, y), (X, y)): training and validation."""
    return isinstance(data, tuple | list) and len(data) == 2 and all(_is_pair(part) for part in data)


def _is_pair(part: Any) -> bool:
    # A tuple of two arrays; two rows of numbers in a list are no such pair.
    return (
        isinstance(part, tuple | list)
        and len(part) == 2
        and all(hasattr(one, "shape") or _is_long(one) for one in part)
    )


def _is_long(one: Any) -> bool:
    return isinstance(one, list | Mapping) and len(one) > 0 and not isinstance(one, str)


def as_inputs(x: Any, where: str = "X") -> Inputs:
    """Return arrays, tensors, frames or nested lists, or a mapping of such, as tensors by name.

    Raises:
        Invalid: they are no numbers, not finite, empty, or of different lengths.
    """
    if isinstance(x, Mapping):
        found = {str(name): _tensor(value, f"{where}[{name!r}]") for name, value in x.items()}
    else:
        found = {ONE: _tensor(x, where)}
    lengths = {name: len(tensor) for name, tensor in found.items()}
    if not lengths or not min(lengths.values()):
        raise Invalid(f"{where} has no examples.", hint="Give an array of shape (examples, ...).")
    if len(set(lengths.values())) > 1:
        raise Invalid(f"The inputs of {where} have different lengths: {lengths}.", hint="One row is one example.")
    return found


def _tensor(values: Any, where: str) -> torch.Tensor:
    array = values.detach().cpu().numpy() if isinstance(values, torch.Tensor) else _array(values, where)
    if array.dtype.kind not in "fiub":
        what = f"holds {array.dtype}" if array.dtype.kind != "O" else "is uneven or holds things that are no numbers"
        raise Invalid(f"{where} {what}.", hint="Give numbers; encode words and categories first.")
    if array.ndim == 0:
        raise Invalid(f"{where} is a single number.", hint="Give an array of shape (examples, ...).")
    if array.dtype.kind == "f":
        _refuse_not_finite(array, where)
    wanted = np.float32 if array.dtype.kind in "fb" else np.int64
    return torch.from_numpy(np.ascontiguousarray(array, dtype=wanted))


def _array(values: Any, where: str) -> NDArray[Any]:
    try:
        return np.asarray(values.to_numpy() if hasattr(values, "to_numpy") else values)
    except ValueError as error:
        raise Invalid(f"{where} is no array: {error}", hint="All rows need the same shape.") from error


def _refuse_not_finite(array: NDArray[Any], where: str) -> None:
    rows = ~np.isfinite(array).all(axis=tuple(range(1, array.ndim)))
    if rows.any():
        shown = ", ".join(map(str, np.flatnonzero(rows)[:_SHOWN])) + (" …" if rows.sum() > _SHOWN else "")
        raise Invalid(
            f"{where} is not finite in {int(rows.sum())} of {len(array)} rows: {shown}.",
            hint="Drop these rows, or fill what is missing.",
        )


@dataclass(frozen=True)
class Targets:
    """What the targets mean: `classes` in the order of the module's outputs, or none for real numbers.

    `values` are the labels as they were given, so that predictions come back alike.
    """

    classes: tuple[str, ...] = ()
    values: tuple[Any, ...] = ()

    @property
    def is_classes(self) -> bool:
        return bool(self.classes)


def targets_of(y: Any, outputs: int) -> Targets:
    """Say what targets mean: real numbers where they are floats, else classes.

    Args:
        outputs: how many numbers the module gives for an example. Whole labels are the numbers of its outputs from 0;
            words are put in order.

    Raises:
        Invalid: labels are out of range, or there are more words than outputs.
    """
    array = _label_array(y)
    if array.dtype.kind == "f":
        return Targets()
    if array.ndim != 1:
        raise Invalid(f"y has the shape {array.shape}; labels need one number or word for each example.",
                      hint="Take the argmax of one-hot labels; give floats for a regression.")  # fmt: skip
    if array.dtype.kind in "iub":
        return Targets(tuple(map(str, range(outputs))), tuple(range(outputs)))
    words = tuple(sorted({str(label) for label in array}))
    if len(words) > outputs:
        raise Invalid(
            f"y has {len(words)} classes, but the module gives {outputs} numbers for an example.",
            hint=f"Let its last layer have {len(words)} outputs.",
        )
    # Outputs that no label stands for.
    more = tuple(f"(output {number})" for number in range(len(words), outputs))
    return Targets((*words, *more), (*words, *more))


def as_targets(y: Any, targets: Targets, where: str = "y") -> torch.Tensor:
    """Return targets as a tensor: numbers of classes, or float32.

    Raises:
        Invalid: they are not finite, of another kind than those of the training, or out of range.
    """
    array = _label_array(y)
    if not targets.is_classes:
        if array.dtype.kind not in "fiub":
            raise Invalid(f"{where} holds {array.dtype}; the module learns real numbers.", hint="Give floats.")
        real = array.astype(np.float32)
        _refuse_not_finite(real, where)
        return torch.from_numpy(real)
    numbers = {value: number for number, value in enumerate(targets.values)}
    if array.dtype.kind == "f" or array.ndim != 1:
        raise Invalid(f"{where} holds {array.dtype} of shape {array.shape}; the module learns classes.",
                      hint="Give whole numbers or words, one for each example.")  # fmt: skip
    labels = [int(label) if array.dtype.kind in "iub" else str(label) for label in array]
    strange = sorted({label for label in labels if label not in numbers}, key=str)
    if strange:
        shown = ", ".join(map(str, strange[:_SHOWN])) + (" …" if len(strange) > _SHOWN else "")
        if array.dtype.kind in "iub":
            raise Invalid(
                f"Labels of {where} are out of range: {shown}; the module has {len(numbers)} outputs, 0 to "
                f"{len(numbers) - 1}.",
                hint="Count classes from 0, or let the last layer have more outputs.",
            )
        raise Invalid(f"{where} has labels that the training does not know: {shown}.",
                      hint=f"It knows: {', '.join(targets.classes[:20])}.")  # fmt: skip
    return torch.tensor([numbers[label] for label in labels], dtype=torch.int64)


def _label_array(y: Any) -> NDArray[Any]:
    array = y.detach().cpu().numpy() if isinstance(y, torch.Tensor) else _array(y, "y")
    if array.ndim == 0:
        raise Invalid("y is a single value.", hint="Give a target for each example.")
    if array.dtype.kind == "O":
        empty = sum(one is None or one != one for one in array.ravel())
        if empty:
            raise Invalid(f"y is missing in {empty} of {len(array)} rows.", hint="Drop these rows.")
    return array


def same_length(inputs: Inputs, y: Sequence[Any] | torch.Tensor, where: str = "X") -> None:
    """Refuse inputs and targets that do not go together.

    Raises:
        Invalid: there are more of one than of the other.
    """
    count = len(next(iter(inputs.values())))
    if count != len(y):
        raise Invalid(f"{where} has {count} examples, y has {len(y)}.", hint="One target belongs to each example.")


def sum_of(*parts: Examples) -> str:
    """Return the sha256 of everything that was handed over."""
    sums = hashlib.sha256()
    for part in parts:
        for name, tensor in sorted(part.inputs.items()):
            sums.update(f"{name}{tuple(tensor.shape)}{tensor.dtype}".encode())
            sums.update(tensor.numpy().tobytes())
        sums.update(part.y.numpy().tobytes())
    return sums.hexdigest()
