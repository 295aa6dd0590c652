"""The command line: formats, exit codes, and yards that are missing, newer, damaged or read-only."""

from __future__ import annotations

import csv
import ctypes
import io
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yards

from runyard.cli.errors import EXIT_CODES
from runyard.core import errors

Command = Callable[..., Any]
STORIES = tuple(story for story in yards.STORIES if story.status != "queued")
READING = (
    ("runs",), ("show", "watch-cnn"), ("doctor",), ("sql", "SELECT id, name, queued_at FROM runs"),
)  # fmt: skip
WRITING_TO_WHAT_IS_THERE = (
    ("cancel", "x"),
    ("resume", "x"),
    ("fork", "x"),
    ("rewind", "x", "--to", "1"),
    ("publish",),
    ("rebuild",),
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("cli") / "yard"
    yards.full_yard(home, STORIES)
    return home


@pytest.fixture
def full(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "yard", symlinks=True))


@pytest.mark.parametrize("verb", READING, ids=lambda verb: verb[0])
def test_json_is_an_array_of_objects_alone_on_stdout(command: Command, full: Path, verb: tuple[str, ...]) -> None:
    said = command(*verb, "--format", "json")
    assert said.code == 0, said.err
    assert said.rows
    assert all(isinstance(row, dict) for row in said.rows)


@pytest.mark.parametrize("verb", READING, ids=lambda verb: verb[0])
def test_csv_has_the_same_columns_as_json(command: Command, full: Path, verb: tuple[str, ...]) -> None:
    in_csv = list(csv.DictReader(io.StringIO(command(*verb, "--format", "csv").out)))
    in_json = command(*verb, "--format", "json").rows
    assert [list(row) for row in in_csv] == [list(row) for row in in_json]


@pytest.mark.parametrize("verb", READING, ids=lambda verb: verb[0])
def test_a_piped_table_has_no_colours_and_no_cut_words(command: Command, full: Path, verb: tuple[str, ...]) -> None:
    said = command(*verb)
    assert said.code == 0, said.err
    assert "\x1b" not in said.out
    assert "…" not in said.out
    assert not re.search(r" $", said.out, re.M)


def test_json_values_are_what_programs_expect(command: Command, full: Path) -> None:
    statement = """
    SELECT
      'NaN'::DOUBLE AS nan, 'Infinity'::DOUBLE AS inf, 1.50::DECIMAL(9, 2) AS price,
      uuid() AS id, TIMESTAMP '2026-11-21 14:00:00' AS at, TIMESTAMPTZ '2026-11-21 14:00:00+02' AS zoned,
      sum(x) AS total, [1, NULL] AS list, {'a': 'NaN'::DOUBLE} AS inner, true AS yes, NULL AS unknown, 1 AS x, 2 AS x
    FROM range(3) AS t(x)
    """
    row = command("sql", statement, "--format", "json").rows[0]
    assert len(row.pop("id")) == 36
    assert row == {
        "nan": None, "inf": None, "price": "1.50", "at": "2026-11-21T14:00:00Z", "zoned": "2026-11-21T12:00:00Z",
        "total": 3, "list": [1, None], "inner": {"a": None}, "yes": True, "unknown": None, "x": 1, "x_1": 2,
    }  # fmt: skip


def test_csv_tells_nan_from_unknown(command: Command, full: Path) -> None:
    said = command("sql", "SELECT 'NaN'::DOUBLE AS a, NULL AS b, 'x,\"y' AS c", "--format", "csv")
    assert said.out == 'a,b,c\nnan,,"x,""y"\n'


def test_runs_are_filtered_and_newest_first(command: Command, full: Path) -> None:
    assert [row["name"] for row in command("runs", "--agent", "reviewer", "--format", "json").rows] == [
        "reviews-lora-hot", "reviews-lora",
    ]  # fmt: skip
    rows = command("runs", "--status", "failed", "--status", "cancelled", "--format", "json").rows
    assert {row["status"] for row in rows} == {"failed", "cancelled"}
    (watch,) = (row for row in command("runs", "--format", "json").rows if row["name"] == "watch-cnn")
    assert watch["wasted_epochs"] > 0
    limited = command("runs", "--limit", "2", "--format", "json")
    assert len(limited.rows) == 2
    assert "--limit" in limited.err
    nothing = command("runs", "--agent", "nobody", "--format", "json")
    assert (nothing.code, nothing.rows) == (0, [])


