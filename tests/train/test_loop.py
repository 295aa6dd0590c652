"""The loop: accumulation, early stopping, clipping, divergence, checkpoints inside, and that it repeats itself."""

from __future__ import annotations

import math
from typing import Any, get_args

import numpy as np
import pytest
import torch

from runyard.config.losses import Loss
from runyard.config.optimizers import Optimizer
from runyard.config.schedules import Schedule, lr_at
from runyard.train.callbacks import Action, Quiet
from runyard.train.outcome import Diverged


def values(curve: dict[int, float]) -> list[float]:
    return [value for _, value in sorted(curve.items())]


def test_same_config_and_seed_give_the_same_journal_but_for_times(bench: Any, waves: dict[str, Any]) -> None:
    config = {**waves, "seed": 3, "epochs": 2, "dropout": 0.4}
    (first, one), (second, other) = bench.fit(**config), bench.fit(**config)
    assert one.epochs() == other.epochs()
    assert one.curve("train/loss") == other.curve("train/loss")
    for a, b in zip(first.built.model.state_dict().values(), second.built.model.state_dict().values(), strict=True):
        assert torch.equal(a, b)
    _, third = bench.fit(**{**config, "seed": 4})
    assert third.curve("train/loss") != one.curve("train/loss")


def test_an_epoch_event_has_all_columns(bench: Any, waves: dict[str, Any]) -> None:
    _, story = bench.fit(**waves, epochs=2, batch_size=10, optimization={"early_stopping": {"monitor": "accuracy"}})
    epoch = story.of("epoch")[1]
    assert {"train_loss", "val_loss", "epoch_seconds", "learning_rate", "gradient_norm", "memory_gb"} <= set(epoch)
    assert (epoch["epoch"], epoch["step"], epoch["samples"]) == (2, 20, 96)
    scores = {metric["name"]: metric["value"] for metric in epoch["metrics"]}
    assert set(scores) == {"accuracy", "f1_macro"}
    assert epoch["val_metric"] == scores["accuracy"]
    assert 0 <= epoch["cpu_utilization"] <= 1
    planned = story.of("planned")[0]
    assert (planned["total_steps"], planned["dataset_size"], planned["validation_size"]) == (20, 96, 24)
    fractions = [event["epoch"] for event in story.of("metrics")]
    assert fractions == pytest.approx([step / 10 for step in range(1, 21)])


def kinds(choice: Any) -> list[str]:
    """Return the names of the parts that a configuration may choose from."""
    return [part.model_fields["kind"].default for part in get_args(get_args(choice)[0])]


RATES = {"adadelta": 1.0, "adafactor": 0.03, "adagrad": 0.05, "radam": 0.1, "sgd": 0.03}
OPTIONS: dict[str, dict[str, Any]] = {
    "sgd": {"momentum": 0.9},
    "leak_aware": {"leak_classes": ["1"]},
    "expected_cost": {"costs": {"1": {"0": 2.0}}},
}


@pytest.mark.parametrize("kind", kinds(Optimizer))
def test_every_optimizer_learns(bench: Any, waves: dict[str, Any], kind: str) -> None:
    optimization = {"optimizer": {"kind": kind, **OPTIONS.get(kind, {})}}
    _, story = bench.fit(**waves, epochs=15, learning_rate=RATES.get(kind, 0.01), optimization=optimization)
    losses = [epoch["val_loss"] for epoch in story.epochs()]
    assert losses[-1] < 0.75 * losses[0]


@pytest.mark.parametrize("kind", kinds(Loss))
def test_every_loss_teaches(bench: Any, waves: dict[str, Any], kind: str) -> None:
    optimization = {"loss": {"kind": kind, **OPTIONS.get(kind, {})}}
    _, story = bench.fit(**waves, epochs=15, learning_rate=0.01, optimization=optimization)
    scores = [next(m["value"] for m in epoch["metrics"] if m["name"] == "accuracy") for epoch in story.epochs()]
    assert scores[-1] > 0.8
    losses = [epoch["train_loss"] for epoch in story.epochs()]
    assert losses[-1] < 0.7 * losses[0]


@pytest.mark.parametrize("kind", kinds(Schedule))
def test_every_schedule_is_followed(bench: Any, waves: dict[str, Any], kind: str) -> None:
    optimization = {"schedule": {"kind": kind}}
    warmup = 0 if kind == "one_cycle" else 3  # which is its own
    loop, story = bench.fit(**waves, epochs=2, warmup_steps=warmup, learning_rate=0.01, optimization=optimization)
    schedule, rates = loop.loop.config.optimization.schedule, values(story.curve("train/learning_rate"))
    assert rates == [lr_at(schedule, step, base=0.01, warmup=warmup, total=len(rates)) for step in range(len(rates))]


