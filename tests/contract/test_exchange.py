"""`runyard export` and `runyard merge`: files that other tools open, and two yards that become one."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
from reading import tables
from ready import ready_yard

from runyard.core.journal import Journal, RunJournal
from runyard.core.paths import Yard
from runyard.store import Store

Command = Callable[..., Any]
RUN = "0198a3c0-0000-7000-8000-00000000000{}"
LOGGED = ("runs", "training_sessions", "training_epochs", "metrics", "run_attempts")


def log_run(home: Path, place: int, *, epochs: int = 3, from_epoch: int = 1, ended: bool = True) -> None:
    """Journal a run as its own process would, or go on with one."""
    yard = Yard(home) if home.exists() else ready_yard(home)
    pen = RunJournal(Journal(yard.run(RUN.format(place)).journal(1)), RUN.format(place), 1)
    if from_epoch == 1:
        pen.emit("queued", kind="train", name=f"run {place}", agent="bot", config={"hyperparameters": {"epochs": 9}})
        pen.emit("started", pid=1, host="elsewhere", device="cpu", accelerators=1)
    for epoch in range(from_epoch, from_epoch + epochs):
        pen.metrics(epoch * 10, {"train/loss": 1 / epoch, "lr": math.nan})
        pen.epoch(epoch, step=epoch * 10, val_loss=1 / epoch, train_loss=math.inf, metrics={"f1": 0.5})
    if ended:
        pen.emit("ended", status="completed", steps=30)
    pen.journal.close()


def rows(home: Path) -> dict[str, list[str]]:
    store = Store(Yard(home))
    store.ingest(wait_seconds=5, snapshot=True)
    found = tables(store)
    store.close()
    return {name: found[name] for name in LOGGED}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    log_run(tmp_path / "yard", 1)
    log_run(tmp_path / "yard", 2)
    return tmp_path / "yard"


def hand_over(command: Command, home: Path, file: Path) -> Path:
    said = command("--yard", home, "export", "--handover", file)
    assert said.code == 0, said.err
    return file


@pytest.mark.parametrize("kind", ["parquet", "csv", "arrow"])
def test_tables_and_views_go_to_files_that_polars_reads(
    command: Command, home: Path, tmp_path: Path, kind: str
) -> None:
    names = ("training_epochs", "overtraining_waste")
    said = command("--yard", home, "export", *names, "--to", tmp_path / "out", "--as", kind, "--format", "json")
    assert said.code == 0, said.err
    assert [row["rows"] for row in said.rows] == [6, 2]
    read = {"parquet": pl.read_parquet, "csv": pl.read_csv, "arrow": pl.read_ipc}[kind]
    epochs = read(tmp_path / "out" / f"training_epochs.{kind}")
    assert sorted(epochs["val_loss"].to_list()) == pytest.approx([1 / 3, 1 / 3, 0.5, 0.5, 1, 1])
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(
        f"{name}.{kind}" for name in ("overtraining_waste", "training_epochs")
    )


def test_without_names_everything_is_exported(command: Command, home: Path, tmp_path: Path) -> None:
    said = command("--yard", home, "export", "--to", tmp_path / "out", "--format", "json")
    assert said.code == 0, said.err
    names = {Path(row["file"]).stem for row in said.rows}
    assert {"runs", "metrics", "model_performance_evolution", "model_version_comparison"} <= names


def test_a_handover_opens_in_stock_duckdb_with_views_and_comments(command: Command, home: Path, tmp_path: Path) -> None:
    file = hand_over(command, home, tmp_path / "yard.duckdb")
    with duckdb.connect(str(file)) as db:
        assert db.execute("SELECT count(*) FROM training_epochs").fetchone() == (6,)
        assert db.execute("SELECT count(*) FROM overtraining_waste").fetchone() == (2,)
        views = db.execute("SELECT count(*), count(comment) FROM duckdb_views() WHERE NOT internal").fetchone()
        assert views is not None
        assert views[0] == views[1] > 10
        columns = dict(
            db.execute("SELECT column_name, comment FROM duckdb_columns() WHERE table_name = 'run_overview'").fetchall()
        )
        assert columns["progress"] == "How much of the planned training is done, 0 to 1."
        assert columns["name"] == "What people call it; need not be unique.", "as in the table that it comes from"


def test_a_merged_yard_has_the_rows_of_both_and_a_second_time_nothing_new(
    command: Command, home: Path, tmp_path: Path
) -> None:
    file = hand_over(command, home, tmp_path / "theirs.duckdb")
    log_run(tmp_path / "mine", 3)
    said = command("--yard", tmp_path / "mine", "merge", file, "--format", "json")
    assert said.code == 0, said.err
    assert {row["kind"]: row["events"] for row in said.rows} == {
        "queued": 2, "started": 2, "ended": 2, "epoch": 6, "metrics": 12,
    }  # fmt: skip
    log_run(home, 3)
    merged, alone = rows(tmp_path / "mine"), rows(home)
    assert [len(merged[name]) for name in LOGGED] == [len(alone[name]) for name in LOGGED]
    before = sorted(path.name for path in (tmp_path / "mine" / "events").iterdir())
    again = command("--yard", tmp_path / "mine", "merge", file, "--format", "json")
    assert again.rows == []
    assert "nothing new" in again.err
    assert sorted(path.name for path in (tmp_path / "mine" / "events").iterdir()) == before


def test_a_yard_made_of_a_handover_is_the_same_and_so_is_its_rebuild(
    command: Command, home: Path, tmp_path: Path
) -> None:
    file = hand_over(command, home, tmp_path / "theirs.duckdb")
    assert command("--yard", tmp_path / "new", "merge", file).code == 0
    assert rows(tmp_path / "new") == rows(home)
    store = Store(Yard(tmp_path / "new"))
    store.rebuild()
    rebuilt = tables(store)
    store.close()
    assert {name: rebuilt[name] for name in LOGGED} == rows(home)


def test_a_later_handover_adds_what_is_new_in_it(command: Command, tmp_path: Path) -> None:
    home = tmp_path / "yard"
    log_run(home, 1, ended=False)
    first = hand_over(command, home, tmp_path / "first.duckdb")
    log_run(home, 1, from_epoch=4)
    second = hand_over(command, home, tmp_path / "second.duckdb")
    for file in (first, second, first):
        assert command("--yard", tmp_path / "new", "merge", file).code == 0
    assert rows(tmp_path / "new") == rows(home)


def test_records_of_models_in_use_are_merged_too(command: Command, home: Path, tmp_path: Path) -> None:
    said = command("--yard", home, "record", "feedback", "--agent", "bot", "--positive", "--id", "first")
    assert said.code == 0, said.err
    file = hand_over(command, home, tmp_path / "theirs.duckdb")
    for _ in range(2):
        assert command("--yard", tmp_path / "new", "merge", file).code == 0
    asked = command(
        "--yard", tmp_path / "new", "sql", "SELECT agent_id, is_positive FROM feedback_events", "--format", "json"
    )
    assert asked.rows == [{"agent_id": "bot", "is_positive": True}]


def write_text(file: Path) -> None:
    file.write_text("no database")


def write_other_database(file: Path) -> None:
    with duckdb.connect(str(file)) as db:
        db.execute("CREATE TABLE runs (id INTEGER)")


def write_hostile_views(file: Path) -> None:
    """A file whose 'tables' read what is outside of it."""
    with duckdb.connect(str(file)) as db:
        for name in ("run_events", "training_epochs", "metrics", "histograms", "recorded_events", "schema_version"):
            db.execute(f"CREATE VIEW {name} AS SELECT content AS body FROM read_text('/etc/hostname')")


@pytest.mark.parametrize("make", [write_text, write_other_database, write_hostile_views])
def test_a_file_that_is_no_handover_changes_nothing(
    command: Command, home: Path, tmp_path: Path, make: Callable[[Path], None]
) -> None:
    make(tmp_path / "other.duckdb")
    before = rows(home)
    said = command("--yard", home, "merge", tmp_path / "other.duckdb")
    assert said.code == 1
    assert "other.duckdb" in said.err
    assert rows(home) == before
    assert not list((home / "events").glob("merge*"))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["export"], "--to DIR or --handover FILE"),
        (["export", "nothing", "--to", "out"], "'nothing' is no table or view"),
        (["export", "--to", "out", "--as", "xlsx"], "parquet, csv, arrow"),
        (["export", "runs", "--handover", "x.duckdb"], "every table"),
    ],
)
def test_wrong_usage_says_how_to_mend_it(
    command: Command, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    said = command("--yard", home, *arguments)
    assert said.code == 2
    assert words in said.err
    assert not (tmp_path / "out").exists()


def test_a_file_that_is_there_is_not_overwritten(command: Command, home: Path, tmp_path: Path) -> None:
    (tmp_path / "taken.duckdb").write_text("mine")
    said = command("--yard", home, "export", "--handover", tmp_path / "taken.duckdb")
    assert said.code == 1
    assert "there already" in said.err
    assert (tmp_path / "taken.duckdb").read_text() == "mine"


def test_the_own_published_copy_is_not_merged(command: Command, home: Path) -> None:
    rows(home)
    said = command("--yard", home, "merge", home / "runyard.duckdb")
    assert said.code == 2
    assert "own" in said.err
