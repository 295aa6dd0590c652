"""`train`, `launch`, `cancel`, `resume`, `demo --no-serve`: real runs, small ones, through the command."""

from __future__ import annotations

import csv
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runyard.service.liveness import is_alive

Command = Callable[..., Any]
TEXTS = "name: words\nmodel: {model_type: tfidf_logreg}\ntraining_data: {path: texts.csv}\n"
# A net that takes longer than any test waits, so that stopping it is what ends it.
ENDLESS = """
name: endless
model: {model_type: cnn1d, channels: [4]}
training_data: {source: sklearn-digits}
hyperparameters: {epochs: 3000, batch_size: 512}
optimization: {early_stopping: {enabled: false}, checkpoint_frequency: 2}
recovery: {enabled: false}
"""
PATIENCE_SECONDS = 120


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with data and configs, which is also the working folder."""
    monkeypatch.chdir(tmp_path)
    draw = random.Random(0)
    with (tmp_path / "texts.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["text", "label"])
        for label, words in (("good", "nice tasty fresh tea"), ("bad", "stale bitter awful tea")):
            rows.writerows([" ".join(draw.choices(words.split(), k=6)), label] for _ in range(60))
    (tmp_path / "words.yaml").write_text(TEXTS)
    (tmp_path / "endless.yaml").write_text(ENDLESS)
    return tmp_path


def start(home: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "runyard.cli", "--yard", home, *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def until(command: Command, run: str, condition: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    deadline = time.monotonic() + PATIENCE_SECONDS
    row: dict[str, Any] = {}
    while time.monotonic() < deadline:
        said = command("show", run, "--format", "json")
        if said.code == 0 and condition(row := said.rows[0]):
            return row
        time.sleep(0.3)
    pytest.fail(f"it never came to that: {row}")


def test_train_shows_progress_prints_the_id_and_exits_with_0(command: Command, files: Path) -> None:
    done = start(files / "yard", "train", "words.yaml")
    out, err = done.communicate(timeout=PATIENCE_SECONDS)
    assert done.returncode == 0, err
    row = command("show", out.strip(), "--format", "json").rows[0]
    assert (row["status"], row["launched_by"]) == ("completed", "foreground")
    assert "words: completed" in err
    assert "\x1b" not in err


@pytest.mark.slow
def test_a_run_that_dies_is_exit_code_1_with_message_and_hint(command: Command, files: Path) -> None:
    running = start(files / "yard", "train", "endless.yaml")
    run = until(command, "endless", lambda row: (row["completed_epochs"] or 0) >= 1)
    os.kill(run["pid"], signal.SIGKILL)
    out, err = running.communicate(timeout=PATIENCE_SECONDS)
    assert (running.returncode, out) == (1, "")
    assert "failed: The process of the run is gone" in err
    assert "Hint: " in err
    assert command("show", run["id"], "--format", "json").rows[0]["error_kind"] == "lost"


@pytest.mark.parametrize("verb", ["train", "launch"])
def test_every_mistake_of_a_config_is_said_and_no_run_is_made(command: Command, files: Path, verb: str) -> None:
    (files / "wrong.yaml").write_text(
        "model: {model_type: cnn2d}\ntraining_data: {source: sklearn-digits}\n"
        "hyperparameters: {learning_rat: 1, epochs: -3}\n"
    )
    said = command(verb, files / "wrong.yaml")
    assert (said.code, said.out) == (2, "")
    for part in ("cnn1d", "learning_rate", "hyperparameters.epochs"):
        assert part in said.err
    assert not (files / "yard").exists()


def test_data_that_is_not_there_fails_before_a_run_is_made(command: Command, files: Path) -> None:
    (files / "texts.csv").unlink()
    said = command("launch", files / "words.yaml")
    assert said.code in (1, 2)
    assert "texts.csv" in said.err
    assert command("runs", "--format", "json").rows == []


def test_ctrl_c_cancels_and_resume_goes_on(command: Command, files: Path) -> None:
    home = files / "yard"
    running = start(home, "train", "endless.yaml")
    run = until(command, "endless", lambda row: (row["completed_epochs"] or 0) >= 3)
    running.send_signal(signal.SIGINT)
    _, err = running.communicate(timeout=PATIENCE_SECONDS)
    assert running.returncode == 130, err
    assert "Traceback" not in err
    stopped = command("show", run["id"], "--format", "json").rows[0]
    assert stopped["status"] == "cancelled"

    wrong = command("resume", run["id"], "--set", "hyperparameters.learning_rat=1", "--set", "seed")
    assert wrong.code == 2
    resumed = start(home, "resume", run["id"], "--foreground", "--set", "hyperparameters.learning_rate=1e-4")
    until(command, run["id"], lambda row: row["completed_epochs"] > stopped["completed_epochs"])
    cancelled = command("cancel", "endless")
    assert (cancelled.code, cancelled.out.strip()) == (0, run["id"])
    resumed.communicate(timeout=PATIENCE_SECONDS)
    assert resumed.returncode == 1
    rate = "changes ->> '$.hyperparameters.learning_rate' AS rate"
    attempts = command("sql", f"SELECT attempt, status, {rate} FROM run_attempts", "--format", "json")
    assert sorted((row["attempt"], row["status"], row["rate"]) for row in attempts.rows) == [
        (1, "cancelled", None), (2, "cancelled", "0.0001"),
    ]  # fmt: skip


def test_launch_queues_and_cancel_takes_out_of_the_queue(
    command: Command, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNYARD_MAX_WORKERS", "1")
    first, second = (command("launch", files / "endless.yaml") for _ in range(2))
    assert (first.code, second.code) == (0, 0)
    assert "waits" in second.err
    queued = command("runs", "--status", "queued", "--format", "json").rows
    assert [row["id"] for row in queued] == [second.out.strip()]
    assert command("cancel", second.out.strip()).code == 0
    again = command("cancel", second.out.strip())
    assert again.code == 1
    assert "cancelled already" in again.err
    assert command("cancel", first.out.strip(), "--force", "--yes").code == 0
    ended = until(command, first.out.strip(), lambda row: row["status"] == "cancelled")
    assert not is_alive(ended["pid"], None), "a process that is over and not yet asked after is no life"
    assert command("runs", "--status", "running", "--format", "json").rows == []


@pytest.mark.slow
def test_the_demo_in_the_foreground_ends_with_a_table_of_results(
    command: Command, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNYARD_DEMO_CACHE", str(files / "cache"))  # without data the small stand-ins run
    done = start(files / "yard", "demo", "--no-serve")
    out, err = done.communicate(timeout=2 * PATIENCE_SECONDS)
    assert done.returncode == 0, err
    assert "scikit-learn" in err
    assert [line.split("  ")[0] for line in out.splitlines()[2:]] == ["digits CNN", "descriptions TF-IDF"]
    for column in ("best validation loss", "accuracy", "epochs", "best epoch", "wasted epochs", "compute hours"):
        assert column in out.splitlines()[0]
    rows = command("runs", "--format", "json").rows
    assert {(row["status"], row["launched_by"]) for row in rows} == {("completed", "demo")}
