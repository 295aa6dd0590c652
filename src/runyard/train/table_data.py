"""The rows of a run: a table of numbers and categories, or the windows of series laid flat."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runyard.config.run import RunConfig
from runyard.core.paths import Yard
from runyard.data.checks import check_classes
from runyard.data.features import Feature, read_features, reads_table
from runyard.data.sources import find_source
from runyard.data.split import chosen_of, few_of_each, sampled, split
from runyard.train.data_facts import class_counts
from runyard.train.scores import numbered
from runyard.train.series_data import Notice, read_series_data


@dataclass(frozen=True)
class TableData:
    """Rows x (n, features) with the number y of their class, and which of them train and which are held out.

    x holds what the file says: NaN or an empty word where a value is missing. `window` is the shape (time, channels)
    of series laid flat.
    """

    x: NDArray[Any]
    y: NDArray[np.int64]
    classes: list[str]
    training: list[int]
    validation: list[int]
    features: tuple[Feature, ...]
    facts: dict[str, Any]
    window: tuple[int, int] | None = None

    def labels(self, numbers: list[int]) -> list[str]:
        """Return the class names of some rows."""
        return [self.classes[number] for number in self.y[numbers]]


def read_table_data(config: RunConfig, yard: Yard, notice: Notice) -> TableData:
    """Read the rows of a config whose model learns from tables.

    Raises:
        NotFound, Invalid: as `check_data`, and if a part of the split would be empty.
    """
    data = config.training_data
    source = find_source(data, yard)
    if not reads_table(config.model, source, data):
        return _flat(config, yard, notice)
    table = read_features(source, data)
    marks = table.marks
    if marks.skipped:
        notice("warning", f"{marks.skipped} rows of {source.name} have no label and were left out.", "")
    numbers = sampled(marks.labels, data.max_examples)
    labels = [marks.labels[i] for i in numbers]
    classes = check_classes(labels, source.name)
    training, validation = split(
        labels,
        chosen_of(marks.groups, numbers),
        chosen_of(marks.held_out, numbers),
        data,
        chosen_of(marks.times, numbers),
    )
    if config.training_type == "few_shot":
        training = few_of_each(labels, training, config.few_shot.shots, config.seed)
    facts = {
        "dataset_id": f"{source.name}@{(source.sha256() or '')[:12]}",
        "dataset_size": len(training),
        "validation_size": len(validation),
        "classes": classes,
        "base_model": None,
        "class_counts": class_counts(labels, training, validation),
    }
    x = table.matrix()[numbers]
    return TableData(x, numbered(labels, classes), classes, training, validation, table.features, facts)


def _flat(config: RunConfig, yard: Yard, notice: Notice) -> TableData:
    series = read_series_data(config, yard, notice)
    parts = [series.x["train"], series.x["validation"]]
    whole = np.concatenate(parts)
    _, steps, channels = whole.shape
    features = tuple(Feature(f"t{t}_c{c}", "number") for t in range(steps) for c in range(channels))
    return TableData(
        flat(whole),
        np.concatenate([series.y["train"], series.y["validation"]]),
        series.classes,
        list(range(len(parts[0]))),
        list(range(len(parts[0]), len(whole))),
        features,
        series.facts,
        window=(steps, channels),
    )


def flat(windows: NDArray[Any]) -> NDArray[np.float64]:
    """Return windows (n, time, channels) as rows (n, time * channels)."""
    return windows.reshape(len(windows), -1).astype(np.float64)
