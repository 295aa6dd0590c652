"""`benchmark`, `evaluate`, `predict` on models that real runs saved, and the rows that come of it."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from contextlib import chdir, redirect_stdout
from pathlib import Path
from typing import Any

import pytest
from reading import tables

from runyard.cli import main
from runyard.core.paths import Yard
from runyard.store import Store

Command = Callable[..., Any]
WORDS = {"good": "nice tasty fresh tea", "bad": "stale bitter awful tea"}
CONFIG = "name: words\nagent: taster\nmodel: {model_type: tfidf_logreg}\ntraining_data: {path: texts.csv}\n"
ENDLESS = (
    "name: endless\nmodel: {model_type: cnn1d}\ntraining_data: {source: sklearn-digits}\n"
    "hyperparameters: {epochs: 3000}\n"
)


def write_texts(path: Path, labels: str = "label", rows: int = 40) -> None:
    with path.open("w", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(["text", labels])
        for place in range(rows):
            label, words = list(WORDS.items())[place % 2]
            lines.writerow([" ".join(words.split()[place % 3 :]), label])


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with texts, a config and a yard in which it was trained."""
    folder = tmp_path_factory.mktemp("trained")
    write_texts(folder / "texts.csv")
    (folder / "words.yaml").write_text(CONFIG)
    with chdir(folder), (folder / "id").open("w") as said, redirect_stdout(said):
        assert main(["--yard", "yard", "train", "words.yaml"]) == 0
    return folder


@pytest.fixture
def yard(once: Path, tmp_path: Path) -> Yard:
    """The yard in a copy of that folder."""
    shutil.copytree(once, tmp_path, symlinks=True, dirs_exist_ok=True)
    return Yard(tmp_path / "yard")


