"""The border: every other name gives the same config as the canonical one."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runyard.config.aliases import LATER, MOVES
from runyard.config.run import RunConfig, parse_run_config
from runyard.core.errors import Invalid

BASE: dict[str, Any] = {"model": {"model_type": "cnn1d"}, "training_data": {"source": "watch"}}


def parsed(**values: Any) -> RunConfig:
    return parse_run_config({**BASE, **values})


@pytest.mark.parametrize(
    ("other", "canonical"),
    [
        ({"training": {"max_epochs": 5}}, {"hyperparameters": {"epochs": 5}}),
        ({"lr": 0.5}, {"hyperparameters": {"learning_rate": 0.5}}),
        ({"hyperparameters": {"max_epochs": 5}}, {"hyperparameters": {"epochs": 5}}),
        (
            {"training": {"gradient_accumulation_steps": 4}},
            {"hyperparameters": {"gradient_accumulation": 4}},
        ),
        ({"model": {"model_type": "cnn", "dropout": 0.3}}, {"hyperparameters": {"dropout": 0.3}}),
        ({"loss": "categorical_crossentropy"}, {"optimization": {"loss": "cross_entropy"}}),
        (
            {"training": {"loss": "weighted_categorical_crossentropy"}},
            {"optimization": {"loss": {"kind": "cross_entropy", "class_weights": "balanced"}}},
        ),
        (
            {"class_weights": {0: 1.0, 1: 1.5}},
            {"optimization": {"loss": {"kind": "cross_entropy", "class_weights": {"0": 1.0, "1": 1.5}}}},
        ),
        (
            {"training": {"optimizer": "adam", "optimizer_config": {"beta_1": 0.8, "weight_decay": 0.1}}},
            {
                "optimization": {"optimizer": {"kind": "adam", "beta1": 0.8}},
                "hyperparameters": {"weight_decay": 0.1},
            },
        ),
        (
            {"lr_schedule": "cosine", "lr_schedule_config": {"eta_min": 1e-5, "T_max": 9, "warmup_steps": 3}},
            {
                "optimization": {"schedule": {"kind": "cosine", "min_lr": 1e-5, "total_steps": 9}},
                "hyperparameters": {"warmup_steps": 3},
            },
        ),
        (
            {"scheduler": "warmup", "scheduler_params": {"warmup_steps": 3, "decay_steps": 7, "decay_rate": 0.9}},
            {
                "optimization": {"schedule": {"kind": "exponential", "decay_steps": 7, "decay_rate": 0.9}},
                "hyperparameters": {"warmup_steps": 3},
            },
        ),
        (
            {"training": {"early_stopping": {"metric": "validation_loss", "patience": 3, "min_delta": 0.1}}},
            {"optimization": {"early_stopping": {"patience": 3, "threshold": 0.1}}},
        ),
        (
            {"callbacks": {"early_stopping": True, "early_stopping_patience": 3, "early_stopping_monitor": "f1"}},
            {"optimization": {"early_stopping": {"patience": 3, "monitor": "f1_macro", "mode": "max"}}},
        ),
        ({"early_stopping": False}, {"optimization": {"early_stopping": {"enabled": False}}}),
        ({"metrics": ["accuracy", "f1_score"]}, {"evaluation": {"metrics": ["accuracy", "f1_macro"]}}),
        (
            {"training_data": {"dataset_id": "watch", "split": [0.75, 0.25]}},
            {"training_data": {"source": "watch", "validation_split": 0.25}},
        ),
        ({"monitoring": {"wandb_logging": False, "track_weights": None}}, {}),
        ({"training": {"distributed": False}}, {}),
        (
            {"monitoring": {"gradient_histogram_frequency": 10}, "callbacks": {"tensorboard": True}},
            {"monitoring": {"gradient_histogram_frequency": 10, "tensorboard_logging": True}},
        ),
        ({"tensorboard_logging": True}, {"monitoring": {"tensorboard_logging": True}}),
        ({"training": {"ema": True}}, {"optimization": {"ema": {"enabled": True}}}),
        (
            {"freeze_layers": 2, "gradual_unfreezing": True, "save_top_k": 3, "label_smoothing": 0.1},
            {
                "optimization": {
                    "freezing": {"frozen_layers": 2, "unfreeze_every": 1},
                    "keep_best": 3,
                    "loss": {"label_smoothing": 0.1},
                }
            },
        ),
        (
            {"training": {"distributed": True, "strategy": "data_parallel", "devices": [0, 1, 2, 3], "world_size": 4}},
            {"resources": {"devices": 4}},
        ),
        ({"recovery": False}, {"recovery": {"enabled": False}}),
    ],
)
def test_other_names_mean_the_same(other: dict[str, Any], canonical: dict[str, Any]) -> None:
    assert parsed(**other) == parsed(**canonical)


@pytest.mark.parametrize("name", ["model_base", "model_id", "base_model"])
def test_names_of_the_base_model(name: str) -> None:
    config = parsed(model={name: "my-model", "task": "text_classification"})
    assert config.model.model_type == "text_encoder"
    assert getattr(config.model, "base_model", None) == "my-model"


_NUMBERS = sorted(name for name, path in MOVES.items() if path.startswith("hyperparameters."))


@given(
    st.sampled_from(_NUMBERS),
    st.sampled_from(["top", "training", "hyperparameters", "optimization"]),
    st.integers(1, 9),
)
def test_a_number_may_stand_in_any_block(name: str, block: str, value: int) -> None:
    number = value / 100 if MOVES[name].endswith(("dropout", "learning_rate", "weight_decay")) else value + 3
    leaf = MOVES[name].split(".")[1]
    given_values = {name: number} if block == "top" else {block: {name: number}}
    assert parsed(**given_values) == parsed(hyperparameters={leaf: number})


@pytest.mark.parametrize("name", sorted(LATER))
def test_what_comes_later_is_never_ignored_when_switched_on(name: str) -> None:
    with pytest.raises(Invalid) as caught:
        parsed(training={name: True})
    assert [problem.path for problem in caught.value.problems] == [f"training.{name}"]
    assert "not in this version" in caught.value.problems[0].message
    assert parsed(training={name: False}) == parsed()
