"""Benchmarks of a saved model: its scores on a suite, and how fast it is on this machine's CPU."""

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from runyard.config.scores import better
from runyard.core.errors import Invalid
from runyard.core.ids import new_id
from runyard.train.saved import SavedLanguageModel, SavedModel
from runyard.train.scores import classification_scores, numbered
from runyard.train.suites import Suite

_WARM_UP = 8
_LEAST_SECONDS, _MOST_PASSES = 0.2, 20


def benchmark(
    model: SavedModel | SavedLanguageModel, suite: Suite, metrics: Iterable[str], version_id: str
) -> list[dict[str, Any]]:
    """Return the `benchmark` events of a model on a suite, one for each metric, without run and time.

    Short suites are passed several times, so that the speed is that of a fifth of a second at least.

    Raises:
        Invalid: no label of the suite is a class of the model.
    """
    if isinstance(model, SavedLanguageModel):
        return _of_language(model, suite, list(metrics), version_id)
    strange = sorted(set(suite.labels) - set(model.classes))
    if len(strange) == len(set(suite.labels)):
        raise Invalid(
            f"No label of {suite.name} is a class of the model: {', '.join(strange[:5])}.",
            hint=f"The model knows: {', '.join(model.classes[:20])}.",
        )
    model.shares(suite.inputs[:_WARM_UP])
    began, cpu_began, passes = time.perf_counter(), time.process_time(), 0
    while True:
        shares = model.shares(suite.inputs)
        passes += 1
        seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - cpu_began
        if seconds >= _LEAST_SECONDS or passes == _MOST_PASSES:
            break
    classes = [*model.classes, *strange]  # a class that the model does not know is always a miss
    labels = numbered(suite.labels, classes)
    scores = classification_scores(shares.argmax(axis=1), labels, len(classes), metrics)
    rates = {
        "speed_score": passes * len(labels) / seconds,
        "efficiency_score": passes * len(labels) / cpu_seconds if cpu_seconds > 0 else None,
    }
    return score_rows(suite, scores, version_id, **rates)


def _of_language(
    model: SavedLanguageModel, suite: Suite, metrics: Sequence[str], version_id: str
) -> list[dict[str, Any]]:
    """One pass is enough: it takes long, and all of it is the model's work."""
    began, cpu_began = time.perf_counter(), time.process_time()
    scores = model.scores(suite.inputs, metrics)
    seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - cpu_began
    rates = {"speed_score": len(suite.inputs) / seconds, "efficiency_score": len(suite.inputs) / cpu_seconds}
    return score_rows(suite, scores, version_id, **rates)


def score_rows(
    suite: Suite, scores: Mapping[str, float], version_id: str, **rates: float | None
) -> list[dict[str, Any]]:
    """Return scores of a version on a suite as rows; equal benchmark names are of equal examples and one metric."""
    return [
        {
            "id": str(new_id()),
            "model_version_id": version_id,
            "benchmark_name": f"{suite.name}:{metric}",
            "metric": metric,
            "higher_is_better": better(metric) == "max",
            "accuracy_score": score,
            "n_examples": len(suite.inputs),
            **rates,
        }
        for metric, score in scores.items()
    ]
