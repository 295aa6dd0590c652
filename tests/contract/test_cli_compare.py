"""`train --compare`, few-shot draws and cancelling a comparison: real runs, small ones, through the command."""

from __future__ import annotations

import csv
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from runyard.config.comparison import compare, read_models
from runyard.core.errors import Unavailable
from runyard.core.ids import new_id
from runyard.runtime import Runtime, open_runtime
from runyard.service import comparisons, runs

Command = Callable[..., Any]
MODELS = """
training_data: {path: texts.csv}
agent: words
models:
  pairs: {model: {model_type: tfidf_logreg}}
"""
FEW = """
name: few
model: {model_type: tfidf_logreg}
training_data: {path: texts.csv}
few_shot: {shots: 4, draws: 2}
"""


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with reviews of two unevenly frequent classes, which is also the working folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RUNYARD_MAX_WORKERS", "2")
    draw = random.Random(0)
    kinds = (("good", 90, "nice tasty fresh tea cake soup"), ("bad", 60, "stale bitter awful tea cake soup"))
    with (tmp_path / "texts.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["text", "label"])
        for label, count, words in kinds:
            rows.writerows([" ".join(draw.choices(words.split(), k=3)), label] for _ in range(count))
    (tmp_path / "models.yaml").write_text(MODELS)
    (tmp_path / "few.yaml").write_text(FEW)
    return tmp_path


def test_models_are_trained_side_by_side_and_ranked(command: Command, files: Path) -> None:
    said = command("train", "--compare", "models.yaml", "--name", "words", "--format", "json")

    assert said.code == 0, said.err
    by_name = {row["model_name"]: row for row in said.rows}
    assert [row["place"] for row in said.rows] == [1, 2]
    assert set(by_name) == {"pairs", "majority"}
    assert said.rows[-1]["model_name"] == "majority"
    assert by_name["majority"]["is_baseline"]
    # 18 of the 30 held-out reviews are good: the entropy of the shares.
    assert by_name["majority"]["mean"] == pytest.approx(0.6730, abs=1e-3)
    assert all(row["method"] == "none" for row in said.rows), "one run each, and no share: no interval"
    assert "no interval tells chance from skill" in said.err
    parent = command("show", said.rows[0]["comparison_id"], "--format", "json").rows[0]
    assert (parent["kind"], parent["status"], parent["name"]) == ("compare", "completed", "words")
    assert command("sql", "SELECT count(*) AS n FROM model_versions", "--format", "json").rows == [{"n": 0}]


def test_what_differs_is_refused_and_nothing_is_queued(command: Command, files: Path) -> None:
    (files / "other.yaml").write_text(
        FEW.replace("few_shot", "# ").replace("texts.csv", "texts.csv, validation_split: 0.5")
    )
    said = command("train", "--compare", "models.yaml", "other.yaml")
    assert said.code == 2
    assert "training_data.validation_split" in said.err
    assert not (files / "yard" / "runs").exists() or not list((files / "yard" / "runs").iterdir())
    assert command("train", "models.yaml", "other.yaml").code == 2
    assert command("train", "few.yaml", "--seeds", "3").code == 2


@pytest.mark.slow
def test_few_shots_are_repeated_with_other_examples(command: Command, files: Path) -> None:
    said = command("train", "few.yaml", "--format", "json")

    assert said.code == 0, said.err
    few = next(row for row in said.rows if row["model_name"] == "few")
    assert few["seeds"] == 2
    assert len(set(few["results"])) == 2, "other examples are other results"
    assert few["low"] < few["mean"] < few["high"]
    rows = command(
        "sql",
        "SELECT r.seed, s.training_type, s.dataset_size FROM runs AS r JOIN training_sessions AS s ON s.id = r.id "
        "WHERE r.name = 'few' AND r.kind = 'train' ORDER BY r.seed",
        "--format", "json",
    ).rows  # fmt: skip
    assert rows == [{"seed": seed, "training_type": "few_shot", "dataset_size": 8} for seed in (0, 1)]


def test_cancelling_a_comparison_cancels_what_is_open(
    command: Command, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNYARD_MAX_WORKERS", "1")
    (files / "endless.yaml").write_text(
        "training_data: {source: sklearn-digits}\nhyperparameters: {epochs: 3000, batch_size: 512}\n"
        "optimization: {early_stopping: false}\nmodels:\n  a: {model: {model_type: mlp, widths: [4]}}\n"
        "  b: {model: {model_type: cnn1d, channels: [4]}}\n"
    )
    rt = open_runtime(files / "yard", create=True)
    try:
        parent = comparisons.start(rt, compare(read_models([files / "endless.yaml"])), launched_by="cli")
        assert comparisons.start(rt, compare(read_models([files / "endless.yaml"])), launched_by="cli",
                                 run_id=parent) == parent  # fmt: skip
        assert runs.cancel(rt, str(parent), by="cli").status == "cancelled"
    finally:
        rt.close()
    following = command("runs", "--all", "--format", "json").rows
    assert len(following) == 5
    assert {row["status"] for row in following} <= {"cancelled", "running"}  # a running one finishes its step first
    assert command("resume", str(parent)).code == 1


def test_a_comparison_that_cannot_be_queued_is_ended_and_can_be_started_again(
    files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runyard.service.pump._start", lambda rt, row: UUID(row["id"]))
    models, parent, record = compare(read_models([files / "models.yaml"]), seeds=2), new_id(), Runtime.record
    asked: list[str] = []

    def full_once(rt: Runtime, run_id: UUID | str, kind: str, /, **fields: Any) -> None:
        asked.append(kind)
        if asked.count("queued") == 3 and kind == "queued":
            raise Unavailable("The disk is full.")
        record(rt, run_id, kind, **fields)

    def rows(rt: Runtime) -> list[tuple[str, str, int]]:
        rt.store.ingest(wait_seconds=10)
        return rt.store.live("SELECT kind, status, attempt FROM runs ORDER BY queued_at, id").rows()

    rt = open_runtime(files / "yard", create=True)
    try:
        monkeypatch.setattr(Runtime, "record", full_once)
        with pytest.raises(Unavailable, match="full"):
            comparisons.start(rt, models, launched_by="page", run_id=parent)
        assert rows(rt) == [("compare", "failed", 1), ("train", "cancelled", 1)]
        assert len(list((files / "yard" / "runs").iterdir())) == 1, "that of the cancelled run alone"

        assert comparisons.start(rt, models, launched_by="page", run_id=parent) == parent
        first, *rest = rows(rt)
        assert first == ("compare", "running", 2)
        assert [status for _, status, _ in rest] == ["cancelled", *["queued"] * len(models.runs())]
    finally:
        rt.close()


def test_a_folder_that_cannot_be_made_is_said(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    rt = open_runtime(files / "yard", create=True)
    try:
        monkeypatch.setattr(Path, "mkdir", full)
        with pytest.raises(Unavailable, match="No space left"):
            comparisons.start(rt, compare(read_models([files / "models.yaml"])), launched_by="cli")
    finally:
        monkeypatch.undo()
        rt.close()
