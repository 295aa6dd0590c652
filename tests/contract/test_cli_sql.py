"""`runyard sql`: one SELECT on the newest data, and the hostile statements of hostile.sql, each refused in words."""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.feather
import pyarrow.parquet
import pytest
import yards

from runyard.core.clock import now_us
from runyard.core.journal import Journal
from runyard.core.paths import Yard

Command = Callable[..., Any]
SECRET = "do-not-show-this"


def hostile() -> list[Any]:
    lines = (Path(__file__).parent / "hostile.sql").read_text("utf-8").splitlines()
    cases = [line.split(" | ", 2) for line in lines if line and not line.startswith("--")]
    return [pytest.param(int(code), word, statement, id=statement[:60]) for code, word, statement in cases]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("sql") / "yard"
    yards.full_yard(home, (yards.STORIES[0],))
    return home


@pytest.mark.parametrize(("code", "word", "statement"), hostile())
def test_a_hostile_statement_fails_in_words_and_changes_nothing(
    command: Command, home: Path, tmp_path: Path, code: int, word: str, statement: str
) -> None:
    outside, new = tmp_path / "outside", tmp_path / "new"
    for suffix in ("", ".csv", ".parquet"):
        outside.with_name(outside.name + suffix).write_text(SECRET)
    before = digests(home)
    for mark, path in (("@FILE", outside), ("@NEW", new), ("@STORE", home / "store" / "live.duckdb")):
        statement = statement.replace(mark, str(path))
    seconds = "2" if word == "longer than" else "60"
    said = command("--yard", home, "sql", statement, "--timeout", seconds)
    assert (said.code, said.out) == (code, "")
    assert word in said.err
    assert "Hint: " in said.err
    assert SECRET not in said.err
    assert not new.exists()
    assert digests(home) == before


def digests(home: Path) -> dict[str, str]:
    """The contents of everything in the yard that somebody could want to change."""
    return {
        str(path.relative_to(home)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(home.rglob("*"))
        if path.is_file() and path.suffix != ".lock" and path.name != "lock"
    }


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT name FROM runs", "FROM runs SELECT name", "WITH a AS (SELECT name FROM runs) FROM a",
        "SELECT name FROM runs;", "-- which?\nSELECT name FROM runs /* all */",
        "SELECT name FROM overtraining_waste JOIN runs ON id = session_id",
    ],
)  # fmt: skip
def test_a_select_in_any_form_is_answered(command: Command, home: Path, statement: str) -> None:
    assert command("--yard", home, "sql", statement, "--format", "json").rows == [{"name": "watch-cnn"}]


@pytest.mark.parametrize("statement", ["SHOW TABLES", "DESCRIBE runs", "SUMMARIZE runs", "VALUES (1, 2)"])
def test_statements_that_only_describe_are_answered(command: Command, home: Path, statement: str) -> None:
    assert command("--yard", home, "sql", statement, "--format", "json").rows


@pytest.mark.parametrize("before", ["", "-- how?\n", "/* of runs */ "])
@pytest.mark.parametrize("limit", ["0", "5"])
def test_the_plan_of_a_select_is_told(command: Command, home: Path, before: str, limit: str) -> None:
    asked = ("--yard", home, "sql", f"{before}EXPLAIN SELECT name FROM runs;", "--limit", limit)
    (row,) = command(*asked, "--format", "json").rows
    assert (row["explain_key"], "runs" in row["explain_value"]) == ("physical_plan", True)
    assert command(*asked).out == row["explain_value"].rstrip("\n") + "\n"


@pytest.mark.parametrize("kind", ["parquet", "csv", "arrow", "CSV"])
def test_the_answer_goes_to_a_file(command: Command, home: Path, tmp_path: Path, kind: str) -> None:
    file = tmp_path / f"answer.{kind}"
    query = "SELECT range AS n, [range] AS list, union_value(a := 1) AS either FROM range(5)"
    said = command("--yard", home, "sql", query, "--limit", "3", "--to", file)
    assert (said.code, said.out) == (0, "")
    assert f"3 rows are in {file}" in said.err
    assert "--limit 0" in said.err
    read = {"parquet": pa.parquet.read_table, "arrow": pa.feather.read_table}.get(kind, pa.csv.read_csv)
    assert read(file).column("n").to_pylist() == [0, 1, 2]
    assert list(tmp_path.iterdir()) == [file]

    before = file.read_bytes()
    again = command("--yard", home, "sql", "SELECT 1", "--to", file)
    assert (again.code, "is there already" in again.err) == (1, True)
    assert file.read_bytes() == before