def test_show_is_an_array_of_one_with_its_config_as_an_object(command: Command, full: Path) -> None:
    (row,) = command("show", "watch-cnn", "--format", "json").rows
    assert row["status"] == "completed"
    assert row["config"]["hyperparameters"]["epochs"] == 60
    assert row["wasted_epochs"] > 0
    prefix = row["id"][:18]
    assert command("show", prefix, "--format", "json").rows[0]["id"] == row["id"]
    assert command("show", "@best:val_loss", "--format", "json").code == 0


@pytest.mark.parametrize("reference", ["nothing", "zzzzzzzz", "01"])
def test_an_unknown_run_fails_with_a_hint(command: Command, full: Path, reference: str) -> None:
    said = command("show", reference)
    assert (said.code, said.out) == (1, "")
    assert "runyard runs" in said.err


def test_an_ambiguous_prefix_says_which_runs_it_means(command: Command, full: Path) -> None:
    ids = [row["id"] for row in command("runs", "--format", "json").rows]
    said = command("show", ids[0][:8])  # ids begin with their time: eight digits are a minute
    assert said.code == 1
    assert sum(run_id in said.err for run_id in ids) == 2


def test_names_cannot_command_the_terminal(command: Command, tmp_path: Path) -> None:
    name = "red\x1b[31m\x07 [bold]x[/bold]"
    yards.full_yard(tmp_path / "yard", (yards.Story(name, "completed", 2, 2, 1),))
    for said in (command("runs"), command("show", "@latest"), command("show", "\x1b[2J")):
        assert "\x1b" not in said.out + said.err
        assert "\x07" not in said.out + said.err
    assert "[bold]x[/bold]" in command("runs").out


def test_every_error_class_has_an_exit_code() -> None:
    leaves = {item for item in vars(errors).values() if isinstance(item, type) and issubclass(item, Exception)}
    assert leaves - {errors.RunyardError} == set(EXIT_CODES)
    assert set(EXIT_CODES.values()) == {1, 2}


@pytest.mark.parametrize(
    "arguments",
    [
        ("nonsense",), ("runs", "--nonsense"), ("runs", "--status", "happy"), ("runs", "--limit", "0"),
        ("runs", "--format", "xml"), ("show",), ("train", "no-such.yaml"), ("sql", ""),
        ("sql", "FROM runs", "--limit", "-1"), ("sql", "FROM runs", "--tiemout", "3"), ("serve", "--port", "99999"),
        ("cancel", "watch-cnn-live", "--force"), (),
    ],
    ids=lambda arguments: " ".join(arguments) or "nothing",
)  # fmt: skip
def test_wrong_usage_is_exit_code_2_and_says_what_is_right(
    command: Command, full: Path, arguments: tuple[str, ...]
) -> None:
    said = command(*arguments)
    assert said.code == 2
    assert said.err or said.out


