"""Runs of scikit-learn's models on tables, with the same events as a network.

What grows (a forest, boosted trees) is grown some trees at a time, and each time is an epoch; the others are fitted in
one go, which is one honest epoch. A killed run begins anew and says the same again: its seed is that of its config.
"""

import copy
import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runyard.config.estimators import ESTIMATORS, Ensemble, GradientBoosting, RandomForest
from runyard.config.losses import CrossEntropy
from runyard.config.run import RunConfig
from runyard.core import usage
from runyard.train.attempt import Attempt
from runyard.train.baselines import log_loss
from runyard.train.callbacks import Action, Best, StopEarly
from runyard.train.class_weights import weights_of
from runyard.train.estimator_files import dump_estimator
from runyard.train.estimators import Setting, build_estimator
from runyard.train.outcome import Outcome
from runyard.train.prepare import build_prepare
from runyard.train.scores import classification_scores
from runyard.train.table_data import TableData, read_table_data

MODEL_FILE = "model.skops"


def run_tabular(attempt: Attempt, folder: Path) -> Outcome:
    """Fit the estimator of a config, journal its epochs and save it to `folder`."""
    from sklearn.pipeline import Pipeline

    config, pen, part, progress = attempt.config, attempt.pen, attempt.config.model, attempt.progress
    assert isinstance(part, ESTIMATORS)
    np.random.seed(config.seed)
    attempt.started("cpu", accelerators=1)
    data = read_table_data(config, attempt.yard, attempt.notice)
    estimator = build_estimator(part, _setting(config, data))
    sizes = list(_sizes(part))
    pen.emit("planned", total_epochs=len(sizes), total_steps=sizes[-1], **data.facts)
    prepare = build_prepare(data.features)
    x = {"train": prepare.fit_transform(data.x[data.training])}
    x["validation"] = prepare.transform(data.x[data.validation])
    y = {"train": data.y[data.training], "validation": data.y[data.validation]}
    rule, chosen = config.optimization.early_stopping, estimator
    best, stop = Best(rule), StopEarly(rule)
    for epoch, size in enumerate(sizes, start=1):
        began, cpu_began = time.perf_counter(), time.process_time()
        _grow(part, estimator, size)
        estimator.fit(x["train"], y["train"])
        scores = _scores(estimator, part, x, y, config)
        seconds = time.perf_counter() - began
        progress.epoch, progress.step = epoch, size
        pen.epoch(
            epoch,
            step=size,
            train_loss=scores.pop("train_loss"),
            val_loss=scores["val_loss"],
            val_metric=scores[rule.monitor] if rule.monitor != "val_loss" else None,
            epoch_seconds=seconds,
            samples=len(data.training),
            memory_gb=usage.memory_gb(),
            cpu_utilization=min(1.0, (time.process_time() - cpu_began) / seconds / config.resources.threads),
            metrics={name: value for name, value in scores.items() if name != "val_loss"},
        )
        if len(sizes) > 1 and config.evaluation.save_best_model and best.after_epoch(progress, scores) is Action.BEST:
            progress.best_epoch, chosen = epoch, _as_it_is(estimator)
        if rule.enabled and epoch < len(sizes) and stop.after_epoch(progress, scores) is Action.STOP:
            progress.stopped = True
            pen.emit("early_stop", epoch=epoch, best_epoch=progress.best_epoch or None, patience=rule.patience)
            break
    _save(folder, Pipeline([("prepare", prepare), ("model", chosen)]), config, data)
    return Outcome(steps=progress.step)


def _setting(config: RunConfig, data: TableData) -> Setting:
    loss, y = config.optimization.loss, data.y[data.training]
    assert isinstance(loss, CrossEntropy)
    weights = weights_of(loss.class_weights, data.classes, y)
    by_number = None if weights is None else {number: float(weight) for number, weight in enumerate(weights)}
    return Setting(config.seed, config.resources.threads, by_number, int(np.bincount(y).min()))


def _sizes(part: object) -> Iterator[int]:
    """Yield the trees, or rounds, that there are after each epoch."""
    if isinstance(part, RandomForest):
        yield from range(part.trees_per_epoch, part.trees, part.trees_per_epoch)
        yield part.trees
    elif isinstance(part, GradientBoosting):
        yield from range(part.rounds_per_epoch, part.rounds, part.rounds_per_epoch)
        yield part.rounds
    else:
        yield 1


def _grow(part: object, estimator: Any, size: int) -> None:
    """Let the next fit go on from the trees that are there."""
    if isinstance(part, RandomForest):
        estimator.set_params(n_estimators=size, warm_start=True)
    elif isinstance(part, GradientBoosting):
        estimator.set_params(max_iter=size, warm_start=True)


def _as_it_is(estimator: Any) -> Any:
    """Return an estimator that does not grow with this one: the trees are shared, the lists of them are its own."""
    kept = copy.copy(estimator)
    for name, value in vars(estimator).items():
        if isinstance(value, list):
            setattr(kept, name, list(value))
    return kept


def _scores(
    estimator: Any,
    part: object,
    x: Mapping[str, NDArray[Any]],
    y: Mapping[str, NDArray[np.int64]],
    config: RunConfig,
) -> dict[str, float]:
    """Return losses and scores; of an ensemble also the accuracy of each member, as `NAME/accuracy`."""
    shares = {name: np.asarray(estimator.predict_proba(rows), dtype=np.float64) for name, rows in x.items()}
    held_out = y["validation"]
    scores = classification_scores(
        shares["validation"].argmax(1), held_out, shares["train"].shape[1], config.evaluation.metrics
    )
    if isinstance(part, Ensemble):
        for name in part.members:
            said = estimator.named_estimators_[name].predict(x["validation"])
            scores[f"{name}/accuracy"] = float((said == held_out).mean())
    return {
        "train_loss": log_loss(shares["train"], y["train"]),
        "val_loss": log_loss(shares["validation"], held_out),
        **scores,
    }


def _save(folder: Path, pipeline: Any, config: RunConfig, data: TableData) -> None:
    """Write the pipeline, from the rows of a file to probabilities, and what its columns and classes are."""
    import sklearn
    import skops

    pipeline["model"].set_params(**({"warm_start": False} if hasattr(pipeline["model"], "warm_start") else {}))
    dump_estimator(pipeline, folder / MODEL_FILE)
    about = {
        "model_type": config.model.model_type,
        "classes": data.classes,
        "columns": [{"name": feature.name, "kind": feature.kind} for feature in data.features],
        **({"window": list(data.window)} if data.window else {}),
        "missing": "NaN in a column of numbers, an empty text in one of categories",
        "load": f"skops.io.load('{MODEL_FILE}', trusted=skops.io.get_untrusted_types(file='{MODEL_FILE}'))"
        ".predict_proba(rows): a column for each class, in their order",
        "made_with": {"scikit-learn": sklearn.__version__, "skops": skops.__version__},
    }
    (folder / "config.json").write_text(json.dumps(about, ensure_ascii=False, indent=1), "utf-8")
