"""What a run will take, by arithmetic and by runs like it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from runyard.config.run import RunConfig, parse_run_config
from runyard.data.facts import DataFacts
from runyard.presets.estimate import Pace, estimate, work
from runyard.presets.machine import Machine
from runyard.presets.memory import memory_of, net_parameters, trained_parameters
from runyard.presets.model_facts import ModelFacts

MODEL = ModelFacts("reader", "BertModel", "text_encoder", 22_700_000, 6, 384, 12, 30_522, 512)
DATA = DataFacts("reviews", "classification", 1000, characters=398.0)
CPU = Machine(24.0, 2)


def run_of(method: str = "lora", **sections: Any) -> RunConfig:
    values = {
        "model": {"model_type": "text_encoder", "base_model": "reader"},
        "method": method,
        "training_data": {"source": "reviews", "validation_split": 0.2},
        "hyperparameters": {"batch_size": 16, "max_length": 256, "epochs": 2},
    }
    return parse_run_config({**values, **sections})


# Measured with MiniLM on food reviews on Linux, one thread: method, batch, length, bfloat16, peak of the process in GB.
@pytest.mark.parametrize(
    ("method", "batch", "length", "low", "peak"),
    [
        ("lora", 2, 256, False, 0.947),
        ("lora", 16, 256, False, 2.323),
        ("lora", 16, 64, False, 0.989),
        ("lora", 16, 256, True, 2.152),
        ("full", 2, 256, False, 1.212),
        ("full", 16, 256, False, 2.526),
        ("full", 16, 64, False, 1.242),
        ("full", 16, 256, True, 2.336),
    ],
)
def test_memory_is_near_what_was_measured(method: str, batch: int, length: int, low: bool, peak: float) -> None:
    hyper = {"batch_size": batch, "max_length": length}
    config = run_of(method, hyperparameters=hyper, optimization={"mixed_precision": low})
    found = memory_of(config, MODEL, DATA)
    assert found.low <= peak <= found.high
    assert found.total == pytest.approx(peak, rel=0.25)


def test_an_optimizer_without_moments_and_checkpointing_take_less() -> None:
    full = memory_of(run_of("full"), MODEL, DATA)
    plain = memory_of(run_of("full", optimization={"optimizer": "sgd"}), MODEL, DATA)
    twice = memory_of(run_of("full", resources={"gradient_checkpointing": True}), MODEL, DATA)
    assert full.optimizer == pytest.approx(2 * plain.optimizer)
    assert twice.activations < 0.5 * full.activations
    assert full.weights == twice.weights


def test_adapters_train_few_weights() -> None:
    assert trained_parameters(run_of("full"), MODEL) == MODEL.parameters
    assert trained_parameters(run_of("lora"), MODEL) == 6 * 2 * 2 * 384 * 8
    assert trained_parameters(run_of("frozen"), MODEL) < 1000


def test_a_language_model_also_holds_its_logits() -> None:
    writer = replace(MODEL, kind="causal_lm")
    assert memory_of(run_of(), writer, DATA).activations > memory_of(run_of(), MODEL, DATA).activations


@pytest.mark.parametrize("kind", ["cnn1d", "mlp", "lstm"])
def test_nets_are_counted_as_torch_counts_them(kind: str) -> None:
    from runyard.train.nets import NETS

    config = parse_run_config({"model": {"model_type": kind}, "training_data": {"source": "watch"}})
    extra = {"steps": 20} if kind == "mlp" else {}
    net = NETS[kind](inputs=6, classes=10, dropout=0.0, **extra, **config.model.model_dump(exclude={"model_type"}))
    counted = sum(parameter.numel() for parameter in net.parameters())
    assert net_parameters(config, steps=20, channels=6, classes=10) == pytest.approx(counted, rel=0.02)


def test_work_is_tokens_of_texts_and_windows_of_series() -> None:
    assert work(run_of(), MODEL, DATA) == pytest.approx(800 * (398 / 4 + 2) * 2)
    assert work(run_of(training_data={"source": "reviews", "max_examples": 100}), MODEL, DATA) == pytest.approx(
        80 * 101.5 * 2
    )
    net = parse_run_config(
        {
            "model": {"model_type": "cnn1d"},
            "training_data": {"source": "watch", "window": 100, "stride": 50, "validation_split": 0.5},
            "hyperparameters": {"epochs": 3},
        }
    )
    series = DataFacts("watch", "series", 10, steps=200, channels=6)
    assert work(net, None, series) == 5 * 3 * 3
    assert work(net, None, None) is None


def test_without_a_run_like_it_the_range_is_wide_and_says_so() -> None:
    found = estimate(run_of(), CPU, MODEL, DATA, [])
    assert found.seconds is not None
    assert found.seconds_low is not None
    assert found.seconds_high is not None
    assert found.seconds_high > 10 * found.seconds_low
    assert "arithmetic" in found.basis


def test_runs_like_it_say_more_than_arithmetic_and_three_more_than_one() -> None:
    paces = [Pace(1000.0, 10.0), Pace(1100.0, 11.0), Pace(900.0, 9.0)]
    one, three = (estimate(run_of(), CPU, MODEL, DATA, found) for found in (paces[:1], paces))
    assert three.seconds == pytest.approx(800 * 101.5 * 2 / 1000 + 10)
    assert three.runs == 3
    assert "3 earlier runs" in three.basis
    assert one.seconds_high is not None
    assert three.seconds_high is not None
    assert three.seconds_high < one.seconds_high
    assert three.seconds_low < three.seconds < three.seconds_high  # type: ignore[operator]


def test_data_of_unknown_size_give_no_time() -> None:
    found = estimate(run_of(), CPU, MODEL, replace(DATA, examples=None), [])
    assert found.seconds is None
    assert found.memory.total > 0.5
