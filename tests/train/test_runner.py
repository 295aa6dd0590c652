"""The runner as a process: its events, its exit codes, cancel, failures, locks, and what it does not import."""

from __future__ import annotations

import errno
import fcntl
import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from runyard.train.outcome import failure_of

WITHOUT = """
import sys
from runyard.train.__main__ import main
code = main()
there = [name for name in {names!r} if name in sys.modules]
print("imported", there)
sys.exit(code + 10 * len(there))
"""


def test_a_run_from_start_to_end(bench: Any, waves: dict[str, Any]) -> None:
    folder = bench.prepare(**waves, epochs=2, seed=5)
    names = ["transformers", "peft", "sklearn", "streamlit", "altair"]
    code, story = bench.finish(folder, code=WITHOUT.format(names=names))
    assert code == 0, folder.log.read_text()
    kinds = [event["k"] for event in story.events if event["k"] != "metrics"]
    assert kinds == [
        "dataset",
        "started",
        "planned",
        "epoch",
        "checkpoint",
        "epoch",
        "checkpoint",
        "ended",
        "benchmark",
        "benchmark",
    ]
    assert {event["run"] for event in story.events} == {folder.path.name}
    started = story.of("started")[0]
    assert (started["device"], started["threads"], started["attempt"]) == ("cpu", 1, 1)
    assert started["packages"]["torch"].startswith("2.")
    ended = story.ended
    assert (ended["status"], ended["steps"], ended["early_stopped"]) == ("completed", 12, False)
    assert ended["memory_peak_gb"] > 0.05
    assert ended["cpu_seconds"] > 0.1
    log = folder.log.read_text()
    assert "epoch epoch=2" in log
    assert "ended status=completed" in log
    assert_loads_with_torch_alone(folder.model, ended["model_sha256"])


def assert_loads_with_torch_alone(folder: Path, sha256: str) -> None:
    code = """
import hashlib, importlib.util, json, pathlib, sys, torch
from safetensors.torch import load_file
folder = pathlib.Path(sys.argv[1])
assert hashlib.sha256((folder / "manifest.json").read_bytes()).hexdigest() == sys.argv[2]
for name, expected in json.loads((folder / "manifest.json").read_text())["sha256"].items():
    assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == expected
spec = importlib.util.spec_from_file_location("nets", folder / "nets.py")
nets = importlib.util.module_from_spec(spec); spec.loader.exec_module(nets)
about = json.loads((folder / "config.json").read_text())
model = nets.Cnn1d(**about["architecture"]); model.load_state_dict(load_file(folder / "model.safetensors"))
_, steps, channels = about["input"]["shape"]
assert model.eval()(torch.zeros(1, steps, channels)).shape == (1, len(about["classes"]))
assert "runyard" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code, str(folder), sha256], check=True)


@pytest.mark.slow
def test_cancel_saves_what_is_there_and_can_be_resumed(bench: Any, waves: dict[str, Any]) -> None:
    config = {**waves, "batch_size": 2, "epochs": 40, "optimization": {"early_stopping": False}}
    folder = bench.prepare(**config)
    assert bench.kill(folder, 1, steps=10, how=signal.SIGTERM, fresh=True) == 1
    story = bench.story(folder)
    assert (story.ended["status"], story.ended.get("error_kind")) == ("cancelled", None)
    saved = story.of("checkpoint")[-1]
    assert saved["step"] == max(story.curve("train/loss")) == story.ended["steps"]

    folder.cancel.touch()
    code, story = bench.finish(folder, attempt=2)
    assert (code, story.ended["status"]) == (1, "cancelled")
    folder.cancel.unlink()
    assert bench.kill(folder, 3, steps=5) == -signal.SIGKILL
    whole = bench.story(folder)
    resumed = type(whole)([event for event in whole.events if event["attempt"] == 3])
    assert min(resumed.curve("train/loss")) == saved["step"] + 1


def test_a_signal_before_the_imports_are_done_cancels(bench: Any, waves: dict[str, Any]) -> None:
    folder = bench.prepare(**waves)
    code = """
import os, signal, sys
from runyard.train import interruption, __main__ as runner
install = interruption.Interruption.install
def install_and_signal(self):
    install(self)
    os.kill(os.getpid(), signal.SIGTERM)
