"""The series of a run: read, sampled, split and cut into windows, the same way for training and for benchmarks."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from runyard.config.dataset import TrainingData
from runyard.config.preflight import check_classes
from runyard.config.run import RunConfig
from runyard.config.series import SeriesSet, read_series
from runyard.config.sources import DIGITS, find_source
from runyard.core.errors import Invalid
from runyard.core.paths import Yard
from runyard.train.files import sha256_of
from runyard.train.order import sampled, split
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
        NotFound, Invalid: as `check_data`, and if no series of a part is as long as a window.
    """
    data = config.training_data
    source = find_source(data, yard)
    series = read_series(source, data)
    numbers = sampled(series.labels, data.max_examples)
    labels = [series.labels[i] for i in numbers]
    classes = check_classes(labels, source.name)
    groups = [series.groups[i] for i in numbers] if series.groups is not None else None
    training, validation = split(labels, groups, None, data)
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
    digest = f"@{sha256_of(source.path)[:12]}" if source.path else ""
    facts = {
        "dataset_id": source.name + digest,
        "dataset_size": len(x["train"]),
        "validation_size": len(x["validation"]),
        "classes": classes,
        "base_model": None,
        "dataset_note": _STAND_IN if source.name == DIGITS else None,
    }
    return SeriesData(x, y, classes, [numbers[i] for i in validation], facts)


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
