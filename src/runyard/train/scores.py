"""Scores of classifications and of the tokens of answers: no scikit-learn in the process of a network."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def classification_scores(
    predicted: NDArray[Any], labels: NDArray[Any], classes: int, names: Iterable[str]
) -> dict[str, float]:
    """Return accuracy and f1_macro, those that are asked for, as shares from 0 to 1.

    f1_macro is the mean over the classes that occur in labels or predictions, as in scikit-learn.
    """
    confusion = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(confusion, (labels, predicted), 1)
    hits = np.diag(confusion)
    of_class, of_prediction = confusion.sum(axis=1), confusion.sum(axis=0)
    occurs = of_class + of_prediction > 0
    every = {
        "accuracy": float(hits.sum() / max(1, confusion.sum())),
        "f1_macro": float(np.mean(2 * hits[occurs] / (of_class + of_prediction)[occurs])) if occurs.any() else 0.0,
    }
    return {name: every[name] for name in names}


def token_scores(told: Any, names: Iterable[str]) -> dict[str, float]:
    """Return perplexity and token_accuracy, those that are asked for.

    Args:
        told: of each token of the answers its surprise in nats, and 1 where it was the most likely one: (n, 2).
    """
    surprise, hit = (float(mean) for mean in np.asarray(told, dtype=np.float64).mean(axis=0))
    every = {"perplexity": float(np.exp(surprise)), "token_accuracy": hit}
    return {name: every[name] for name in names if name in every}


def numbered(labels: Sequence[str], classes: Sequence[str]) -> NDArray[np.int64]:
    """Return the number of each label's class."""
    number = {name: index for index, name in enumerate(classes)}
    return np.array([number[label] for label in labels], dtype=np.int64)