def test_a_plateau_lowers_the_rate_by_torchs_rule(bench: Any, waves: dict[str, Any]) -> None:
    """With a gain asked for that nobody can make, every epoch but the first is one without a gain."""
    plateau = {"enabled": True, "patience": 1, "factor": 0.5, "threshold": 1e5}
    optimization = {"schedule": "constant", "reduce_on_plateau": plateau, "early_stopping": False}
    _, story = bench.fit(**waves, epochs=7, learning_rate=0.01, optimization=optimization)
    expected = [0.01, 0.01, 0.01, 0.005, 0.005, 0.0025, 0.0025]
    assert [epoch["learning_rate"] for epoch in story.epochs()] == pytest.approx(expected)


def test_accumulation_is_exact_for_uneven_batches(bench: Any, waves: dict[str, Any]) -> None:
    """The weighted mean over 16 examples is not the mean of the means over 4: counts differ by the classes."""
    common = {
        **waves,
        "epochs": 2,
        "dropout": 0.0,
        "optimization": {
            "loss": {"class_weights": {"0": 1.0, "1": 5.0}},
            "gradient_clipping": None,
            "optimizer": "sgd",
        },
    }
    _, whole = bench.fit(**common, batch_size=16)
    _, parts = bench.fit(**common, batch_size=4, gradient_accumulation=4)
    for name in ("train/loss", "train/gradient_norm", "train/learning_rate"):
        assert values(parts.curve(name)) == pytest.approx(values(whole.curve(name)), rel=2e-5)


def test_beside_the_norm_of_a_whole_batch_that_of_its_first_part_is_told(bench: Any, waves: dict[str, Any]) -> None:
    """From both follows the critical batch size; a group that is cut short by the end of the epoch tells none."""
    sgd = {"optimizer": "sgd", "loss": {"class_weights": {"0": 1.0, "1": 5.0}}}
    common = {**waves, "epochs": 1, "dropout": 0.0, "optimization": sgd}
    _, single = bench.fit(**common, batch_size=20)
    _, parts = bench.fit(**common, batch_size=20, gradient_accumulation=2)
    assert parts.curve("train/gradient_norm").keys() == {1, 2, 3}  # 96 examples: 40, 40, and 16 alone
    assert parts.curve("train/gradient_norm_small").keys() == {1, 2}
    first = parts.curve("train/gradient_norm_small")[1]
    assert first == pytest.approx(single.curve("train/gradient_norm")[1], rel=1e-5)
    assert first != pytest.approx(parts.curve("train/gradient_norm")[1], rel=1e-3)
    assert single.curve("train/gradient_norm_small") == {}


def test_clipping_limits_the_step_but_not_the_norm_that_is_told(bench: Any, waves: dict[str, Any]) -> None:
    common = {**waves, "epochs": 1, "learning_rate": 0.5, "dropout": 0.0}
    sgd = {"optimizer": "sgd", "schedule": "constant"}
    network, story = bench.fit(**common, optimization={**sgd, "gradient_clipping": 1e-6})
    fresh = bench.loop(bench.prepare(**common)).built.model.state_dict()
    moved = sum((network.built.model.state_dict()[k] - v).norm().item() for k, v in fresh.items())
    assert moved < 1e-4
    assert min(values(story.curve("train/gradient_norm"))) > 1e-3


def test_early_stopping_brings_the_best_weights_back(bench: Any, waves: dict[str, Any]) -> None:
    """Labels that mean nothing can only be learnt by heart: the validation loss rises soon."""
    random = np.random.default_rng(1)
    data = {"X": random.normal(size=(60, 24, 2)), "y": random.integers(0, 2, 60)}
    np.savez(bench.yard.datasets / "noise.npz", **data)
    network, story = bench.fit(
        model=waves["model"],
        training_data={"source": "noise"},
        epochs=30,
        learning_rate=0.05,
        optimization={"schedule": "constant", "early_stopping": {"patience": 2}},
    )
    epochs = story.epochs()
    losses = [epoch["val_loss"] for epoch in epochs]
    stop = story.of("early_stop")[0]
    best = losses.index(min(losses)) + 1
    assert (stop["epoch"], stop["best_epoch"], stop["patience"]) == (len(epochs), best, 2)
    assert best < len(epochs) < 30
    assert network.loop.validate()["val_loss"] == pytest.approx(min(losses), rel=1e-6)