@pytest.fixture
def trained(yard: Yard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The id of a run that has made version 1 of the agent `taster`."""
    monkeypatch.chdir(tmp_path)
    return (tmp_path / "id").read_text().strip()


def benchmarks(command: Command, columns: str) -> list[tuple[Any, ...]]:
    said = command("sql", f"SELECT {columns} FROM benchmark_executions ORDER BY created_at, metric", "--format", "json")
    return [tuple(row.values()) for row in said.rows]


def test_a_training_makes_a_version_and_its_benchmark(command: Command, trained: str, tmp_path: Path) -> None:
    query = "SELECT agent_id, version, run_id, path, size_bytes, architecture FROM model_versions"
    (version,) = command("sql", query, "--format", "json").rows
    folder = tmp_path / "yard" / "runs" / trained / "model"
    assert version == {
        "agent_id": "taster",
        "version": "1",
        "run_id": trained,
        "path": f"runs/{trained}/model",
        "size_bytes": sum(path.stat().st_size for path in folder.iterdir()),
        "architecture": "tfidf_logreg",
    }
    columns = "agent_id, CAST(model_version_id AS VARCHAR), metric, accuracy_score, higher_is_better"
    expected = ("taster", trained)
    assert benchmarks(command, columns) == [(*expected, "accuracy", 1.0, True), (*expected, "f1_macro", 1.0, True)]
    evolution = "SELECT model_version, post_training_accuracy FROM model_performance_evolution"
    assert {tuple(row.values()) for row in command("sql", evolution, "--format", "json").rows} == {("1", 1.0)}

    assert command("train", "words.yaml").code == 0
    compared = "SELECT DISTINCT current_version, previous_version, accuracy_delta FROM model_version_comparison"
    rows = command("sql", f"{compared} ORDER BY 1", "--format", "json").rows
    assert [tuple(row.values()) for row in rows] == [("1", None, None), ("2", "1", 0.0)]


@pytest.mark.slow
def test_a_benchmark_again_is_of_the_same_name_and_recorded(command: Command, trained: str, tmp_path: Path) -> None:
    for model in (trained[:18], "words", "taster@1"):
        said = command("benchmark", model, "--format", "json")
        assert said.code == 0, said.err
        assert {(row["agent_id"], row["version"], row["run_id"]) for row in said.rows} == {("taster", "1", trained)}
        assert "Recorded for taster@1" in said.err
    rows = benchmarks(command, "benchmark_name, n_examples")
    assert len(rows) == 8
    assert len(set(rows)) == 2
    store = Store(Yard(tmp_path / "yard"))
    before = tables(store)
    store.rebuild()
    assert tables(store) == before, "the scores come from journals"
    store.close()


@pytest.mark.slow
def test_evaluate_judges_other_examples(command: Command, trained: str, tmp_path: Path) -> None:
    rows = [("nice tea", "good"), ("fresh tea", "bad"), ("awful tea", "bad"), ("stale tea", "strange")]
    (tmp_path / "new.jsonl").write_text("\n".join(json.dumps({"text": text, "label": label}) for text, label in rows))
    said = command("evaluate", "taster@1", "new.jsonl", "--format", "json")
    assert said.code == 0, said.err
    scores = {row["metric"]: row for row in said.rows}
    assert scores["accuracy"]["accuracy_score"] == 0.5
    assert scores["accuracy"]["benchmark_name"].startswith("new@")
    recorded = benchmarks(command, "CAST(id AS VARCHAR), benchmark_name, accuracy_score")[2:]
    assert recorded == [(row["id"], row["benchmark_name"], row["accuracy_score"]) for row in said.rows]
    table = command("evaluate", "taster@1", "new.jsonl")
    assert "accuracy" in table.out
    assert "0.5" in table.out


@pytest.mark.slow
def test_predict_writes_jsonl_or_csv_to_stdout_or_a_file(command: Command, trained: str, tmp_path: Path) -> None:
    (tmp_path / "new.csv").write_text("id,text\n1,nice fresh\n2,awful bitter\n")
    said = command("predict", "@latest", "new.csv")
    assert said.code == 0, said.err
    rows = [json.loads(line) for line in said.out.splitlines()]
    assert [(row["row"], row["prediction"]) for row in rows] == [(1, "good"), (2, "bad")]
    for row in rows:
        assert sum(row["probabilities"].values()) == pytest.approx(1)
        assert row["probability"] == row["probabilities"][row["prediction"]] > 0.5
    as_csv = command("predict", "taster@latest", "new.csv", "--out", "said.csv")
    assert (as_csv.code, as_csv.out) == (0, "")
    with (tmp_path / "said.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert [(line["row"], line["prediction"], float(line["probability"])) for line in lines] == [
        (str(row["row"]), row["prediction"], row["probability"]) for row in rows
    ]
    assert command("predict", "words", "new.csv", "--out", "said.jsonl").code == 0
    assert (tmp_path / "said.jsonl").read_text() == said.out
    assert len(benchmarks(command, "id")) == 2, "predicting records nothing"


@pytest.mark.slow
def test_what_cannot_be_judged_is_said(command: Command, trained: str, tmp_path: Path) -> None:
    write_texts(tmp_path / "misnamed.csv", labels="lable")
    write_texts(tmp_path / "fine.csv")
    (tmp_path / "strangers.csv").write_text("text,label\nnice,one\nbitter,two\n")
    (tmp_path / "series.npz").write_bytes(b"PK")
    cases = [
        (("evaluate", "words", "misnamed.csv"), 2, "no column 'label'; did you mean lable?"),
        (("evaluate", "words", "strangers.csv"), 2, "No label of strangers"),
        (("evaluate", "words", "nowhere.csv"), 1, "nowhere.csv does not exist"),
        (("predict", "words", "series.npz"), 2, "holds series, not texts"),
        (("benchmark", "taster@9"), 1, "Agent 'taster' has no version '9'"),
        (("benchmark", "nobody@latest"), 1, "Agent 'nobody' has no versions"),
        (("predict", "nothing", "fine.csv"), 1, "There is no run 'nothing'"),
    ]
    for arguments, code, message in cases:
        said = command(*arguments)
        assert (said.code, said.out) == (code, ""), said.err
        assert message in said.err
        assert "Hint: " in said.err
        assert "Traceback" not in said.err
    assert len(benchmarks(command, "id")) == 2, "nothing of that was recorded"


def test_a_model_that_was_changed_is_not_used(command: Command, trained: str, tmp_path: Path) -> None:
    weights = tmp_path / "yard" / "runs" / trained / "model" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\0")
    for arguments in (("benchmark", "words"), ("predict", "words", "texts.csv")):
        said = command(*arguments)
        assert (said.code, said.out) == (1, "")
        assert "its sha256 does not agree" in said.err


def test_a_run_without_a_model_has_nothing_to_judge(command: Command, trained: str, tmp_path: Path) -> None:
    (tmp_path / "endless.yaml").write_text(ENDLESS)
    run = command("launch", "endless.yaml").out.strip()
    assert command("cancel", run, "--force", "--yes").code == 0
    said = command("benchmark", run)
    assert said.code == 1
    assert "has saved no model: it is cancelled" in said.err


def test_a_transfer_starts_from_a_version_of_another_agent(command: Command, trained: str, tmp_path: Path) -> None:
    pupil = "agent: pupil\nmodel: {model_type: cnn1d, channels: [8]}\ntraining_data: {source: sklearn-digits}\n"
    short = "hyperparameters: {epochs: 1, batch_size: 64}\n"
    (tmp_path / "teacher.yaml").write_text(pupil.replace("pupil", "teacher") + short)
    (tmp_path / "pupil.yaml").write_text(pupil + short + "start_from: teacher@1\n")
    (tmp_path / "wrong.yaml").write_text(pupil + short + "start_from: taster@1\n")
    missing = command("train", "pupil.yaml")
    assert missing.code == 1
    assert "Agent 'teacher' has no versions" in missing.err
    source = command("train", "teacher.yaml").out.strip()
    done = command("train", "pupil.yaml")
    assert done.code == 0, done.err
    columns = "source_run_id, head_transferred, score_before, score_after, status"
    (row,) = command("sql", f"SELECT {columns} FROM transfer_learning_sessions", "--format", "json").rows
    assert (row["source_run_id"], row["head_transferred"], row["status"]) == (source, True, "completed")
    (taught,) = command("benchmark", "teacher@1", "--format", "json").rows[:1]
    assert row["score_before"] == pytest.approx(taught["accuracy_score"]), "the same model on the same examples"
    wrong = command("train", "wrong.yaml")
    assert wrong.code == 2
    assert "start_from: taster@1 is a tfidf_logreg, this model a cnn1d" in wrong.err
    assert command("runs", "--agent", "pupil", "--format", "json").rows[0]["status"] == "completed"
