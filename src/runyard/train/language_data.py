"""The dialogues of a run: read, sampled, split and written as tokens, the same way for training and benchmarks."""

from dataclasses import dataclass
from typing import Any

from runyard.config.run import RunConfig
from runyard.core.errors import Invalid
from runyard.core.paths import Yard
from runyard.data.dialogues import Message, Shape, read_dialogues
from runyard.data.sources import find_source
from runyard.data.split import chosen_of, sampled, split
from runyard.train.dialogue_tokens import Row, Writer


@dataclass(frozen=True)
class LanguageData:
    """Examples, and which of them train and which are held out."""

    shape: Shape
    examples: list[list[Message]]
    training: list[int]
    validation: list[int]
    facts: dict[str, Any]


@dataclass(frozen=True)
class Written:
    """Rows of examples, None where no token of an answer is left; `cut` counts those that were too long."""

    rows: list[Row | None]
    cut: int


def read_language_data(config: RunConfig, yard: Yard) -> LanguageData:
    """Read the dialogues of a config.

    Raises:
        NotFound, Invalid: as `check_data`, and if a part of the split would be empty.
    """
    data = config.training_data
    source = find_source(data, yard)
    if source.path is None:
        raise Invalid(f"{source.name} holds series, not texts.", hint="Take a model of type cnn1d, lstm or mlp.")
    table = read_dialogues(source, data)
    numbers = sampled([""] * len(table.examples), data.max_examples)
    training, validation = split(
        [""] * len(numbers),
        chosen_of(table.groups, numbers),
        chosen_of(table.held_out, numbers),
        data,
        chosen_of(table.times, numbers),
        classified=False,
    )
    facts = {
        "dataset_id": f"{source.name}@{(source.sha256() or '')[:12]}",
        "dataset_size": len(training),
        "validation_size": len(validation),
    }
    return LanguageData(table.shape, [table.examples[i] for i in numbers], training, validation, facts)


def written(writer: Writer, examples: list[list[Message]]) -> Written:
    """Write examples as tokens, cut to the longest length.

    Raises:
        Invalid: as `Writer.row`; or no example has a token to learn.
    """
    rows: list[Row | None] = []
    cut = 0
    for messages in examples:
        row = writer.row(messages)
        if len(row.tokens) > writer.max_length:
            cut += 1
            row = Row(row.tokens[: writer.max_length], row.answer[: writer.max_length])
        rows.append(row if row.learned else None)
    if examples and not any(rows):
        raise Invalid(
            f"No example has a token of an answer within the first {writer.max_length} tokens.",
            hint="Raise hyperparameters.max_length, or shorten the prompts.",
        )
    return Written(rows, cut)
