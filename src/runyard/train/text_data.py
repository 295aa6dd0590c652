"""The texts of a run: read, sampled and split, the same way for networks and baselines."""

from dataclasses import dataclass
from typing import Any

from runyard.config.preflight import check_classes
from runyard.config.run import RunConfig
from runyard.config.sources import find_source
from runyard.config.tables import read_table
from runyard.core.errors import Invalid
from runyard.core.paths import Yard
from runyard.train.files import sha256_of
from runyard.train.order import sampled, split


@dataclass(frozen=True)
class TextData:
    """Texts and labels, and which of them train and which are held out."""

    texts: list[str]
    labels: list[str]
    classes: list[str]
    training: list[int]
    validation: list[int]
    facts: dict[str, Any]


def read_text_data(config: RunConfig, yard: Yard) -> TextData:
    """Read the table of a config.

    Raises:
        NotFound, Invalid: as `check_data`, and if a part of the split would be empty.
    """
    data = config.training_data
    source = find_source(data, yard)
    if source.path is None:
        raise Invalid(f"{source.name} holds series, not texts.", hint="Take a model of type cnn1d, lstm or mlp.")
    table = read_table(source, data)
    numbers = sampled(table.labels, data.max_examples)
    labels = [table.labels[i] for i in numbers]
    classes = check_classes(labels, source.name)
    groups = [table.groups[i] for i in numbers] if table.groups is not None else None
    held_out = [table.held_out[i] for i in numbers] if table.held_out is not None else None
    training, validation = split(labels, groups, held_out, data)
    facts = {
        "dataset_id": f"{source.name}@{sha256_of(source.path)[:12]}",
        "dataset_size": len(training),
        "validation_size": len(validation),
        "classes": classes,
    }
    return TextData([table.texts[i] for i in numbers], labels, classes, training, validation, facts)
