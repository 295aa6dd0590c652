"""A run that was killed and resumed equals one that was never stopped, bit by bit."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Any

import pytest
import speech
import torch

from runyard.config.run import load_run_config, to_yaml, with_changes

HARD: dict[str, Any] = {
    "dropout": 0.3,
    "gradient_accumulation": 2,
    "warmup_steps": 7,
    "weight_decay": 0.01,
    "optimization": {
        "schedule": "cosine",
        "gradient_clipping": 0.3,
        "checkpoint_frequency": 9,
        "reduce_on_plateau": {"enabled": True, "patience": 0, "threshold": 1e5},
    },
}


def assert_equal_stories(resumed: Any, unbroken: Any) -> None:
    assert resumed.epochs() == unbroken.epochs()
    for name in ("train/loss", "train/gradient_norm", "train/learning_rate"):
        assert resumed.curve(name) == unbroken.curve(name)


def test_sigkill_and_resume_in_real_processes(bench: Any, waves: dict[str, Any]) -> None:
    config = {**waves, **HARD, "batch_size": 2, "epochs": 6}
    whole = bench.prepare(**config)
    code, unbroken = bench.finish(whole)
    assert (code, unbroken.ended["status"]) == (0, "completed")

    broken = bench.prepare(**config)
    assert bench.kill(broken, 1, steps=31) == -signal.SIGKILL
    assert bench.kill(broken, 2, steps=40) == -signal.SIGKILL
    code, resumed = bench.finish(broken, attempt=3, fresh=True)
    assert (code, resumed.ended["status"]) == (0, "completed")

    assert_equal_stories(resumed, unbroken)
    assert len(resumed.of("metrics")) > len(unbroken.of("metrics"))
    weights = "model.safetensors"
    assert (broken.model / weights).read_bytes() == (whole.model / weights).read_bytes()
    assert resumed.ended["model_sha256"] == unbroken.ended["model_sha256"]
    assert [event["attempt"] for event in resumed.of("started")] == [1, 2, 3]


@pytest.mark.parametrize("step", [1, 5, 14, 16, 23])
def test_a_cnn_killed_at_any_step(bench: Any, waves: dict[str, Any], killer: Callable[..., Any], step: int) -> None:
    config = {**waves, **HARD, "batch_size": 8, "epochs": 4}
    resumed_equals_unbroken(bench, config, killer, step)


@pytest.mark.parametrize(("method", "optimizer"), [("lora", "adamw"), ("full", "muon"), ("frozen", "adafactor")])
def test_an_encoder_killed_within_an_epoch(
    bench: Any, reviews: dict[str, Any], encoder: Any, killer: Callable[..., Any], method: str, optimizer: str
) -> None:
    model = {"model_type": "text_encoder", "base_model": encoder.name, "lora": {"dropout": 0.2}}
    config = {**reviews, **HARD, "model": model, "method": method, "batch_size": 3, "epochs": 3, "max_length": 16}
    config["optimization"] = {**HARD["optimization"], "optimizer": optimizer}
    resumed_equals_unbroken(bench, config, killer, 17)


@pytest.mark.parametrize("method", ["lora", "full"])
def test_a_language_model_killed_within_an_epoch(
    bench: Any, tmp_path: Any, killer: Callable[..., Any], method: str
) -> None:
    speech.save_model(bench.yard.models / "tiny-chat", tied=True)
    speech.write_rows(bench.yard.datasets / "colours.jsonl", speech.messages())
    model = {"model_type": "causal_lm", "base_model": "tiny-chat", "lora": {"dropout": 0.2 * (method == "lora")}}
    config = {**HARD, "model": model, "training_data": {"source": "colours"}, "method": method, "batch_size": 2}
    config = {**config, "epochs": 3, "max_length": 64, "evaluation": {"metrics": ["perplexity", "bleu"]}}
    del config["dropout"]
    resumed_equals_unbroken(bench, config, killer, 17)


def resumed_equals_unbroken(bench: Any, config: dict[str, Any], killer: Callable[..., Any], step: int) -> None:
    unbroken, story = bench.fit(**config)
    folder = bench.prepare(**config)
    with pytest.raises(BaseException, match=r"^$") as caught:
        bench.loop(folder, extra=[killer(step)]).loop.run()
    assert type(caught.value).__name__ == "Killed"
    second = bench.loop(folder, attempt=2)
    assert second.loop.resume() is (step > 9)
    second.loop.run()
    assert_equal_stories(bench.story(folder), story)
    ours, theirs = second.built.model.state_dict(), unbroken.built.model.state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_a_run_that_stopped_early_and_died_says_so_again(
    bench: Any, waves: dict[str, Any], killer: Callable[..., Any]
) -> None:
    config = {**waves, "epochs": 9, "optimization": {"early_stopping": {"patience": 1, "threshold": 99}}}
    folder = bench.prepare(**config)
    bench.loop(folder).loop.run()
    again = bench.loop(folder, attempt=2)
    assert again.loop.resume()
    again.loop.run()
    assert [event["epoch"] for event in bench.story(folder).of("early_stop")] == [2, 2]


@pytest.mark.parametrize(
    ("rule", "epochs"),
    [
        ({"monitor": "accuracy", "mode": "max", "patience": 9}, 9),
        ({"patience": 4, "threshold": 99}, 5),
        ({"patience": 2, "threshold": 99}, 3),
    ],
    ids=["another measure", "more patience", "the same rule"],
)
def test_a_changed_rule_lets_a_run_that_stopped_early_go_on(
    bench: Any, waves: dict[str, Any], rule: dict[str, Any], epochs: int
) -> None:
    folder = bench.prepare(**waves, epochs=9, optimization={"early_stopping": {"patience": 2, "threshold": 99}})
    bench.loop(folder).loop.run()
    folder.config.write_text(
        to_yaml(with_changes(load_run_config(folder.config), {"optimization": {"early_stopping": rule}}))
    )
    again = bench.loop(folder, attempt=2).loop
    assert again.resume()
    again.run()
    assert again.progress.epoch == epochs


def test_a_fork_of_a_run_that_stopped_early_trains_on(bench: Any, waves: dict[str, Any]) -> None:
    config = {**waves, "epochs": 9, "optimization": {"early_stopping": {"patience": 2, "threshold": 99}}}
    first, fork = bench.prepare(**config), bench.prepare(**config)
    bench.loop(first).loop.run()
    first.checkpoints.rename(fork.checkpoints)
    loop = bench.loop(fork).loop
    assert loop.resume()
    before = loop.progress.epoch
    loop.run()
    assert loop.progress.epoch > before
