"""The series of a run: read, sampled, split and cut into windows, the same way for training and for benchmarks."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from runyard.config.dataset import TrainingData
from runyard.config.run import RunConfig
from runyard.core.errors import Invalid
from runyard.core.paths import Yard
from runyard.data.checks import check_classes
from runyard.data.series import SeriesSet, read_series
from runyard.data.sources import DIGITS, find_source
from runyard.data.split import chosen_of, few_of_each, sampled, split
from runyard.train.data_facts import class_counts
from runyard.train.scores import numbered

if TYPE_CHECKING:
    from runyard.train.task import Part  # torch, which a baseline does not need

Notice = Callable[[str, str, str], None]
_STAND_IN = "A stand-in: the handwritten digits that come with scikit-learn, read row by row."


@dataclass(frozen=True)
class SeriesData:
    """Windows (n, time, channels) with the number of their class, of each part; `validation` are series held out."""

    x: dict["Part", NDArray[np.float32]]
    y: dict["Part", NDArray[np.int64]]
    classes: list[str]
    validation: list[int]
    facts: dict[str, Any]


def read_series_data(config: RunConfig, yard: Yard, notice: Notice) -> SeriesData:
    """Read the series of a config.

    Raises:
        NotFound, Invalid: as `check_data`, and if no series of a part, or none of a class for training, is as long as a
            window.
    """
    data = config.training_data
    source = find_source(data, yard)
    series = read_series(source, data)
    numbers = sampled(series.labels, data.max_examples)
    labels = [series.labels[i] for i in numbers]
    classes = check_classes(labels, source.name)
    training, validation = split(
        labels, chosen_of(series.groups, numbers), None, data, chosen_of(series.times, numbers)
    )
    if config.training_type == "few_shot":
        training = few_of_each(labels, training, config.few_shot.shots, config.seed)
    length = window_length(series, data)
    x: dict[Part, NDArray[np.float32]] = {}
    y: dict[Part, NDArray[np.int64]] = {}
    parts: tuple[tuple[Part, list[int]], ...] = (("train", training), ("validation", validation))
    for part, members in parts:
        pieces = [windows(series.series[numbers[i]], length, data.stride) for i in members]
        if short := sum(len(piece) == 0 for piece in pieces):
            message = f"{short} of {len(pieces)} series for {part} are shorter than a window and were left out."
            notice("warning", message, "Set a smaller training_data.window.")
        if short == len(pieces):
            raise Invalid(
                f"No series for {part} is as long as a window of {length} steps.", hint="Set a smaller window."
            )
        of_class = numbered([labels[i] for i in members], classes)
        x[part] = np.concatenate(pieces)
        y[part] = np.repeat(of_class, [len(piece) for piece in pieces])
    _check_windows(y["train"], classes, length)
    digest = f"@{sha256[:12]}" if (sha256 := source.sha256()) else ""
    facts = {
        "dataset_id": source.name + digest,
        "dataset_size": len(x["train"]),
        "validation_size": len(x["validation"]),
        "classes": classes,
        "class_counts": class_counts(labels, training, validation),
        "base_model": None,
        "dataset_note": _STAND_IN if source.name == DIGITS else None,
    }
    return SeriesData(x, y, classes, [numbers[i] for i in validation], facts)


def _check_windows(y: NDArray[np.int64], classes: list[str], length: int) -> None:
    """Refuse classes whose training series were all left out: nothing could be learnt of them."""
    seen = set(y.tolist())
    without = [repr(name) for number, name in enumerate(classes) if number not in seen]
    if without:
        raise Invalid(
            f"No training series of {', '.join(without)} is as long as a window of {length} steps.",
            hint="Set a smaller training_data.window, or drop these classes.",
        )


def window_length(series: SeriesSet, data: TrainingData) -> int:
    """Return the length of the windows: the one length of all series if it is not longer than a window."""
    lengths = {len(piece) for piece in series.series}
    channels = {piece.shape[1] for piece in series.series}
    if len(channels) > 1:
        raise Invalid(f"The series have {sorted(channels)} channels.", hint="All need the same number.")
    return next(iter(lengths)) if len(lengths) == 1 and max(lengths) <= data.window else data.window


def windows(series: NDArray[np.float32], length: int, stride: int) -> NDArray[np.float32]:
    """Cut a series (time, channels) into whole windows (n, length, channels); a shorter one gives none."""
    starts = range(0, len(series) - length + 1, stride)
    if not starts:
        return np.empty((0, length, series.shape[1]), dtype=np.float32)
    return np.stack([series[start : start + length] for start in starts])