def test_the_environment_is_checked_with_all_its_mistakes(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNYARD_MAX_WORKERS", "many")
    monkeypatch.setenv("RUNYARD_GPU_ENABLED", "perhaps")
    said = command("runs")
    assert said.code == 2
    assert "RUNYARD_MAX_WORKERS" in said.err
    assert "RUNYARD_GPU_ENABLED" in said.err


@pytest.mark.parametrize("verb", [*READING, *WRITING_TO_WHAT_IS_THERE], ids=lambda verb: verb[0])
def test_verbs_that_need_a_yard_say_that_there_is_none(command: Command, tmp_path: Path, verb: tuple[str, ...]) -> None:
    said = command("--yard", tmp_path / "none", *verb)
    assert (said.code, said.out) == (1, "")
    assert f"no yard at {tmp_path / 'none'}" in said.err
    assert "Hint: " in said.err
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("verb", READING, ids=lambda verb: verb[0])
def test_a_newer_yard_is_not_touched(command: Command, full: Path, verb: tuple[str, ...]) -> None:
    with duckdb.connect(str(full / "store" / "live.duckdb")) as db:
        db.execute("INSERT INTO schema_version VALUES (9999, 'from_the_future', 'x', TIMESTAMP '2030-01-01')")
    said = command(*verb)
    assert said.code == 1
    assert "newer" in said.err + said.out
    assert "Traceback" not in said.err


def test_rebuild_mends_a_store_that_cannot_be_read(command: Command, full: Path) -> None:
    (full / "store" / "live.duckdb").write_bytes(b"this is no database" * 1000)
    (full / "events" / "more.jsonl").write_bytes(b'{"k": "metrics"}\n')  # something waits: the store must be opened
    broken = command("show", "watch-cnn")
    assert broken.code == 1
    assert "rebuild" in broken.err
    assert command("rebuild").code == 0
    assert command("show", "watch-cnn", "--format", "json").rows[0]["completed_epochs"] == 60


def test_rebuild_names_a_damaged_journal_and_leaves_the_store_as_it_was(command: Command, full: Path) -> None:
    journal = next((full / "runs").glob("*/journal-*.jsonl.zst"))
    journal.write_bytes(b"damage" + journal.read_bytes())
    said = command("rebuild")
    assert said.code == 1
    assert journal.name in said.err
    assert len(command("runs", "--format", "json").rows) == len(STORIES)


def test_publish_prints_a_copy_that_duckdb_opens(command: Command, full: Path) -> None:
    said = command("publish")
    assert said.code == 0, said.err
    with duckdb.connect(said.out.strip()) as db:
        assert db.execute("SELECT count(*) FROM runs").fetchone() == (len(STORIES),)


def test_doctor_fails_where_something_is_wrong(command: Command, full: Path) -> None:
    assert command("doctor").code == 0
    (full / "runyard.duckdb").unlink()
    said = command("doctor", "--format", "json")
    assert said.code == 1
    assert [row["name"] for row in said.rows if row["state"] == "failed"] == ["published"]


@pytest.mark.slow
def test_a_read_only_yard_can_be_read_and_says_why_it_cannot_be_written(full: Path) -> None:
    for folder, _, files in os.walk(full):
        for name in files:
            os.chmod(Path(folder) / name, 0o444)
        os.chmod(folder, 0o555)
    for verb in READING:
        done = bound_by_modes("--yard", full, *verb)
        assert "Traceback" not in done.stderr
        assert done.returncode == (1 if verb[0] == "doctor" else 0), (verb, done.stderr)
    done = bound_by_modes("--yard", full, "rebuild")
    assert done.returncode == 1
    assert "cannot be written" in done.stderr
    for folder, _, _ in os.walk(full):
        os.chmod(folder, 0o755)


def bound_by_modes(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run `runyard` without root's power to write what is read-only."""

    def drop() -> None:
        drop_bound, dac_override = 24, 1
        ctypes.CDLL(None).prctl(drop_bound, dac_override, 0, 0, 0)

    return subprocess.run(
        [sys.executable, "-m", "runyard.cli", *arguments],
        preexec_fn=drop if os.geteuid() == 0 and sys.platform == "linux" else None,
        capture_output=True,
        text=True,
        check=False,
    )


def test_help_of_every_verb_is_there_and_heavy_libraries_are_not() -> None:
    code = (
        "import sys; from runyard.cli import main; main(['--help']); "
        "print([name for name in ('duckdb', 'polars', 'pyarrow', 'pydantic', 'streamlit', 'torch') "
        "if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("[]\n")
    listed = set(re.findall(r"^  (\w+)  +\w", done.stdout, re.M))
    assert listed == {
        "serve", "demo", "train", "launch", "start", "presets", "preflight", "runs", "show", "cancel", "resume",
        "import", "sql", "rebuild", "publish", "doctor", "export", "merge", "lineage", "benchmark", "evaluate",
        "predict", "settings", "record", "tag", "note", "group", "rename", "archive", "unarchive", "delete",
        "undelete", "gc", "fork", "rewind", "datasets", "prices",
    }  # fmt: skip


def test_version(command: Command) -> None:
    said = command("--version")
    assert said.code == 0
    assert re.fullmatch(r"runyard \d+\.\d+\.\d+\S*\n", said.out)


def test_a_reader_that_has_seen_enough_is_no_traceback(full: Path) -> None:
    line = f'"{sys.executable}" -m runyard.cli --yard "{full}" sql "FROM range(10000)" --format csv | head -1'
    done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=False)
    assert done.stdout == "range\n"
    assert "Traceback" not in done.stderr
