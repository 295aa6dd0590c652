"""The baseline without input: the most frequent class, each class as likely as it was among the training examples."""

import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from runyard.core import usage
from runyard.data.features import reads_table
from runyard.data.sources import find_source
from runyard.train.attempt import Attempt
from runyard.train.baselines import log_loss
from runyard.train.outcome import Outcome
from runyard.train.scores import classification_scores, numbered
from runyard.train.series_data import read_series_data
from runyard.train.suites import reads_series
from runyard.train.table_data import read_table_data
from runyard.train.text_data import read_text_data


def run_majority(attempt: Attempt, folder: Path) -> Outcome:
    """Count the classes, journal one epoch and save the counts to `folder`."""
    config, pen = attempt.config, attempt.pen
    attempt.started("cpu", accelerators=1)
    began, window = time.perf_counter(), None
    columns: list[dict[str, Any]] = []
    if reads_table(config.model, find_source(config.training_data, attempt.yard), config.training_data):
        table = read_table_data(config, attempt.yard, attempt.notice)
        classes, facts, y = table.classes, table.facts, [table.y[table.training], table.y[table.validation]]
        columns = [asdict(feature) for feature in table.features]
    elif reads_series(config, attempt.yard):
        series = read_series_data(config, attempt.yard, attempt.notice)
        classes, facts, y = series.classes, series.facts, [series.y["train"], series.y["validation"]]
        window = int(series.x["train"].shape[1])
    else:
        texts = read_text_data(config, attempt.yard)
        numbers = numbered(texts.labels, texts.classes)
        classes, facts, y = texts.classes, texts.facts, [numbers[texts.training], numbers[texts.validation]]
    pen.emit(
        "planned", total_epochs=1, total_steps=1, parameters=len(classes), trainable_parameters=len(classes), **facts
    )
    shares = np.bincount(y[0], minlength=len(classes)) / len(y[0])
    losses = [log_loss(np.tile(shares, (len(part), 1)), part) for part in y]
    said = np.full(len(y[1]), shares.argmax())
    scores = classification_scores(said, y[1], len(classes), config.evaluation.metrics)
    pen.epoch(
        1,
        step=1,
        train_loss=losses[0],
        val_loss=losses[1],
        val_metric=scores.get(config.optimization.early_stopping.monitor),
        epoch_seconds=time.perf_counter() - began,
        samples=len(y[0]),
        memory_gb=usage.memory_gb(),
        metrics=scores,
    )
    about = {"model_type": "majority", "classes": classes, "shares": shares.tolist(), "window": window}
    (folder / "config.json").write_text(json.dumps({**about, "columns": columns}, ensure_ascii=False), "utf-8")
    return Outcome(steps=1)
