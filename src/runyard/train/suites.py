"""What a saved model is judged on: the examples its training held out, or those of a file."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runyard.config.dataset import TrainingData
from runyard.config.estimators import ESTIMATORS
from runyard.config.models import SERIES_NETS, CausalLm, Majority
from runyard.config.run import RunConfig
from runyard.core.errors import Invalid
from runyard.core.paths import Yard
from runyard.data.dialogues import as_told, open_question, read_dialogues
from runyard.data.features import read_features, reads_table
from runyard.data.series import read_series
from runyard.data.sources import Source, find_source
from runyard.data.tables import read_table
from runyard.train.language_data import read_language_data
from runyard.train.saved import SavedLanguageModel, SavedModel
from runyard.train.series_data import read_series_data, windows
from runyard.train.table_data import read_table_data
from runyard.train.text_data import read_text_data

_SHOWN = 8


@dataclass(frozen=True)
class Suite:
    """Examples with their classes: texts, rows of a table, or windows of series; dialogues have none.

    Equal names are equal examples.
    """

    name: str
    inputs: Any
    labels: list[str]


def held_out(config: RunConfig, yard: Yard) -> Suite:
    """Return what the training of a config held out.

    Raises:
        NotFound, Invalid: as `read_text_data`, `read_table_data` and `read_series_data`.
    """
    data = config.training_data
    if reads_table(config.model, find_source(data, yard), data):
        table = read_table_data(config, yard, lambda *_: None)
        how = [[feature.name for feature in table.features], data.label_column, data.max_examples]
        name = _name(table.facts, table.validation, how)
        return Suite(name, table.x[table.validation], table.labels(table.validation))
    if reads_series(config, yard):
        series = read_series_data(config, yard, lambda *_: None)
        x = series.x["validation"]
        labels = [series.classes[number] for number in series.y["validation"]]
        cut = [*x.shape[1:], data.stride]
        return Suite(_name(series.facts, series.validation, cut), x, labels)
    if isinstance(config.model, CausalLm):
        dialogues = read_language_data(config, yard)
        name = _name(dialogues.facts, dialogues.validation, [dialogues.shape, data.text_column, data.max_examples])
        return Suite(name, [dialogues.examples[i] for i in dialogues.validation], [])
    texts = read_text_data(config, yard)
    members = texts.validation
    name = _name(texts.facts, members, [data.text_column, data.label_column, data.max_examples])
    return Suite(name, [texts.texts[i] for i in members], [texts.labels[i] for i in members])


def reads_series(config: RunConfig, yard: Yard) -> bool:
    """Return whether a run learns from series; the majority class can be that of either."""
    if isinstance(config.model, Majority):
        return find_source(config.training_data, yard).format == "npz"
    return isinstance(config.model, (*SERIES_NETS, *ESTIMATORS))


def _name(facts: dict[str, Any], members: list[int], how: list[Any]) -> str:
    what = json.dumps([facts["dataset_id"], members, how])
    return f"{facts['dataset_id'].split('@')[0]}/held-out@{hashlib.sha256(what.encode()).hexdigest()[:8]}"


def of_file(config: RunConfig, path: Path, yard: Yard, model: SavedModel | SavedLanguageModel) -> Suite:
    """Return the labelled examples of a file whose columns are called as those of the training.

    Raises:
        NotFound, Invalid: as `read_table`, `read_features` and `read_series`.
    """
    source, data = _source(config, path, yard)
    name = f"{source.name}@{(source.sha256() or '')[:8]}"
    if isinstance(model, SavedLanguageModel):
        return Suite(name, read_dialogues(source, data).examples, [])
    if model.reads == "texts":
        table = read_table(source, data)
        return Suite(name, table.texts, table.labels)
    if model.reads == "table":
        rows = read_features(source, data, like=model.features)
        return Suite(name, rows.matrix(), rows.marks.labels)
    series = read_series(source, data)
    pieces = _cut(series.series, model, data)
    labels = np.repeat(np.array(series.labels, dtype=object), [len(piece) for piece in pieces]).tolist()
    return Suite(name, np.concatenate(pieces), labels)


def predictions(
    config: RunConfig, path: Path, yard: Yard, model: SavedModel | SavedLanguageModel
) -> list[dict[str, Any]]:
    """Return the class of each text, row or series of a file with its probability, or the answer to each prompt.

    The probabilities of the windows of a series are averaged.

    Raises:
        NotFound, Invalid: as `read_table`, `read_features` and `read_series`.
    """
    source, data = _source(config, path, yard)
    if isinstance(model, SavedLanguageModel):
        return _answers(source, data, model)
    if model.reads == "texts":
        shares = model.shares(read_table(source, data, labelled=False).texts)
    elif model.reads == "table":
        shares = model.shares(read_features(source, data, labelled=False, like=model.features).matrix())
    else:
        pieces = _cut(read_series(source, data, labelled=False).series, model, data)
        of_window = model.shares(np.concatenate(pieces))
        ends = np.cumsum([len(piece) for piece in pieces])[:-1]
        shares = np.stack([part.mean(axis=0) for part in np.split(of_window, ends)])
    best = shares.argmax(axis=1)
    return [
        {
            "row": row,
            "prediction": model.classes[number],
            "probability": float(line[number]),
            "probabilities": {name: float(share) for name, share in zip(model.classes, line, strict=True)},
        }
        for row, (number, line) in enumerate(zip(best, shares, strict=True), start=1)
    ]


def _answers(source: Source, data: TrainingData, model: SavedLanguageModel) -> list[dict[str, Any]]:
    asked = [open_question(messages) for messages in read_dialogues(source, data, answers=()).examples]
    return [
        {"row": row, "prompt": as_told(messages), "prediction": answer}
        for row, (messages, answer) in enumerate(zip(asked, model.answer(asked), strict=True), start=1)
    ]


def _source(config: RunConfig, path: Path, yard: Yard) -> tuple[Source, TrainingData]:
    changes = {"source": None, "path": str(path), "format": "auto", "split_by": "random", "max_examples": None}
    data = config.training_data.model_copy(update=changes)
    return find_source(data, yard), data


def _cut(series: list[NDArray[np.float32]], model: SavedModel, data: TrainingData) -> list[NDArray[np.float32]]:
    assert model.window is not None
    short = [number for number, piece in enumerate(series) if len(piece) < model.window]
    if short:
        shown = ", ".join(map(str, short[:_SHOWN])) + (" …" if len(short) > _SHOWN else "")
        raise Invalid(
            f"{len(short)} of {len(series)} series are shorter than the {model.window} steps that the model reads: "
            f"numbers {shown}.",
            hint="Drop or pad them.",
        )
    if len({piece.shape[1] for piece in series}) > 1:
        raise Invalid("The series have different numbers of channels.", hint="All need the same number.")
    return [windows(piece, model.window, data.stride) for piece in series]
