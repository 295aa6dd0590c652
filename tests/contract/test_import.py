"""`runyard import`: what is in the tables afterwards, again, after the source grew, and after it was damaged."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import orjson
import pytest
import zstandard

DATA = Path(__file__).resolve().parents[1] / "data" / "import"
Command = Callable[..., Any]


def select(home: Path, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(home / "runyard.duckdb"), read_only=True) as db:
        return db.execute(sql).fetchall()


def journals(home: Path) -> list[str]:
    return sorted(path.name for path in (home / "events").glob("import-*"))


def journalled(home: Path) -> list[dict[str, Any]]:
    (path,) = (home / "events").glob("import-*")
    content = path.read_bytes()
    return [
        orjson.loads(line)
        for line in (
            zstandard.ZstdDecompressor().decompress(content) if path.suffix == ".zst" else content
        ).splitlines()
    ]


def test_tensorboard_comes_in_whole_and_once(command: Command, home: Path) -> None:
    said = command("import", "tensorboard", DATA / "tensorboard", "--format", "json")
    assert said.code == 0, said.err
    counted = {"fastmri_trial_4": (783, 32), "keras_2020": (102, 17), "librispeech_trial_2": (648, 0)}
    assert {row["name"]: (row["metrics"], row["epochs"]) for row in said.rows} == counted
    in_tables = "SELECT r.name, count(*) FROM metrics AS m JOIN runs AS r ON r.id = m.session_id GROUP BY ALL"
    assert dict(select(home, in_tables)) == {name: metrics for name, (metrics, _) in counted.items()}
    assert select(home, "SELECT DISTINCT status, launched_by, config ->> 'source' FROM runs") == [
        ("completed", "import", "tensorboard")
    ]
    before = journals(home)
    again = command("import", "tensorboard", DATA / "tensorboard", "--format", "json")
    assert {(row["state"], row["metrics"], row["epochs"]) for row in again.rows} == {("known", 0, 0)}
    assert journals(home) == before
    assert len(before) == 1


@pytest.mark.parametrize(
    ("kind", "path", "runs", "metrics", "epochs"),
    [
        ("transformers", "transformers", 1, 38, 3),
        ("csv", "csv", 1, 1052, 49),
        ("mlflow", "mlflow/mlruns", 2, 22, 10),
        ("mlflow", "mlflow/mlflow.db", 2, 22, 10),
        ("wandb", "wandb", 2, 136, 4),
        ("optuna", "optuna/study.db", 9, 32, 24),
        ("optuna", "optuna/journal.log", 9, 32, 24),
    ],
)
def test_every_kind_comes_in_once(
    command: Command, home: Path, kind: str, path: str, runs: int, metrics: int, epochs: int
) -> None:
    said = command("import", kind, DATA / path, "--format", "json")
    assert said.code == 0, said.err
    assert len(said.rows) == runs
    counts = (
        "SELECT (SELECT count(*) FROM runs), (SELECT count(*) FROM metrics), (SELECT count(*) FROM training_epochs)"
    )
    assert select(home, counts) == [(runs, metrics, epochs)]
    assert sum(row["metrics"] for row in said.rows) == metrics
    assert {row["state"] for row in command("import", kind, DATA / path, "--format", "json").rows} == {"known"}
    assert select(home, counts) == [(runs, metrics, epochs)]
    assert select(home, "SELECT count(*) FROM runs WHERE status IN ('queued', 'running')") == [(0,)]
    assert select(home, "SELECT count(*) FROM rejected_events") == [(0,)]
    assert len(journals(home)) == 1


def test_trials_are_children_of_their_study(command: Command, home: Path) -> None:
    command("import", "optuna", DATA / "optuna" / "study.db")
    assert select(
        home,
        "SELECT s.name, count(*) FROM runs AS s JOIN runs AS t ON t.parent_run_id = s.id "
        "WHERE s.kind = 'sweep' GROUP BY 1",
    ) == [("grid", 8)]


def test_a_run_that_ended_after_its_first_import_is_brought_up_to_date(
    command: Command, home: Path, tmp_path: Path
) -> None:
    shutil.copytree(DATA / "mlflow" / "mlruns", tmp_path / "mlruns")
    for meta in tmp_path.rglob("meta.yaml"):
        meta.write_text(meta.read_text().replace("status: 3", "status: 1"))
    command("import", "mlflow", tmp_path / "mlruns")
    assert select(home, "SELECT DISTINCT status, error_kind FROM runs") == [("failed", "unfinished")]
    command("import", "mlflow", DATA / "mlflow" / "mlruns")
    assert select(home, "SELECT DISTINCT status, error_kind, attempt FROM runs") == [("completed", None, 2)]
    assert select(home, "SELECT count(*) FROM metrics") == [(22,)]


def test_times_and_steps_are_the_sources(command: Command, home: Path) -> None:
    command("import", "tensorboard", DATA / "tensorboard" / "keras_2020")
    ((started, ended, first, last),) = select(
        home,
        "SELECT any_value(started_at), any_value(ended_at), min(logged_at), max(logged_at) "
        "FROM runs JOIN metrics ON session_id = id",
    )
    assert str(started)[:16] == "2020-04-01 19:39"
    assert started <= first <= last == ended
    assert select(home, "SELECT min(step), max(step), count(DISTINCT name) FROM metrics") == [(0, 16, 6)]
    assert select(home, "SELECT count(*), count(train_loss), count(val_loss), max(epoch) FROM training_epochs") == [
        (17, 17, 17, 17)
    ]


def test_the_store_made_again_is_the_same(command: Command, home: Path) -> None:
    command("import", "transformers", DATA / "transformers")
    command("import", "tensorboard", DATA / "tensorboard" / "keras_2020")
    command("import", "optuna", DATA / "optuna" / "journal.log")
    tables = ("runs", "metrics", "training_epochs", "training_sessions", "run_attempts")
    before = [select(home, f"SELECT * FROM {table} ORDER BY ALL") for table in tables]
    assert command("rebuild").code == 0
    assert [select(home, f"SELECT * FROM {table} ORDER BY ALL") for table in tables] == before
    assert select(home, "SELECT count(*) FROM rejected_events") == [(0,)]


def test_a_dry_run_writes_nothing_and_says_the_mapping(command: Command, tmp_path: Path) -> None:
    home = tmp_path / "yard"
    said = command("import", "csv", DATA / "csv", "--dry-run")
    assert said.code == 0
    assert "train_loss=train/loss, val_loss=validation/loss" in said.err
    assert "step=global_step" in said.err
    assert "1052" in said.out
    assert not home.exists()


def test_a_mapped_loss_makes_epochs(command: Command, home: Path) -> None:
    folder = DATA / "tensorboard" / "librispeech_trial_2"
    said = command("import", "tensorboard", folder, "--map", "val_loss=validation/ctc_loss", "--format", "json")
    assert [(row["epochs"], row["metrics"]) for row in said.rows] == [(23, 648)]
    wrong = command("import", "tensorboard", folder, "--map", "val_loss=validation/los")
    assert wrong.code == 2
    assert "validation/ctc_loss" in wrong.err


def test_a_grown_source_adds_only_what_is_new(command: Command, home: Path, tmp_path: Path) -> None:
    folder = tmp_path / "tiny-bert"
    shutil.copytree(DATA / "transformers" / "tiny-bert" / "checkpoint-14", folder / "checkpoint-14")
    first = command("import", "transformers", folder, "--format", "json").rows[0]
    assert first["state"] == "new"
    shutil.copytree(DATA / "transformers" / "tiny-bert" / "checkpoint-21", folder / "checkpoint-21")
    then = command("import", "transformers", folder, "--format", "json").rows[0]
    assert (then["id"], then["state"], then["epochs"]) == (first["id"], "grown", 1)
    assert command("import", "transformers", folder, "--format", "json").rows[0]["state"] == "known"
    whole = command(
        "--yard", tmp_path / "other", "import", "transformers", folder / "checkpoint-21", "--format", "json"
    )
    assert whole.rows[0]["metrics"] == first["metrics"] + then["metrics"]
    numbers = "SELECT step, epoch, name, value FROM metrics ORDER BY ALL"
    assert select(home, numbers) == select(tmp_path / "other", numbers)
    epochs = "SELECT epoch, step, train_loss, val_loss, learning_rate FROM training_epochs ORDER BY ALL"
    assert select(home, epochs) == select(tmp_path / "other", epochs)
    assert select(home, "SELECT status, attempt FROM runs") == [("completed", 2)]


def test_damage_is_said_in_the_output_and_in_the_run(command: Command, home: Path, tmp_path: Path) -> None:
    original = next((DATA / "tensorboard" / "fastmri_trial_4").iterdir())
    path = tmp_path / "run" / original.name
    path.parent.mkdir()
    path.write_bytes(original.read_bytes()[:20_000])
    said = command("import", "tensorboard", path.parent)
    assert said.code == 0
    assert "Damaged: " in said.err
    assert "cut at byte" in said.err
    ((message,),) = select(
        home, "SELECT body ->> 'message' FROM run_events WHERE kind = 'notice' AND body ->> 'level' = 'warning'"
    )
    assert "cut at byte" in message
    path.write_bytes(original.read_bytes())
    assert command("import", "tensorboard", path.parent).code == 0
    assert select(home, "SELECT count(*) FROM metrics") == [(783,)]


def test_numbers_that_are_not_finite_are_kept(command: Command, home: Path, tmp_path: Path) -> None:
    table = tmp_path / "log.csv"
    table.write_text("step,epoch,loss,val_loss\n1,1,NaN,inf\n2,2,1,-Infinity\n")
    command("import", "csv", table)
    command("import", "csv", table)
    assert [str(value) for (value,) in select(home, "SELECT value FROM metrics ORDER BY step, name")] == [
        "nan",
        "inf",
        "1.0",
        "-inf",
    ]
    assert select(home, "SELECT epoch, CAST(val_loss AS VARCHAR) FROM training_epochs ORDER BY 1") == [
        (1, "inf"),
        (2, "-inf"),
    ]


def test_events_are_those_of_a_run(command: Command, home: Path) -> None:
    command("import", "transformers", DATA / "transformers", "--agent", "bert", "--workspace", "team")
    kinds = [event["k"] for event in journalled(home)]
    assert (kinds[0], kinds[-1]) == ("queued", "ended")
    assert set(kinds) == {"queued", "planned", "metrics", "epoch", "notice", "ended"}
    assert select(
        home, "SELECT agent_id, workspace_id, started_at, total_epochs, completed_epochs FROM training_sessions"
    ) == [("bert", "team", None, 3, 3)]


@pytest.mark.parametrize(
    "kind", ["transformers", "tensorboard", "csv", "jsonl", "parquet", "mlflow", "wandb", "optuna"]
)
def test_nothing_there_is_said(command: Command, tmp_path: Path, kind: str) -> None:
    (tmp_path / "empty").mkdir()
    for path in ("empty", "missing"):
        said = command("import", kind, tmp_path / path)
        assert said.code == 1
        assert "There is no" in said.err


def test_a_copy_beside_its_original_comes_in_once(command: Command, home: Path, tmp_path: Path) -> None:
    for name in ("run", "backup"):
        shutil.copytree(DATA / "tensorboard" / "keras_2020", tmp_path / "logs" / name)
    said = command("import", "tensorboard", tmp_path / "logs", "--format", "json")
    assert [(row["name"], row["metrics"]) for row in said.rows] == [("backup", 102)]
    assert "run is a copy of this run" in said.err
    assert select(home, "SELECT count(*) FROM metrics") == [(102,)]


def curve(path: Path, *losses: float) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("step,loss\n" + "".join(f"{step},{loss}\n" for step, loss in enumerate(losses, start=1)))


def state(folder: Path, *losses: float) -> None:
    log = [{"step": step, "epoch": float(step), "loss": loss} for step, loss in enumerate(losses, start=1)]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "trainer_state.json").write_bytes(orjson.dumps({"log_history": log, "global_step": len(log)}))


CURVES = "SELECT list(value ORDER BY step) FROM metrics GROUP BY session_id ORDER BY ALL"


def test_tables_that_begin_alike_are_runs_of_their_own(command: Command, home: Path, tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    curve(logs / "lr1" / "run" / "metrics.csv", 1.0, 0.9)
    curve(logs / "lr2" / "run" / "metrics.csv", 1.0, 0.8)
    curve(logs / "lr3" / "run" / "metrics.csv", 1.0, 0.8, 0.4)
    curve(logs / "lr4" / "run" / "metrics.csv", 1.0, 0.8, 0.3)
    said = command("import", "csv", logs, "--format", "json")
    assert "lr2/run/metrics is a copy of this run" in said.err  # as far as it goes
    assert "begins as another run does" in said.err
    assert {row["name"]: row["state"] for row in said.rows} == {f"lr{n}/run/metrics": "new" for n in (1, 3, 4)}
    assert select(home, CURVES) == [([1.0, 0.8, 0.3],), ([1.0, 0.8, 0.4],), ([1.0, 0.9],)]
    again = command("import", "csv", logs, "--format", "json")
    assert [(row["id"], row["state"]) for row in again.rows] == [(row["id"], "known") for row in said.rows]
    curve(logs / "lr1" / "run" / "metrics.csv", 1.0, 0.9, 0.7)
    curve(logs / "lr4" / "run" / "metrics.csv", 1.0, 0.8, 0.3, 0.2)
    grown = command("import", "csv", logs, "--format", "json")
    assert [row["id"] for row in grown.rows] == [row["id"] for row in said.rows]
    assert [row["state"] for row in grown.rows] == ["grown", "known", "grown"]
    assert select(home, CURVES) == [([1.0, 0.8, 0.3, 0.2],), ([1.0, 0.8, 0.4],), ([1.0, 0.9, 0.7],)]


def test_trainer_states_that_begin_alike_are_runs_of_their_own(command: Command, home: Path, tmp_path: Path) -> None:
    state(tmp_path / "a" / "out", 1.0, 0.9)
    state(tmp_path / "b" / "out", 1.0, 0.8, 0.7)
    first = command("import", "transformers", tmp_path / "a", "--format", "json").rows[0]
    other = command("import", "transformers", tmp_path / "b", "--format", "json").rows[0]
    assert (first["state"], other["state"]) == ("new", "new")
    for folder, run in (("a", first), ("b", other)):
        (row,) = command("import", "transformers", tmp_path / folder, "--format", "json").rows
        assert (row["id"], row["state"]) == (run["id"], "known")
    assert select(home, CURVES) == [([1.0, 0.8, 0.7],), ([1.0, 0.9],)]


def test_a_table_imported_while_its_last_line_is_written_stays_one_run(
    command: Command, home: Path, tmp_path: Path
) -> None:
    table = tmp_path / "log.csv"
    for text in ("1,0.5\n2,0.1", "1,0.5\n2,0.125\n3,0.2", "1,0.5\n2,0.125\n3,0.25\n", "1,0.5\n2,0.125\n3,0.25\n4,1\n"):
        table.write_text("step,loss\n" + text)
        assert len(command("import", "csv", table, "--format", "json").rows) == 1
    assert select(home, "SELECT count(*) FROM runs") == [(1,)]


def test_columns_are_for_tables(command: Command) -> None:
    said = command("import", "tensorboard", DATA / "tensorboard", "--map", "step=global_step")
    assert said.code == 2
    assert "tables alone" in said.err


def test_a_source_imported_while_it_grows_ends_as_one_imported_at_its_end(
    command: Command, home: Path, tmp_path: Path
) -> None:
    original = next((DATA / "tensorboard" / "fastmri_trial_4").iterdir())
    content = original.read_bytes()
    path = tmp_path / "run" / original.name
    path.parent.mkdir()
    for size in (5_000, 20_000, 20_001, 40_000, len(content)):
        path.write_bytes(content[:size])
        assert command("import", "tensorboard", path.parent).code == 0
    command("--yard", tmp_path / "other", "import", "tensorboard", path.parent)
    for numbers in (
        "SELECT session_id, name, step, value, logged_at FROM metrics ORDER BY ALL",
        "SELECT session_id, epoch, step, train_loss, val_loss, logged_at FROM epochs ORDER BY ALL",
        "SELECT name, status, queued_at, started_at, ended_at FROM runs",
        "SELECT best_validation_loss, best_epoch, completed_epochs, round(gpu_hours, 9) FROM training_sessions",
    ):
        assert select(home, numbers) == select(tmp_path / "other", numbers)


def test_a_restart_is_a_later_attempt_and_its_epochs_count(command: Command, home: Path, tmp_path: Path) -> None:
    table = tmp_path / "log.csv"
    rows = [(1, 1, 4.0, 100), (2, 2, 3.0, 110), (3, 3, 9.0, 120), (2, 2, 2.5, 300), (3, 3, 2.0, 310)]
    lines = [f"{step},{epoch},{loss},{1_700_000_000 + at}\n" for step, epoch, loss, at in rows]
    table.write_text("".join(["step,epoch,val_loss,timestamp\n", *lines]))
    command("import", "csv", table)
    assert select(home, "SELECT epoch, val_loss, attempt FROM epochs ORDER BY epoch") == [
        (1, 4.0, 1),
        (2, 2.5, 2),
        (3, 2.0, 2),
    ]
    assert select(home, "SELECT attempt, status, epoch_ms(ended_at - started_at) FROM run_attempts ORDER BY 1") == [
        (1, "failed", 20_000),
        (2, "completed", 10_000),
    ]
    assert select(home, "SELECT status, attempt FROM runs") == [("completed", 2)]
    assert select(home, "SELECT count(*) FROM metrics") == [(5,)]


def test_what_a_killed_import_left_is_in_nobodys_way(command: Command, home: Path) -> None:
    command("import", "csv", DATA / "csv")
    (home / "events" / "import-0123.1.tmp").write_text('{"k": "que')
    assert command("import", "transformers", DATA / "transformers").code == 0
    assert not list((home / "events").glob("*.tmp"))
    assert select(home, "SELECT count(*) FROM runs") == [(2,)]
