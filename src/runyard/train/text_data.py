"""The texts of a run: read, sampled and split, the same way for networks and baselines."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from runyard.config.run import RunConfig
from runyard.core.errors import Invalid
from runyard.core.paths import Yard
from runyard.data.checks import check_classes
from runyard.data.sources import find_source
from runyard.data.split import chosen_of, few_of_each, sampled, split
from runyard.data.tables import read_table
from runyard.train.data_facts import class_counts

Notice = Callable[[str, str, str], None]


@dataclass(frozen=True)
class TextData:
    """Texts and labels, and which of them train and which are held out."""

    texts: list[str]
    labels: list[str]
    classes: list[str]
    training: list[int]
    validation: list[int]
    facts: dict[str, Any]
    sha256: str


def read_text_data(config: RunConfig, yard: Yard, notice: Notice = lambda *_: None) -> TextData:
    """Read the table of a config.

    Raises:
        NotFound, Invalid: as `check_data`, and if a part of the split would be empty.
    """
    data = config.training_data
    source = find_source(data, yard)
    if source.path is None:
        raise Invalid(f"{source.name} holds series, not texts.", hint="Take a model of type cnn1d, lstm or mlp.")
    table = read_table(source, data)
    if table.skipped:
        notice("warning", f"{table.skipped} rows of {source.name} have no label and were left out.", "")
    numbers = sampled(table.labels, data.max_examples)
    labels = [table.labels[i] for i in numbers]
    classes = check_classes(labels, source.name)
    training, validation = split(
        labels,
        chosen_of(table.groups, numbers),
        chosen_of(table.held_out, numbers),
        data,
        chosen_of(table.times, numbers),
    )
    if config.training_type == "few_shot":
        training = few_of_each(labels, training, config.few_shot.shots, config.seed)
    sha256 = source.sha256() or ""
    facts = {
        "dataset_id": f"{source.name}@{sha256[:12]}",
        "dataset_size": len(training),
        "validation_size": len(validation),
        "classes": classes,
        "class_counts": class_counts(labels, training, validation),
    }
    return TextData([table.texts[i] for i in numbers], labels, classes, training, validation, facts, sha256)