def test_a_file_that_cannot_be_is_refused_before_the_query_runs(command: Command, home: Path, tmp_path: Path) -> None:
    for file, code, word in (("answer.xlsx", 2, ".parquet"), ("answer", 2, ".csv"), ("none/answer.csv", 1, "folder")):
        said = command("--yard", home, "sql", "SELECT nothing", "--to", tmp_path / file)
        assert (said.code, word in said.err) == (code, True), said.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("TIMESTAMP '0001-01-01 (BC)'", "0001-01-01 (BC) 00:00:00"),
        ("'99999-01-01'::DATE", "99999-01-01"),
        ("TIMESTAMP 'infinity'", "infinity"),
        ("DATE '-infinity'", "-infinity"),
        ("TIMESTAMPTZ '99999-01-01 00:00:00+00'", "99999-01-01 00:00:00+00"),
        ("[DATE 'infinity']", "[infinity]"),
        ("{'a': TIMESTAMP 'infinity'}", "{'a': infinity}"),
        ("union_value(n := 1)", 1),
    ],
)  # fmt: skip
@pytest.mark.parametrize("layout", ["json", "csv", "table"])
def test_what_python_has_no_value_for_is_text(command: Command, home: Path, value: str, said: Any, layout: str) -> None:
    told = command("--yard", home, "sql", f"SELECT {value} AS x", "--format", layout)
    assert (told.code, told.err) == (0, "")
    assert told.rows == [{"x": said}] if layout == "json" else str(said) in told.out


def test_moments_beside_one_without_an_end_stay_moments(command: Command, home: Path) -> None:
    query = "SELECT unnest([TIMESTAMP '2026-01-01', TIMESTAMP 'infinity', NULL]) AS x"
    assert [row["x"] for row in command("--yard", home, "sql", query, "--format", "json").rows] == [
        "2026-01-01T00:00:00Z", "infinity", None,
    ]  # fmt: skip


def test_the_help_says_how_to_learn_what_columns_mean(command: Command, home: Path) -> None:
    told = " ".join(command("sql", "--help").out.replace("│", " ").split())
    views, columns = re.findall(r'runyard sql "(SELECT [^"]+)"', told)
    named = {row["view_name"]: row["comment"] for row in command("--yard", home, "sql", views, "--format", "json").rows}
    assert "early stopping" in named["overtraining_waste"]
    meant = {
        row["column_name"]: row["comment"] for row in command("--yard", home, "sql", columns, "--format", "json").rows
    }
    assert meant["es_saved_epochs"] == "Epochs that early stopping would have saved."
    assert all(meant.values())


def test_what_was_just_journalled_is_in_the_answer(command: Command, home: Path) -> None:
    run_id = "01900000-0000-7000-8000-000000000001"
    journal = Journal(Yard(home).events / "fresh.jsonl")
    journal.write({"k": "queued", "run": run_id, "at": now_us(), "attempt": 1, "name": "fresh", "launched_by": "sdk"})
    journal.close()
    asked = ("--yard", home, "sql", f"SELECT name FROM runs WHERE id = '{run_id}'", "--format", "json")
    assert command(*asked).rows == [{"name": "fresh"}]


def test_the_limit_cuts_and_says_so(command: Command, home: Path) -> None:
    cut = command("--yard", home, "sql", "FROM range(5)", "--limit", "3", "--format", "json")
    assert len(cut.rows) == 3
    assert "--limit 0" in cut.err
    exact = command("--yard", home, "sql", "FROM range(3)", "--limit", "3", "--format", "json")
    assert (len(exact.rows), exact.err) == (3, "")
    everything = command("--yard", home, "sql", "FROM range(30000)", "--limit", "0", "--format", "csv")
    assert len(everything.out.splitlines()) == 30_001


def test_the_query_may_come_from_stdin(command: Command, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("SELECT 1 AS one"))
    assert command("--yard", home, "sql", "-", "--format", "json").rows == [{"one": 1}]


@pytest.mark.parametrize("seconds", ["0", "-1", "1e9", "nan"])
def test_a_timeout_that_is_none_is_wrong_usage(command: Command, home: Path, seconds: str) -> None:
    said = command("--yard", home, "sql", "SELECT 1", "--timeout", seconds)
    assert said.code == 2
    assert "timeout" in said.err


def test_an_empty_yard_answers_with_no_rows(command: Command, tmp_path: Path) -> None:
    yards.empty_yard(tmp_path / "yard")
    said = command("sql", "FROM runs", "--format", "json")
    assert (said.code, said.rows) == (0, [])
