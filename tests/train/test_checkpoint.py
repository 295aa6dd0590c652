"""Checkpoints: whole or not there, the best one kept, a damaged one passed over with a word."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from runyard.config.run import load_run_config, to_yaml, with_changes
from runyard.train import checkpoint
from runyard.train.optimizers import put_state


def save(folder: Path, step: int, *, best: str = "", keep: int = 2) -> checkpoint.Saved:
    name = checkpoint.checkpoint_name(step)
    return checkpoint.save_checkpoint(folder, name, {"w": torch.full((3,), step)}, {"step": step}, best=best, keep=keep)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_newest_and_the_best_are_kept(tmp_path: Path) -> None:
    for step in range(1, 7):
        save(tmp_path, step, best="step-00000002" if step >= 2 else "")
    assert names(tmp_path) == ["step-00000002", "step-00000005", "step-00000006"]
    loaded = checkpoint.load_newest(tmp_path, pytest.fail)
    assert loaded is not None
    assert (loaded.state, loaded.weights["w"].tolist()) == ({"step": 6}, [6, 6, 6])


@pytest.mark.parametrize("file", ["model.safetensors", "state.pt", "manifest.json"])
@pytest.mark.parametrize("damage", ["flip", "cut", "remove"])
def test_a_damaged_newest_one_is_passed_over_with_a_word(tmp_path: Path, file: str, damage: str) -> None:
    save(tmp_path, 1)
    path = save(tmp_path, 2).path / file
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    if damage == "remove":
        path.unlink()
    else:
        path.write_bytes(bytes(data) if damage == "flip" else bytes(data[: len(data) // 2]))
    said: list[str] = []
    loaded = checkpoint.load_newest(tmp_path, said.append)
    assert loaded is not None
    assert loaded.name == "step-00000001"
    assert len(said) == 1
    assert "step-00000002" in said[0]


def test_the_newest_is_taken_up_without_its_best_where_that_is_damaged(tmp_path: Path) -> None:
    save(tmp_path, 1)
    save(tmp_path, 2, best="step-00000001")
    (tmp_path / "step-00000001" / "model.safetensors").write_bytes(b"")
    said: list[str] = []
    loaded = checkpoint.load_newest(tmp_path, said.append)
    assert loaded is not None
    assert loaded.name == "step-00000002"
    assert len(said) == 1
    assert "The best checkpoint step-00000001 is lost" in said[0]


def test_what_was_cut_off_while_writing_is_not_looked_at(tmp_path: Path) -> None:
    save(tmp_path, 1)
    (tmp_path / "step-00000002.tmp").mkdir()
    loaded = checkpoint.load_newest(tmp_path, pytest.fail)
    assert loaded is not None
    assert loaded.name == "step-00000001"


def test_tied_and_frozen_weights_are_stored_once_and_not_at_all() -> None:
    first, second, frozen = torch.nn.Linear(3, 3), torch.nn.Linear(3, 3), torch.nn.Linear(3, 3)
    second.weight = first.weight
    model = torch.nn.ModuleList([first, second, frozen.requires_grad_(False)])
    weights = checkpoint.trained_weights(model)
    assert sorted(weights) == ["0.bias", "0.weight", "1.bias"]
    checkpoint.put_weights(model, {name: torch.zeros_like(tensor) for name, tensor in weights.items()})
    assert not second.weight.any()
    assert frozen.weight.any()
    with pytest.raises(ValueError, match="do not fit"):
        checkpoint.put_weights(model, {"0.bias": weights["0.bias"]})


def test_a_run_goes_on_from_the_one_before_a_damaged_one(bench: Any, waves: dict[str, Any], killer: Any) -> None:
    config = {**waves, "batch_size": 8, "epochs": 3, "optimization": {"checkpoint_frequency": 5}}
    unbroken, story = bench.fit(**config)
    folder = bench.prepare(**config)
    with pytest.raises(BaseException, match=r"^$"):
        bench.loop(folder, extra=[killer(18)]).loop.run()
    newest = max(folder.checkpoints.iterdir())
    assert newest.name == "step-00000015"
    (newest / "state.pt").write_bytes(b"nothing")
    again = bench.loop(folder, attempt=2)
    assert again.loop.resume()
    assert again.loop.progress.step == 12
    again.loop.run()
    resumed = bench.story(folder)
    assert "going one back" in resumed.of("notice")[0]["message"]
    assert resumed.curve("train/loss") == story.curve("train/loss")
    ours, theirs = again.built.model.state_dict(), unbroken.built.model.state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


@pytest.mark.parametrize("damage", ["cut", "remove"])
def test_a_run_whose_best_is_damaged_goes_on_and_seeks_another(
    bench: Any, waves: dict[str, Any], killer: Any, damage: str
) -> None:
    plateau = {"enabled": True, "patience": 0, "threshold": 1e5}
    optimization = {"checkpoint_frequency": 5, "reduce_on_plateau": plateau}
    config = {**waves, "batch_size": 8, "epochs": 3, "optimization": optimization}
    _, story = bench.fit(**config)
    folder = bench.prepare(**config)
    with pytest.raises(BaseException, match=r"^$"):
        bench.loop(folder, extra=[killer(18)]).loop.run()
    best = folder.checkpoints / "step-00000012"
    if damage == "cut":
        (best / "model.safetensors").write_bytes(b"")
    else:
        shutil.rmtree(best)
    again = bench.loop(folder, attempt=2).loop
    assert again.resume()
    assert (again.progress.step, again.progress.best_epoch, again.progress.best_checkpoint) == (15, 0, "")
    again.run()
    resumed = bench.story(folder)
    assert [notice["message"] for notice in resumed.of("notice") if "best epoch is sought anew" in notice["message"]]
    assert resumed.curve("train/loss") == story.curve("train/loss")
    losses = [epoch["val_loss"] for epoch in resumed.epochs()][1:]
    assert again.progress.best_epoch == 2 + losses.index(min(losses))


def test_the_last_end_of_an_epoch_is_kept_however_long_the_next_one_is(tmp_path: Path) -> None:
    """A smaller batch can go on from there alone, and so can a run that diverged."""
    for step in range(1, 11):
        state = {"progress": {"batch": step % 4}, "order": {"batch_size": 8}}
        name = checkpoint.checkpoint_name(step)
        checkpoint.save_checkpoint(tmp_path, name, {"w": torch.zeros(1)}, state, best="", keep=2)
    assert names(tmp_path) == ["step-00000008", "step-00000009", "step-00000010"]
    (tmp_path / "step-00000008" / "manifest.json").write_text("[]")
    save(tmp_path, 11, keep=1)
    assert names(tmp_path) == ["step-00000011"]


def test_a_smaller_batch_goes_on_from_the_last_end_of_an_epoch(bench: Any, waves: dict[str, Any], killer: Any) -> None:
    best_first = {"monitor": "accuracy", "mode": "max", "patience": 9}
    rules = {"checkpoint_frequency": 2, "early_stopping": best_first}
    folder = bench.prepare(**waves, batch_size=8, epochs=4, learning_rate=1e-9, optimization=rules)
    with pytest.raises(BaseException, match=r"^$"):
        bench.loop(folder, extra=[killer(34)]).loop.run()
    halved = with_changes(load_run_config(folder.config), {"hyperparameters": {"batch_size": 4}})
    folder.config.write_text(to_yaml(halved))
    again = bench.loop(folder, attempt=2).loop
    assert again.resume()
    assert (again.progress.step, again.progress.epoch, again.progress.best_epoch) == (24, 2, 1)


def test_later_ones_that_an_attempt_left_behind_do_not_push_the_new_one_out(tmp_path: Path) -> None:
    """After running out of memory the batches are others: an attempt begins before the newest checkpoints."""
    save(tmp_path, 200)
    save(tmp_path, 300)

    saved = save(tmp_path, 100)

    assert saved.bytes > 0
    assert names(tmp_path) == ["step-00000100"]


def test_moments_are_taken_up_and_settings_are_those_of_now() -> None:
    def optimizer(**settings: Any) -> torch.optim.Optimizer:
        weight = torch.nn.Parameter(torch.ones(3))
        weight.grad = torch.ones(3)
        return torch.optim.AdamW([weight], **settings)

    before = optimizer(lr=0.1, weight_decay=0.0, betas=(0.9, 0.999))
    before.step()
    after = optimizer(lr=0.1, weight_decay=0.5, betas=(0.5, 0.9))
    put_state(after, before.state_dict())

    (group,) = after.param_groups
    assert (group["weight_decay"], group["betas"]) == (0.5, (0.5, 0.9))
    (moments,) = after.state.values()
    assert torch.equal(moments["exp_avg"], next(iter(before.state.values()))["exp_avg"])


def test_what_was_best_by_another_measure_is_not_to_be_beaten(bench: Any, waves: dict[str, Any]) -> None:
    rule = {"monitor": "accuracy", "mode": "max", "patience": 9}
    plateau = {"enabled": True, "factor": 0.5, "patience": 3}
    folder = bench.prepare(**waves, epochs=2, optimization={"early_stopping": rule, "reduce_on_plateau": plateau})
    bench.loop(folder).loop.run()
    other = bench.prepare(
        **waves,
        epochs=4,
        optimization={"early_stopping": {**rule, "monitor": "val_loss", "mode": "min"}, "reduce_on_plateau": plateau},
    )
    folder.checkpoints.rename(other.checkpoints)
    loop = bench.loop(other).loop
    assert loop.resume()
    assert (loop.progress.epoch, loop.progress.best_epoch, loop.progress.ranked) == (2, 0, [])
    loop.run()
    losses = [epoch["val_loss"] for epoch in bench.story(other).epochs()]
    assert loop.progress.best_epoch == 3 + losses.index(min(losses))

    again = bench.prepare(**waves, epochs=4, optimization={"early_stopping": rule})
    other.checkpoints.rename(again.checkpoints)
    same = bench.loop(again).loop
    assert same.resume()
    assert same.progress.best_epoch == 0, "the last checkpoint was judged by the loss"


def test_an_average_that_is_wanted_no_more_is_let_go(bench: Any, waves: dict[str, Any]) -> None:
    folder = bench.prepare(**waves, epochs=1, optimization={"ema": {"enabled": True}})
    bench.loop(folder).loop.run()
    other = bench.prepare(**waves, epochs=2)
    folder.checkpoints.rename(other.checkpoints)
    loop = bench.loop(other).loop
    assert loop.resume()
    loop.run()
    assert loop.progress.epoch == 2
