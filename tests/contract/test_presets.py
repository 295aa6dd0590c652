"""Presets by command and SDK: listed, tried, saved from a run, kept, refused with a remedy, deleted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from yards import full_yard

import runyard
from runyard.core.errors import Invalid, NotFound

Command = Callable[..., Any]
RUN = """
name: small net
model: {model_type: cnn1d, channels: [4]}
training_data: {source: sklearn-digits, max_examples: 40}
hyperparameters: {epochs: 2, learning_rate: 0.004, batch_size: 8}
"""


@pytest.fixture
def trained(command: Command, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A run of a small net that is queued, and stays so."""
    monkeypatch.setenv("RUNYARD_MAX_WORKERS", "1")
    monkeypatch.setattr("runyard.service.pump._start", lambda rt, row: row["id"])
    (tmp_path / "run.yaml").write_text(RUN)
    said = command("launch", tmp_path / "run.yaml")
    assert said.code == 0, said.err
    return str(said.out.strip())


def test_the_list_is_ranked_and_says_why(command: Command, trained: str) -> None:
    rows = command("presets", "list", "--format", "json").rows
    assert {row["preset"] for row in rows} == {"quick_test", "chat_fine_tune", "code_assistant", "domain_expert"}
    assert rows[0]["preset"] == "quick_test"
    assert all(row["why"] for row in rows)


def test_a_preset_is_shown_as_yaml(command: Command, trained: str) -> None:
    shown = yaml.safe_load(command("presets", "show", "chat_fine_tune").out)
    assert shown["hyperparameters"]["epochs"] == 3
    said = command("presets", "show", "chat")
    assert said.code == 1
    assert "chat_fine_tune" in said.err


def test_an_own_preset_is_saved_used_kept_by_a_rebuild_and_deleted(command: Command, trained: str) -> None:
    assert command("presets", "save", "my-net", "--from", trained, "--description", "for digits").code == 0
    assert command("rebuild").code == 0
    mine = next(row for row in command("presets", "list", "--format", "json").rows if row["preset"] == "my-net")
    assert (mine["from_run"], mine["description"]) == (trained, "for digits")

    tried = command("start", "cnn1d", "sklearn-digits", "my-net", "--dry-run")
    assert tried.code == 0, tried.err
    assert tried.out == ""
    assert "Estimated:" in tried.err
    started = command("start", "cnn1d", "sklearn-digits", "my-net")
    row = command("show", started.out.strip(), "--format", "json").rows[0]
    assert row["config"]["hyperparameters"]["learning_rate"] == 0.004
    assert row["config"]["model"]["channels"] == [4]
    told = command("show", started.out.strip(), "--plain")
    assert "Waiting" in told.out

    assert command("presets", "delete", "my-net").code == 0
    assert "no own preset" in command("presets", "delete", "my-net").err
    assert command("show", started.out.strip()).code == 0


def test_of_a_model_without_settings_nothing_is_searched(command: Command, tmp_path: Path) -> None:
    (tmp_path / "least.yaml").write_text("model: {model_type: majority}\ntraining_data: {source: sklearn-digits}\n")
    said = command("search-space", tmp_path / "least.yaml", "--format", "json")
    assert (said.code, said.rows) == (0, [])
    assert "nothing to search" in said.err


def test_runyards_own_presets_stay(command: Command, trained: str) -> None:
    assert command("presets", "delete", "quick_test").code == 1
    assert command("presets", "save", "quick_test", "--from", trained).code == 1
    assert "cannot be used" in command("presets", "save", "no/name", "--from", trained).err


def test_a_run_of_somebodys_own_script_is_no_preset(command: Command, tmp_path: Path) -> None:
    with runyard.init(agent="bot", home=tmp_path / "yard") as run:
        run.log_epoch(1, val_loss=1.0)
    said = command("presets", "save", "his", "--from", str(run.id))
    assert said.code == 2
    assert "cannot be made a preset" in said.err


@pytest.mark.parametrize("data", ["waves.npz", "./waves.npz"])
def test_a_file_is_a_data_set_with_and_without_a_slash(
    command: Command, trained: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: str
) -> None:
    monkeypatch.chdir(tmp_path)
    np.savez("waves.npz", X=np.zeros((8, 9, 2)), y=np.arange(8) % 2)
    assert command("presets", "save", "my-net", "--from", trained).code == 0
    started = command("start", "cnn1d", data, "my-net")
    assert started.code == 0, started.err
    row = command("show", started.out.strip(), "--format", "json").rows[0]
    assert row["config"]["training_data"]["path"] == str(tmp_path / "waves.npz")
    assert "does not exist" in command("start", "auto", "none.csv", "auto").err


def test_what_does_not_go_together_is_refused_with_what_would(command: Command, trained: str) -> None:
    said = command("start", "cnn1d", "sklearn-digits", "quick_test")
    assert said.code == 2
    assert "needs a model of another kind" in said.err
    assert said.out == ""


def test_the_sdk_starts_with_three_words_and_raises_the_same(trained: str, tmp_path: Path) -> None:
    with pytest.raises(Invalid):
        runyard.start("cnn1d", "sklearn-digits", "quick_test", home=tmp_path / "yard")
    with pytest.raises(NotFound):
        runyard.start("no-such-model", "sklearn-digits", "quick_test", home=tmp_path / "yard")


def test_the_preflight_lists_and_exits_by_what_it_finds(command: Command, trained: str, tmp_path: Path) -> None:
    good = command("preflight", tmp_path / "run.yaml", "--format", "json")
    assert (good.code, {row["state"] for row in good.rows}) == (0, {"ok"})
    (tmp_path / "bad.yaml").write_text(RUN.replace("sklearn-digits", "nowhere"))
    bad = command("preflight", tmp_path / "bad.yaml", "--format", "json")
    assert bad.code == 1
    assert next(row for row in bad.rows if row["state"] == "failed")["remedy"]


def test_every_launch_writes_down_what_was_expected(command: Command, trained: str) -> None:
    row = command("sql", "FROM estimate_scores", "--format", "json").rows[0]
    assert (row["run_id"], row["preset"], row["seconds_verdict"]) == (trained, None, "unknown")
    assert row["low_seconds"] < row["estimated_seconds"] < row["high_seconds"]
    assert row["low_memory_gb"] < row["estimated_memory_gb"] < row["high_memory_gb"]


def test_runs_of_every_fate_are_told_in_words(command: Command, tmp_path: Path) -> None:
    ids = full_yard(tmp_path / "yard")
    told = {name: command("show", str(ids[name]), "--plain").out for name in ("watch-cnn", "reviews-lora-hot")}
    assert "brought nothing" in told["watch-cnn"]
    assert "1. Resume it with a tenth of the learning rate." in told["reviews-lora-hot"]
    row = command("show", str(ids["watch-cnn"]), "--plain", "--format", "json").rows[0]
    assert (row["stage"], row["progress"]) == ("done", 1.0)
