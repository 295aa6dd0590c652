"""Transfers: what is taken over, what begins anew, and the scores before the first step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from runyard.core.errors import Invalid


@pytest.fixture
def source(bench: Any, waves: dict[str, Any], learned: Any) -> Any:
    """The folder of a run that learned the waves."""
    return learned(bench, **waves, agent="teacher", epochs=8, learning_rate=0.01)


def other_waves(bench: Any, classes: int) -> dict[str, Any]:
    """Noisier waves of the same two kinds, or of three."""
    random = np.random.default_rng(11)
    count, steps = 90, 24
    y = np.arange(count) % classes
    time_ = np.arange(steps) * np.array([0.5, 0.9, 1.5])[y][:, None]
    x = 3 * np.stack([np.sin(time_), np.cos(time_)], axis=-1) + random.normal(0, 2.0, (count, steps, 2))
    np.savez(bench.yard.datasets / "others.npz", X=x.astype(np.float32), y=y)
    return {"training_data": {"source": "others"}, "agent": "pupil", "epochs": 2}


@pytest.mark.parametrize("classes", [2, 3])
def test_the_body_is_taken_over_and_the_head_where_the_classes_agree(
    bench: Any, waves: dict[str, Any], source: Any, classes: int
) -> None:
    config = {**waves, **other_waves(bench, classes), "start_from": source.path.name}
    network = bench.loop(bench.prepare(**config))
    theirs, ours = load_file(source.model / "model.safetensors"), network.built.model.state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs if name.startswith("layers."))
    same = classes == 2
    assert (
        torch.equal(ours["head.weight"], theirs["head.weight"]) is same if same else ours["head.weight"].shape[0] == 3
    )
    assert not torch.allclose(ours["scale"], theirs["scale"], rtol=0.5), "these data are three times as large"
    said = network.built.transferred
    assert (said.source_run, said.source_agent, said.source_dataset) == (source.path.name, "teacher", "waves")
    assert (said.head, said.layers, said.tensors) == (same, 4 + same, 8 + 2 * same)


def test_the_scores_before_and_after_are_of_the_same_examples(bench: Any, waves: dict[str, Any], source: Any) -> None:
    scratch = {**waves, **other_waves(bench, 2)}
    code, story = bench.finish(folder := bench.prepare(**scratch, start_from=source.path.name))
    assert code == 0, folder.log.read_text()
    (said,) = story.of("transferred")
    before = {row["benchmark_name"]: row for row in said["benchmarks"]}
    after = {event["benchmark_name"]: event for event in story.of("benchmark")}
    assert before.keys() == after.keys()
    assert {row["model_version_id"] for row in before.values()} == {source.path.name}
    assert {event["model_version_id"] for event in after.values()} == {folder.path.name}
    (first,) = (row for row in before.values() if row["metric"] == said["metric"] == "accuracy")
    assert first["accuracy_score"] > 0.6, "it knew these waves beforehand"
    kinds = [event["k"] for event in story.events if event["k"] != "metrics"]
    assert kinds.index("transferred") < kinds.index("epoch")

    _, alone = bench.finish(bench.prepare(**scratch))
    assert story.epochs()[0]["train_loss"] < alone.epochs()[0]["train_loss"]
    assert alone.of("transferred") == []


def test_a_resumed_transfer_is_judged_once_and_equals_one_that_never_stopped(
    bench: Any, waves: dict[str, Any], source: Any
) -> None:
    config = {**waves, **other_waves(bench, 2), "start_from": source.path.name, "batch_size": 2, "epochs": 3}
    _, whole = bench.finish(bench.prepare(**config))
    folder = bench.prepare(**config, checkpoint_frequency=5)
    bench.kill(folder, 1, steps=50)
    code, resumed = bench.finish(folder, attempt=2)
    assert code == 0, folder.log.read_text()
    assert len(resumed.of("transferred")) == 1
    assert resumed.epochs() == whole.epochs()


@pytest.mark.parametrize("method", ["full", "lora", "frozen"])
def test_an_encoder_starts_from_the_one_that_was_saved(
    bench: Any, reviews: dict[str, Any], encoder: Path, learned: Any, method: str
) -> None:
    model = {"model_type": "text_encoder", "base_model": "tiny"}
    config = {**reviews, "model": model, "max_length": 16, "learning_rate": 0.02, "batch_size": 8}
    source = learned(bench, **config, method="full", epochs=6)
    best = min(epoch["val_loss"] for epoch in bench.story(source).epochs())
    network = bench.loop(bench.prepare(**config, method=method, epochs=1, start_from=source.path.name))
    assert network.loop.validate()["val_loss"] == pytest.approx(best, rel=1e-4), "nothing was learned or lost yet"
    assert network.built.transferred.head
    assert network.built.transferred.left_out == ()


def test_another_architecture_is_refused(bench: Any, waves: dict[str, Any], source: Any) -> None:
    model = {"model_type": "cnn1d", "channels": [16, 16], "kernel_size": 3}
    folder = bench.prepare(**{**waves, "model": model}, start_from=source.path.name)
    with pytest.raises(Invalid, match="another architecture"):
        bench.loop(folder)
    code, story = bench.finish(folder)
    assert (code, story.ended["error_kind"]) == (1, "invalid")


def test_a_source_that_was_changed_is_refused(bench: Any, waves: dict[str, Any], source: Any) -> None:
    (source.model / "model.safetensors").write_bytes(b"other weights")
    code, story = bench.finish(bench.prepare(**waves, start_from=source.path.name))
    assert (code, story.ended["error_kind"]) == (1, "corrupt")
