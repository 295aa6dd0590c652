"""The nets for series: each learns, resumes bit by bit, and is loaded again by torch alone."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from runyard.train import nets
from runyard.train.saved import load_saved
from runyard.train.suites import held_out

MODELS: dict[str, dict[str, Any]] = {
    "cnn1d": {"channels": [8, 8], "kernel_size": 3},
    "mlp": {"widths": [16, 8]},
    "lstm": {"hidden": 8, "depth": 2, "bidirectional": True},
}
EVERY = pytest.mark.parametrize("kind", nets.NETS)


@EVERY
def test_a_net_learns_and_is_what_was_saved(bench: Any, waves: dict[str, Any], kind: str) -> None:
    config = {**waves, "model": {"model_type": kind, **MODELS[kind]}, "epochs": 12, "learning_rate": 0.01}
    network, story = bench.fit(**config)
    best = min(story.epochs(), key=lambda epoch: epoch["val_loss"])
    assert next(metric["value"] for metric in best["metrics"] if metric["name"] == "accuracy") > 0.85

    folder = bench.yard.home / "saved"
    folder.mkdir()
    model = network.built.model.eval()
    network.built.save(model, folder)
    spec = importlib.util.spec_from_file_location("theirs", folder / "nets.py")
    assert spec is not None
    assert spec.loader is not None
    theirs = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(theirs)
    about = json.loads((folder / "config.json").read_text())
    again = theirs.NETS[about["model_type"]](**about["architecture"]).eval()
    again.load_state_dict(load_file(folder / "model.safetensors"))
    _, steps, channels = about["input"]["shape"]
    series = torch.from_numpy(np.random.default_rng(1).normal(size=(5, steps, channels)).astype(np.float32))
    with torch.no_grad():
        assert torch.equal(again(series), model(series))


@EVERY
def test_a_net_killed_within_an_epoch_goes_on_bit_by_bit(
    bench: Any, waves: dict[str, Any], killer: Callable[..., Any], kind: str
) -> None:
    config = {
        **waves,
        "model": {"model_type": kind, **MODELS[kind]},
        "epochs": 3,
        "batch_size": 8,
        "dropout": 0.3,
        "optimization": {"checkpoint_frequency": 5},
    }
    unbroken, story = bench.fit(**config)
    folder = bench.prepare(**config)
    with pytest.raises(BaseException, match=r"^$"):
        bench.loop(folder, extra=[killer(17)]).loop.run()
    resumed = bench.loop(folder, attempt=2)
    assert resumed.loop.resume()
    resumed.loop.run()
    assert bench.story(folder).epochs() == story.epochs()
    ours, theirs = resumed.built.model.state_dict(), unbroken.built.model.state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


@EVERY
def test_long_series_of_four_uneven_classes(bench: Any, kind: str) -> None:
    """Shape (1024, 9), as an acoustic sensor gives them; the rare classes are found because they weigh more."""
    random = np.random.default_rng(2)
    y = np.repeat([0, 1, 2, 3], [48, 24, 12, 12])
    raised = np.kron(np.eye(4, 5), np.ones(2))[:, :9]  # each class lifts two channels of its own
    x = random.normal(0, 1.0, (len(y), 1024, 9)) + 2 * raised[y][:, None, :]
    np.savez(
        bench.yard.datasets / "pipes.npz", X=x.astype(np.float32), y=np.array(["tight", "drip", "leak", "burst"])[y]
    )
    network, story = bench.fit(
        model={"model_type": kind, **MODELS[kind]},
        training_data={"source": "pipes", "window": 1024},
        epochs=5,
        learning_rate=0.005,
        batch_size=8,
        optimization={"loss": {"kind": "cross_entropy", "class_weights": "balanced"}},
    )
    assert story.of("planned")[0]["classes"] == ["burst", "drip", "leak", "tight"]
    assert network.built.model(torch.zeros(2, 1024, 9)).shape == (2, 4)
    scores = [next(m["value"] for m in epoch["metrics"] if m["name"] == "f1_macro") for epoch in story.epochs()]
    assert max(scores) > 0.65


def test_a_recurrent_run_is_benchmarked_from_its_files(bench: Any, waves: dict[str, Any]) -> None:
    folder = bench.prepare(**{**waves, "model": {"model_type": "lstm", "hidden": 8}, "epochs": 2})
    code, story = bench.finish(folder)
    assert code == 0, folder.log.read_text()
    from runyard.config.run import load_run_config

    suite = held_out(load_run_config(folder.config), bench.yard)
    model = load_saved(folder.model, story.ended["model_sha256"])
    said = model.shares(suite.inputs).argmax(axis=1)
    right = np.mean([model.classes[number] == label for number, label in zip(said, suite.labels, strict=True)])
    scored = {event["metric"]: event["accuracy_score"] for event in story.of("benchmark")}
    assert scored["accuracy"] == pytest.approx(right)