interruption.Interruption.install = install_and_signal
sys.exit(runner.main())
"""
    exit_code, story = bench.finish(folder, code=code)
    assert (exit_code, story.ended["status"]) == (1, "cancelled")
    assert story.of("epoch") == []


def test_a_diverged_run_fails_with_advice(bench: Any, waves: dict[str, Any]) -> None:
    """Each step multiplies the matrices by -99: after some twenty of them they are infinite."""
    optimization = {"optimizer": "sgd", "schedule": "constant", "early_stopping": False}
    config = {**waves, "learning_rate": 10, "weight_decay": 10, "epochs": 20, "optimization": optimization}
    code, story = bench.finish(bench.prepare(**config))
    assert code == 1
    ended = story.ended
    assert (ended["status"], ended["error_kind"]) == ("failed", "diverged")
    assert "learning rate" in ended["error_message"]
    assert "Try" in ended["error_hint"]
    assert "Traceback" in ended["error_details"]
    step = max(story.curve("train/loss"))
    poisoned = (story.curve("train/loss")[step], story.curve("train/gradient_norm")[step])
    assert not np.isfinite(poisoned).all()


def test_a_run_that_outgrows_its_memory_fails_cleanly(bench: Any, waves: dict[str, Any]) -> None:
    model = {"model_type": "cnn1d", "channels": [4096, 4096], "kernel_size": 9}
    code, story = bench.finish(bench.prepare(**{**waves, "model": model, "resources": {"memory_limit_gb": 0.5}}))
    assert code == 1
    assert (story.ended["status"], story.ended["error_kind"]) == ("failed", "out_of_memory")
    assert "batch_size" in story.ended["error_hint"]


def test_data_that_went_bad_after_the_launch_fail_the_run(bench: Any, waves: dict[str, Any]) -> None:
    folder = bench.prepare(**waves)
    (bench.yard.datasets / "waves.npz").write_bytes(b"no longer")
    code, story = bench.finish(folder)
    assert code == 1
    assert (story.ended["status"], story.ended["error_kind"]) == ("failed", "invalid")
    assert "waves.npz" in story.ended["error_message"]
    assert not [path for path in folder.path.iterdir() if path.name in ("model", "model.tmp", "ballast")]


def test_a_second_runner_of_the_same_attempt_leaves_without_a_word(bench: Any, waves: dict[str, Any]) -> None:
    folder = bench.prepare(**waves)
    with folder.lock.open("w") as lock:
        lock.write("2")
        lock.flush()
        fcntl.flock(lock, fcntl.LOCK_EX)
        code, story = bench.finish(folder, attempt=2, fresh=True)
    assert (code, story.events) == (0, [])
    code, story = bench.finish(folder, attempt=2, fresh=True)
    assert (code, story.events) == (0, []), "nor is an attempt begun again when its process is over"


def test_a_runner_waits_for_the_end_of_the_attempt_before(bench: Any, waves: dict[str, Any]) -> None:
    folder = bench.prepare(**waves, epochs=1)
    with folder.lock.open("w") as lock:
        lock.write("1")
        lock.flush()
        fcntl.flock(lock, fcntl.LOCK_EX)
        second = bench.start(folder, attempt=2)
        with pytest.raises(subprocess.TimeoutExpired):
            second.wait(timeout=2)
    assert second.wait(timeout=240) == 0
    assert bench.story(folder).ended["status"] == "completed"


def test_words_baseline_needs_no_torch_and_equals_scikit_learn(bench: Any, reviews: dict[str, Any]) -> None:
    folder = bench.prepare(**reviews, model={"model_type": "tfidf_logreg"})
    code, story = bench.finish(folder, code=WITHOUT.format(names=["torch", "transformers"]))
    assert code == 0, folder.log.read_text()
    (epoch,) = story.of("epoch")
    scores = {metric["name"]: metric["value"] for metric in epoch["metrics"]}
    assert epoch["val_loss"] < 0.69
    assert scores["accuracy"] > 0.8
    assert_scores_from_the_saved_numbers(bench, folder.model, scores["accuracy"])
    assert story.ended["model_path"] == "model"


def assert_scores_from_the_saved_numbers(bench: Any, folder: Path, accuracy: float) -> None:
    from safetensors.numpy import load_file
    from sklearn.feature_extraction.text import TfidfVectorizer

    from runyard.config.run import parse_run_config
    from runyard.train.text_data import read_text_data

    values = {"model": {"model_type": "tfidf_logreg"}, "training_data": {"source": "reviews"}}
    data = read_text_data(parse_run_config(values), bench.yard)
    about, numbers = json.loads((folder / "config.json").read_text()), load_file(folder / "model.safetensors")
    vectorizer = TfidfVectorizer(vocabulary=about["vocabulary"], ngram_range=(1, 2), sublinear_tf=True)
    vectorizer.idf_ = numbers["idf"]
    logits = vectorizer.transform([data.texts[i] for i in data.validation]) @ numbers["weight"].T + numbers["bias"]
    predicted = [about["classes"][i] for i in np.argmax(logits, axis=1)]
    right = [p == data.labels[i] for p, i in zip(predicted, data.validation, strict=True)]
    assert np.mean(right) == pytest.approx(accuracy)


def test_encoder_baseline(bench: Any, reviews: dict[str, Any], encoder: Path) -> None:
    model = {"model_type": "encoder_logreg", "base_model": "tiny"}
    code, story = bench.finish(bench.prepare(**reviews, model=model, max_length=16))
    assert code == 0
    assert story.of("planned")[0]["base_model"] == "tiny"
    (epoch,) = story.of("epoch")
    assert epoch["train_loss"] < 0.69
    assert epoch["tokens"] > 100


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "disk_full"),
        (MemoryError(), "out_of_memory"),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"), "out_of_memory"),
        (RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"), "out_of_memory"),
        (KeyError("x"), "exception"),
    ],
)
def test_what_an_exception_means(error: Exception, kind: str) -> None:
    failure = failure_of(error)
    assert failure.kind == kind
    assert failure.message
    assert failure.hint


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_run_whose_journal_cannot_be_written_ends(bench: Any, waves: dict[str, Any], tmp_path: Path) -> None:
    folder = bench.prepare(**waves)
    code = """
import sys
from pathlib import Path
from runyard.core import paths
from runyard.train import patience
patience.WAIT_SECONDS = 0.1
paths.RunFolder.journal = lambda self, attempt: Path("/dev/full")
from runyard.train.__main__ import main
sys.exit(main())
"""
    assert bench.start(folder, code=code).wait(timeout=120) == 1
    assert "No space left" in folder.log.read_text()