def test_patience_counts_gains_of_less_than_the_threshold_as_none(bench: Any, waves: dict[str, Any]) -> None:
    _, story = bench.fit(**waves, epochs=9, optimization={"early_stopping": {"patience": 2, "threshold": 99}})
    assert len(story.epochs()) == 3
    assert story.of("early_stop")[0]["best_epoch"] == 3


def test_a_loss_that_is_not_finite_ends_the_run_and_is_told(bench: Any, waves: dict[str, Any]) -> None:
    optimization = {"optimizer": "sgd", "gradient_clipping": None, "schedule": "constant"}
    folder = bench.prepare(**waves, epochs=50, learning_rate=10, optimization=optimization)
    network = bench.loop(folder)
    with torch.no_grad():
        network.built.model.head.weight.mul_(1e37)
    with pytest.raises(Diverged) as caught:
        network.loop.run()
    story = bench.story(folder)
    step, loss = max(story.curve("train/loss").items())
    assert not math.isfinite(loss) or not math.isfinite(story.curve("train/gradient_norm")[step])
    assert f"step {step} of epoch 1" in caught.value.message
    assert "learning rate 10" in caught.value.message
    for advice in ("about 1", "warm-up", "clipping at 1.0"):
        assert advice in caught.value.hint


def test_a_validation_loss_that_is_not_finite_is_no_early_stop(bench: Any, waves: dict[str, Any]) -> None:
    class Spoiler(Quiet):
        """Spoil the weights before the second validation, at which patience ends."""

        def after_step(self, progress: Any) -> Action:
            if progress.step == 2 * network.loop.steps_per_epoch:
                with torch.no_grad():
                    network.built.model.head.weight.fill_(math.nan)
            return Action.NOTHING

    optimization = {"early_stopping": {"patience": 1, "threshold": 99}}
    folder = bench.prepare(**waves, epochs=9, optimization=optimization)
    network = bench.loop(folder, extra=[Spoiler()])
    with pytest.raises(Diverged, match=r"The validation loss is not finite at step .* of epoch 2 "):
        network.loop.run()
    assert not network.loop.progress.stopped
    assert bench.story(folder).of("early_stop") == []


def test_validation_and_checkpoints_inside_an_epoch(bench: Any, waves: dict[str, Any]) -> None:
    optimization = {"validation_frequency": 4, "checkpoint_frequency": 5, "keep_checkpoints": 99}
    _, story = bench.fit(**waves, epochs=2, batch_size=10, optimization=optimization)
    assert sorted(story.curve("validation/val_loss")) == [4, 8, 12, 16]
    assert [event["step"] for event in story.of("checkpoint")] == [5, 10, 15, 20]
    _, plain = bench.fit(**waves, epochs=2, batch_size=10)
    assert story.curve("train/loss") == plain.curve("train/loss")


def test_steps_can_be_thinned(bench: Any, waves: dict[str, Any]) -> None:
    monitoring = {"log_every_steps": 4, "track_gradients": False}
    _, story = bench.fit(**waves, epochs=1, batch_size=10, monitoring=monitoring)
    assert sorted(story.curve("train/loss")) == [4, 8]
    assert story.curve("train/gradient_norm") == {}


def test_mixed_precision_computes_nearly_the_same(bench: Any, waves: dict[str, Any]) -> None:
    _, full = bench.fit(**waves, epochs=1, dropout=0.0)
    _, mixed = bench.fit(**waves, epochs=1, dropout=0.0, optimization={"mixed_precision": True})
    assert values(mixed.curve("train/loss")) == pytest.approx(values(full.curve("train/loss")), rel=0.03)
    has = torch.ops.mkldnn._is_mkldnn_bf16_supported()
    assert bool(mixed.of("notice")) is not has
    assert (mixed.curve("train/loss") != full.curve("train/loss")) is has


def test_stand_in_data_are_called_so(bench: Any) -> None:
    data = {"source": "sklearn-digits", "max_examples": 60}
    _, story = bench.fit(model={"model_type": "cnn1d", "channels": [8]}, training_data=data, epochs=1)
    planned = story.of("planned")[0]
    assert planned["dataset_id"] == "sklearn-digits"
    assert "stand-in" in planned["dataset_note"]
    assert len(planned["classes"]) == 10
