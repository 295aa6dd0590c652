"""What a saved model is judged on: the examples its training held out, or those of a file."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runyard.config.dataset import TrainingData
from runyard.config.models import SERIES_NETS
from runyard.config.run import RunConfig
from runyard.config.series import read_series
from runyard.config.sources import Source, find_source
from runyard.config.tables import read_table
from runyard.core.errors import Invalid
from runyard.core.paths import Yard
from runyard.train.files import sha256_of
from runyard.train.saved import SavedModel
from runyard.train.series_data import read_series_data, windows
from runyard.train.text_data import read_text_data

_SHOWN = 8


@dataclass(frozen=True)
class Suite:
    """Examples with their classes: texts, or windows of series. Equal names are equal examples."""

    name: str
    inputs: Any
    labels: list[str]


def held_out(config: RunConfig, yard: Yard) -> Suite:
    """Return what the training of a config held out.

    Raises:
        NotFound, Invalid: as `read_text_data` and `read_series_data`.
    """
    data = config.training_data
    if isinstance(config.model, SERIES_NETS):
        series = read_series_data(config, yard, lambda *_: None)
        x = series.x["validation"]
        labels = [series.classes[number] for number in series.y["validation"]]
        cut = [*x.shape[1:], data.stride]
        return Suite(_name(series.facts, series.validation, cut), x, labels)
    texts = read_text_data(config, yard)
    members = texts.validation
    name = _name(texts.facts, members, [data.text_column, data.label_column, data.max_examples])
    return Suite(name, [texts.texts[i] for i in members], [texts.labels[i] for i in members])


def _name(facts: dict[str, Any], members: list[int], how: list[Any]) -> str:
    what = json.dumps([facts["dataset_id"], members, how])
    return f"{facts['dataset_id'].split('@')[0]}/held-out@{hashlib.sha256(what.encode()).hexdigest()[:8]}"


def of_file(config: RunConfig, path: Path, yard: Yard, model: SavedModel) -> Suite:
    """Return the labelled examples of a file whose columns are called as those of the training.

    Raises:
        NotFound, Invalid: as `read_table` and `read_series`.
    """
    source, data = _source(config, path, yard)
    name = f"{source.name}@{sha256_of(path)[:8]}"
    if model.reads == "texts":
        table = read_table(source, data)
        return Suite(name, table.texts, table.labels)
    series = read_series(source, data)
    pieces = _cut(series.series, model, data)
    labels = np.repeat(np.array(series.labels, dtype=object), [len(piece) for piece in pieces]).tolist()
    return Suite(name, np.concatenate(pieces), labels)


def predictions(config: RunConfig, path: Path, yard: Yard, model: SavedModel) -> list[dict[str, Any]]:
    """Return the class of each text or series of a file, with its probability; windows of a series are averaged.

    Raises:
        NotFound, Invalid: as `read_table` and `read_series`.
    """
    source, data = _source(config, path, yard)
    if model.reads == "texts":
        shares = model.shares(read_table(source, data, labelled=False).texts)
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
