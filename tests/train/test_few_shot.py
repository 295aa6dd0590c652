"""Few shots: k examples of each class by the seed of the run, all held-out ones to judge by; and the majority class."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from runyard.core.errors import Invalid
from runyard.data.split import few_of_each
from runyard.train.saved import load_saved

LABELS = [*"aaaaaabbbbbbb", *"cccc"]


def test_few_of_each_are_drawn_by_the_seed() -> None:
    numbers = list(range(len(LABELS)))
    first, again, other = (few_of_each(LABELS, numbers, 3, seed) for seed in (1, 1, 2))
    assert first == again != other
    for drawn in (first, other):
        assert sorted(LABELS[number] for number in drawn) == sorted("aaabbbccc")


def test_too_few_of_a_class_are_named() -> None:
    with pytest.raises(Invalid, match=r"Not every class has 5 training examples: c has 4\."):
        few_of_each(LABELS, range(len(LABELS)), 5, 0)
    with pytest.raises(Invalid, match=r"c has 0"):
        few_of_each(LABELS, range(13), 2, 0)


@pytest.mark.parametrize("method", ["frozen", "lora"])
def test_an_encoder_learns_from_few_texts(bench: Any, reviews: dict[str, Any], encoder: Path, method: str) -> None:
    model = {"model_type": "text_encoder", "base_model": "tiny"}
    few = {
        "few_shot": {"shots": 5},
        "seed": 3,
        "hyperparameters": {"epochs": 3, "learning_rate": 0.02, "max_length": 16},
    }
    network, story = bench.fit(**reviews, **few, model=model, method=method)

    planned = story.of("planned")[0]
    assert (planned["dataset_size"], planned["validation_size"]) == (10, 16)
    labels = [network.loop.task._y[number].item() for number in network.loop.task._members["train"]]
    assert sorted(labels) == [0] * 5 + [1] * 5
    losses = [epoch["train_loss"] for epoch in story.epochs()]
    assert losses[-1] < losses[0]


def test_a_net_learns_from_few_series(bench: Any, waves: dict[str, Any]) -> None:
    sets = []
    for seed in (0, 1):
        network, story = bench.fit(**waves, few_shot={"shots": 6}, epochs=1, seed=seed)
        planned = story.of("planned")[0]
        assert (planned["dataset_size"], planned["validation_size"]) == (12, 24)
        sets.append(network.loop.task._x["train"].sum().item())
    assert sets[0] != sets[1]


@pytest.mark.parametrize("kind", ["waves", "reviews"])
def test_the_majority_class_knows_how_frequent_classes_are(
    bench: Any, waves: dict[str, Any], reviews: dict[str, Any], kind: str
) -> None:
    data = {"waves": waves, "reviews": reviews}[kind]["training_data"]
    folder = bench.prepare(training_data=data, model={"model_type": "majority"})
    code, story = bench.finish(folder)

    assert code == 0, folder.log.read_text()
    epoch = story.epochs()[0]
    shares = np.array([2 / 3, 1 / 3] if kind == "waves" else [0.5, 0.5])
    assert epoch["val_loss"] == pytest.approx(-(shares * np.log(shares)).sum())
    scores = {metric["name"]: metric["value"] for metric in epoch["metrics"]}
    assert scores["accuracy"] == pytest.approx(shares.max())
    assert load_saved(folder.model).shares([0] * 3) == pytest.approx(np.tile(shares, (3, 1)))
    judged = {event["metric"]: event["accuracy_score"] for event in story.of("benchmark")}
    assert judged["accuracy"] == pytest.approx(shares.max())
