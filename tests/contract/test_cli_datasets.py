"""`datasets list|show|add`, and a run whose session names the version."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., Any]
TABLE = "height,colour,label\n" + "".join(f"{n},{'red' if n % 3 else 'blue'},{'ab'[n % 2]}\n" for n in range(24))


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "plants.csv"
    path.write_text(TABLE, "utf-8")
    return path


@pytest.mark.slow
def test_a_file_is_shown_added_listed_and_trained_on(command: Command, table: Path, tmp_path: Path) -> None:
    added = command("datasets", "add", table, "--name", "flowers", "--format", "json")
    assert added.code == 0, added.err
    row = added.rows[0]
    sha256 = hashlib.sha256(TABLE.encode()).hexdigest()
    assert (row["name"], row["sha256"], row["rows"]) == ("flowers", sha256, 24)
    assert row["version"] == f"flowers@{sha256[:12]}"
    assert "training_data.source: flowers" in added.err

    shown = command("datasets", "show", "flowers", "-f", "json").rows[0]
    assert shown["classes"] == {"a": 12, "b": 12}
    assert [(column["name"], column["kind"], column["looks_like"]) for column in shown["columns"]] == [
        ("height", "number", None), ("colour", "word", None), ("label", "word", "label")]  # fmt: skip
    assert "height" in command("datasets", "show", table).out
    assert command("datasets", "show", table, "-f", "csv").out.count("\n") == 4

    config = tmp_path / "run.yaml"
    config.write_text("model: {model_type: logistic_regression}\ntraining_data: {source: flowers}\n", "utf-8")
    trained = command("train", config)
    assert trained.code == 0, trained.err
    listed = {row["name"]: row for row in command("datasets", "list", "-f", "json").rows}
    assert listed["flowers"]["versions"] == 1, "training saw the version that was added"
    assert listed["flowers"]["newest_version"] == row["version"]
    said = command("sql", "SELECT id, trainings, split FROM dataset_versions", "-f", "json").rows
    assert [(line["id"], line["trainings"]) for line in said] == [(row["version"], 1)]
    assert command("rebuild").code == 0
    again = command("sql", "SELECT id, trainings, split FROM dataset_versions", "-f", "json").rows
    assert again == said, "journals are the truth of data sets, too"


def test_what_cannot_be_added_is_said_and_leaves_nothing(command: Command, table: Path, tmp_path: Path) -> None:
    assert command("datasets", "add", table).code == 0
    there = sorted(path.name for path in (tmp_path / "yard" / "datasets").iterdir())
    table.write_text(TABLE.replace("red", "green"), "utf-8")
    other = command("datasets", "add", table)
    assert (other.code, "another data set 'plants'" in other.err) == (1, True)
    torn = tmp_path / "torn.jsonl"
    torn.write_text('{"a": 1}\n{"a": \n', "utf-8")
    for bad, words in (
        (torn, "line 2"),
        (tmp_path / "none.csv", "does not exist"),
        (tmp_path, "text"),
        ("~nosuchuser/x.csv", "no such home folder"),
    ):
        said = command("datasets", "add", bad, "--name", "x")
        assert said.code in (1, 2)
        assert words in said.err
    assert command("datasets", "show", "nothing").code == 1
    assert sorted(path.name for path in (tmp_path / "yard" / "datasets").iterdir()) == there


def test_a_folder_of_texts_is_a_data_set(command: Command, tmp_path: Path) -> None:
    for number in range(12):
        path = tmp_path / "mail" / ("spam" if number % 2 else "ham") / f"{number}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("buy cheap watches now" if number % 2 else "see you at the meeting", "utf-8")
    (tmp_path / "mail" / "ham" / "photo.jpg").write_bytes(b"no text")
    added = command("datasets", "add", tmp_path / "mail", "-f", "json").rows[0]
    assert added["classes"] == {"spam": 6, "ham": 6}
    config = tmp_path / "run.yaml"
    config.write_text(json.dumps({"model": {"model_type": "tfidf_logreg"}, "training_data": {"source": "mail"}}))
    trained = command("train", config)
    assert trained.code == 0, trained.err
    said = command("sql", "SELECT dataset_id FROM training_sessions", "-f", "json").rows
    assert said == [{"dataset_id": added["version"]}]
