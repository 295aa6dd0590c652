"""Layers: in their order, what is measured of them, frozen and unfrozen, and their mean."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from runyard.core.errors import Invalid
from runyard.train.layer_watch import described, sampled
from runyard.train.layers import layers_of
from runyard.train.nets import Cnn1d, Lstm

OFTEN = {
    "layer_norm_frequency": 3,
    "gradient_histogram_frequency": 4,
    "weight_histogram_frequency": 6,
    "track_activations": True,
    "activation_histogram_frequency": 5,
}


def names(model: nn.Module) -> list[str]:
    return [layer.name for layer in layers_of(model)]


def test_layers_go_from_the_input_to_the_head_and_norms_belong_to_what_they_follow() -> None:
    assert names(Cnn1d(2, 3, [8, 8])) == ["layers.0", "layers.5", "head"]
    assert names(Lstm(2, 3, 4, depth=2, bidirectional=True)) == ["layers.l0", "layers.l1", "head"]
    assert names(nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1))) == ["0", "2"]
    assert sum(len(layer.parameters) for layer in layers_of(Cnn1d(2, 3, [8, 8]))) == 10


def test_an_encoder_has_its_embeddings_and_blocks_and_adapters_are_named_as_what_they_adapt(
    bench: Any, reviews: dict[str, Any], encoder: Any
) -> None:
    model = {"model_type": "text_encoder", "base_model": encoder.name}
    config = {**reviews, "model": model, "epochs": 1, "max_length": 16}
    full = bench.loop(bench.prepare(**config, method="full")).built.model
    assert names(full) == ["encoder.embeddings", "encoder.encoder.layer.0", "head"]
    adapted = bench.loop(bench.prepare(**config, method="lora")).built.model
    assert names(adapted) == ["encoder.encoder.layer.0", "head"]


def test_a_histogram_is_that_of_numpy_and_passes_over_what_is_not_finite() -> None:
    values = torch.randn(5000, generator=torch.Generator().manual_seed(1))
    found = described(torch.cat([values, torch.tensor([math.nan, math.inf])]))
    assert found is not None
    counts, edges = np.histogram(values.numpy(), bins=32)
    assert (found["low"], found["high"]) == pytest.approx((edges[0], edges[-1]))
    # histc rounds otherwise at an edge: a value may be in the next bin.
    assert np.abs(np.array(found["counts"]) - counts).max() <= 2
    assert sum(found["counts"]) == 5000
    assert (found["mean"], found["deviation"]) == pytest.approx((values.mean().item(), values.numpy().std()), abs=1e-6)
    alone = described(torch.zeros(7))
    assert alone is not None
    assert (alone["low"], alone["high"], alone["counts"], alone["zeros"]) == (0.0, 0.0, [7], 1.0)
    assert described(torch.tensor([math.nan])) is None


def test_a_sample_is_even_and_small_whatever_the_layer() -> None:
    large = torch.arange(1_000_000.0)
    found = sampled([large, large])
    assert 4096 <= len(found) <= 4110
    assert found.max() > 990_000


def test_what_is_due_is_written_and_the_training_is_the_same(bench: Any, waves: dict[str, Any]) -> None:
    config = {**waves, "epochs": 1, "batch_size": 8, "optimization": {"gradient_clipping": 1e-3}}
    network, story = bench.fit(**config, monitoring=OFTEN)
    layers = ["layers.0", "layers.5", "head"]
    assert names(network.built.model) == layers
    written = {
        kind: sorted(
            {event["step"] for event in story.of("histograms") for row in event["histograms"] if row["kind"] == kind}
        )
        for kind in ("gradient", "weight", "activation")
    }
    assert written == {"gradient": [4, 8, 12], "weight": [6, 12], "activation": [5, 10]}
    first = next(event for event in story.of("histograms") if event["step"] == 4)
    assert [(row["place"], row["layer"]) for row in first["histograms"]] == list(enumerate(layers, start=1))
    parts = [story.curve(f"gradient_norm/{layer}") for layer in layers]
    assert [sorted(part) for part in parts] == [[3, 6, 9, 12]] * 3
    whole = story.curve("train/gradient_norm")
    for step in (3, 6, 9, 12):  # the norm of the whole is that of the norms of its layers, before clipping
        assert math.hypot(*(part[step] for part in parts)) == pytest.approx(whole[step], rel=1e-5)
    _, plain = bench.fit(**config, monitoring={"layer_norm_frequency": 0, "gradient_histogram_frequency": 0})
    assert plain.curve("train/loss") == story.curve("train/loss")
    assert plain.of("histograms") == []


BODY, HEAD = ("layers.0.weight", "layers.5.weight"), "head.weight"


@pytest.mark.parametrize(
    ("freezing", "trained", "said"),
    [
        ({"frozen_layers": 1}, [[BODY[1], HEAD]] * 3, []),
        ({"unfreeze_every": 1}, [[HEAD], [BODY[1], HEAD], [*BODY, HEAD]], ["layers.5", "layers.0"]),
        ({"unfreeze_every": 2, "frozen_layers": 1}, [[BODY[1], HEAD], [BODY[1], HEAD], [*BODY, HEAD]], ["layers.0"]),
    ],
)
def test_frozen_layers_stay_as_they_are_and_thaw_from_the_output(
    bench: Any, waves: dict[str, Any], freezing: dict[str, int], trained: list[list[str]], said: list[str]
) -> None:
    folder = bench.prepare(**waves, epochs=3, optimization={"freezing": freezing, "optimizer": "sgd"})
    network = bench.loop(folder)
    before = {name: tensor.clone() for name, tensor in network.built.model.state_dict().items()}
    moved: list[list[str]] = []
    finish = network.loop._finish_epoch

    def watched(*arguments: Any) -> None:
        state = network.built.model.state_dict()
        moved.append([name for name in (*BODY, HEAD) if not torch.equal(state[name], before[name])])
        finish(*arguments)

    network.loop._finish_epoch = watched
    network.loop.run()
    assert moved == trained
    messages = [event["message"] for event in bench.story(folder).of("notice")]
    assert messages == [f"From this epoch on {layer} is trained." for layer in said]


def test_more_layers_than_there_are_cannot_be_frozen(bench: Any, waves: dict[str, Any]) -> None:
    with pytest.raises(Invalid, match="3 layers cannot be frozen: this model trains 2 and head") as caught:
        bench.fit(**waves, epochs=1, optimization={"freezing": {"frozen_layers": 3}})
    assert "layers.0, layers.5, head" in caught.value.hint


def test_the_mean_is_validated_and_saved_and_equals_torchs(bench: Any, waves: dict[str, Any]) -> None:
    ema = {"enabled": True, "decay": 0.8}
    folder = bench.prepare(**waves, epochs=2, optimization={"ema": ema}, evaluation={"save_best_model": False})
    network = bench.loop(folder)
    reference = torch.optim.swa_utils.AveragedModel(
        network.built.model, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.8)
    )
    update = network.loop._average.update

    def both() -> None:
        update()
        reference.update_parameters(network.built.model)

    network.loop._average.update = both
    network.loop.run()
    saved, wanted = network.built.model.state_dict(), reference.module.state_dict()
    for name, _ in network.built.model.named_parameters():
        assert torch.allclose(saved[name], wanted[name], atol=1e-6), name
    last = bench.story(folder).epochs()[-1]["val_loss"]
    assert network.loop.validate()["val_loss"] == pytest.approx(last, rel=1e-5)
    _, plain = bench.fit(**waves, epochs=2, evaluation={"save_best_model": False})
    assert plain.curve("train/loss") == bench.story(folder).curve("train/loss")
    assert plain.epochs()[-1]["val_loss"] != last


@pytest.mark.parametrize("step", [3, 14, 20])
def test_a_run_with_a_mean_and_unfreezing_resumes_bit_by_bit(
    bench: Any, waves: dict[str, Any], killer: Callable[..., Any], step: int
) -> None:
    config = {
        **waves, "epochs": 4, "batch_size": 16, "dropout": 0.3,
        "optimization": {
            "ema": {"enabled": True, "decay": 0.9}, "freezing": {"unfreeze_every": 1}, "checkpoint_frequency": 4,
            "early_stopping": {"patience": 9},
        },
    }  # fmt: skip
    unbroken, story = bench.fit(**config)
    folder = bench.prepare(**config)
    with pytest.raises(BaseException, match=r"^$"):
        bench.loop(folder, extra=[killer(step)]).loop.run()
    second = bench.loop(folder, attempt=2)
    second.loop.resume()
    second.loop.run()
    resumed = bench.story(folder)
    assert resumed.epochs() == story.epochs()
    assert resumed.curve("train/loss") == story.curve("train/loss")
    ours, theirs = second.built.model.state_dict(), unbroken.built.model.state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_the_best_k_and_the_last_checkpoints_are_kept(bench: Any, waves: dict[str, Any]) -> None:
    optimization = {"keep_best": 2, "keep_checkpoints": 1, "checkpoint_frequency": 0}
    folder = bench.prepare(**waves, epochs=6, learning_rate=0.05, optimization=optimization)
    network = bench.loop(folder)
    network.loop.run()
    losses = {event["step"]: event["val_loss"] for event in bench.story(folder).of("epoch")}
    best = sorted(losses, key=lambda step: losses[step])[:2]
    kept = {int(path.name.split("-")[1]) for path in folder.checkpoints.iterdir()}
    assert kept == {*best, max(losses)}
