"""Mirrors: what they hear is what the journal has, and nothing that goes wrong in them ends a run."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from runyard.config.run import parse_run_config
from runyard.service.imports.tensorboard import read
from runyard.train.mirrors import MirroredJournal, values_of

CONFIG = parse_run_config(
    {"name": "mirrored", "agent": "bot", "model": {"model_type": "cnn1d"}, "training_data": {"source": "x"}}
)
OFTEN = {"layer_norm_frequency": 4, "gradient_histogram_frequency": 5, "weight_histogram_frequency": 0}


def mirrored(bench: Any, waves: dict[str, Any], **monitoring: Any) -> tuple[Any, Any]:
    folder = bench.prepare(**waves, epochs=2, monitoring={**OFTEN, **monitoring}, name="mirrored", tags=["t"])
    code, story = bench.finish(folder)
    assert code == 0, folder.log.read_text()
    assert [notice for notice in story.of("notice") if notice["level"] == "warning"] == []
    return folder, story


def of_steps(story: Any) -> dict[str, dict[int, float]]:
    """Return every series of a story: its metrics and the columns of its epochs."""
    found: dict[str, dict[int, float]] = {}
    for event in story.events:
        if event["k"] in ("metrics", "epoch"):
            for name, value in values_of(event).items():
                found.setdefault(name, {})[event["step"]] = value
    return found


def test_tensorboard_files_hold_every_value_for_tensorboard_and_for_our_own_import(
    bench: Any, waves: dict[str, Any]
) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    folder, story = mirrored(bench, waves, tensorboard_logging=True)
    written = folder.path / "tensorboard"
    theirs = EventAccumulator(str(written), size_guidance={"scalars": 0, "histograms": 0}).Reload()
    wanted = of_steps(story)
    assert {"train/loss", "val_loss", "accuracy", "gradient_norm/head"} <= wanted.keys()
    assert set(theirs.Tags()["scalars"]) == set(wanted)
    assert "config/text_summary" in theirs.Tags()["tensors"]
    for name, points in wanted.items():
        got = {one.step: one.value for one in theirs.Scalars(name)}
        assert got == pytest.approx(points, rel=1e-6), name
    (first, *_) = theirs.Histograms("gradient/head")
    row = next(row for row in story.of("histograms")[0]["histograms"] if row["layer"] == "head")
    assert (first.step, first.histogram_value.num) == (5, sum(row["counts"]))
    imported: dict[str, dict[int, float]] = {}
    for point in read(written).runs[0].points:
        for name, value in point.values:
            imported.setdefault(name, {})[point.step] = value
    assert imported["train/loss"] == pytest.approx(wanted["train/loss"], rel=1e-6)


EVENTS: list[dict[str, Any]] = [
    {"k": "metrics", "step": 1, "at": 10**15, "metrics": [{"name": "train/loss", "value": 0.5}]},
    {
        "k": "epoch",
        "epoch": 1,
        "step": 2,
        "at": 10**15 + 1,
        "val_loss": 0.25,
        "metrics": [{"name": "f1", "value": 0.75}],
    },
    {"k": "ended", "at": 10**15 + 2, "status": "failed"},
]


def test_mlflow_has_one_run_for_all_attempts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlflow import MlflowClient

    from runyard.train.mirror_mlflow import MLflow

    uri = f"file://{tmp_path}/mlruns"  # a database takes seconds to make: see tests/proof
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    for attempt in (1, 2):
        mirror = MLflow("sqlite:///nowhere", CONFIG, "one-run")
        mirror.log([{**event, "attempt": attempt} for event in EVENTS])
        mirror.close()
    client = MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name("runyard/bot")
    (run,) = client.search_runs([experiment.experiment_id])
    assert (run.info.run_name, run.info.status, run.data.tags["runyard.run"]) == ("mirrored", "FAILED", "one-run")
    assert run.data.params["hyperparameters.epochs"] == "3"
    assert run.data.metrics == {"train/loss": 0.5, "val_loss": 0.25, "f1": 0.75}


class Broken:
    """A tracker that raises at its third event."""

    def __init__(self) -> None:
        self.heard = 0

    def log(self, events: Sequence[Any]) -> None:
        self.heard += len(events)
        if self.heard >= 3:
            raise RuntimeError("the tracker's server is gone")

    def close(self) -> None:
        raise AssertionError("a broken mirror is not closed")


class Stuck(Broken):
    """A tracker that never comes back."""

    def log(self, events: Sequence[Any]) -> None:
        threading.Event().wait(60)


def missing() -> Broken:
    raise ImportError("No module named 'tracker'")


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (Broken, "Tracker failed; the run goes on without it. RuntimeError: the tracker's server is gone"),
        (missing, "Tracker is not installed (No module named 'tracker'); the run goes on without it."),
        (Stuck, "Tracker did not finish in 0.2 s: what it has may be cut off."),
    ],
)
def test_a_mirror_that_fails_is_dropped_with_a_word_and_the_journal_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Any, said: str
) -> None:
    monkeypatch.setattr(sys.modules["runyard.train.mirrors"], "LAST_SECONDS", 0.2)
    complaints: list[str] = []
    journal = MirroredJournal(tmp_path / "journal.jsonl")
    journal.add("Tracker", make, lambda message, _hint: complaints.append(message))
    for step in range(100):
        journal.write({"k": "metrics", "step": step, "metrics": []})
    journal.close()
    assert complaints == [said]
    assert [json.loads(line)["step"] for line in (tmp_path / "journal.jsonl").read_text().splitlines()] == [*range(100)]


def test_a_later_attempt_takes_the_place_of_the_steps_it_repeats(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    from runyard.train.mirror_tensorboard import TensorBoard

    for attempt, steps in ((1, range(1, 9)), (2, range(6, 11))):
        mirror = TensorBoard(tmp_path, CONFIG, attempt)
        mirror.log(
            [{"k": "metrics", "step": 0, "at": attempt * 10**12, "metrics": [{"name": "system/x", "value": 1.0}]}]
        )
        mirror.log([
            {"k": "metrics", "step": step, "epoch": 0.1, "at": attempt * 10**12 + step,
             "metrics": [{"name": "loss", "value": float(attempt)}]}
            for step in steps
        ])  # fmt: skip
        mirror.close()
    loaded = EventAccumulator(str(tmp_path), size_guidance={"scalars": 0}).Reload()
    assert [one.step for one in loaded.Scalars("loss")] == [*range(1, 11)]
