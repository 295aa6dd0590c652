"""Each view against its golden file on the world made by hand; every label of every macro occurs there.

After a change that is meant `python tests/sql/test_golden.py` writes the files anew; read what changed in them.
"""

from __future__ import annotations

import csv
import io
import math
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
import sqlglot
from sqlglot import expressions as exp

sys.path.insert(0, str(Path(__file__).parent))

from conftest import Tables
from golden_world import world

from runyard.core.paths import resource
from runyard.store.migrate import migrate, views

GOLDEN = Path(__file__).parent / "data" / "golden"
NAMES = [view.name for view in views()]


@pytest.fixture(scope="module")
def golden() -> Iterator[Tables]:
    with duckdb.connect(config={"threads": 1}) as duck:
        yield filled(duck)


def filled(duck: duckdb.DuckDBPyConnection) -> Tables:
    migrate(duck, {}, replace_views=True)
    tables = Tables(duck)
    for table, rows in world().items():
        tables.insert(table, rows)
    return tables


def said(tables: Tables, view: str) -> list[list[str]]:
    """Return the rows of a view as texts, its columns first, in the order of the texts."""
    columns = [row["column_name"] for row in tables.rows(f"DESCRIBE {view}")]
    cast = ", ".join(f'CAST("{name}" AS VARCHAR) AS "{name}"' for name in columns)
    rows = ([row[name] or "" for name in columns] for row in tables.rows(f"SELECT {cast} FROM {view}"))
    return [columns, *sorted(rows)]


def is_same(found: str, wanted: str) -> bool:
    if found == wanted:
        return True
    try:
        return math.isclose(float(found), float(wanted), rel_tol=1e-9, abs_tol=1e-9)
    except ValueError:
        return False


@pytest.mark.parametrize("view", NAMES)
def test_a_view_says_what_its_golden_file_says(golden: Tables, view: str) -> None:
    wanted = list(csv.reader(io.StringIO((GOLDEN / f"{view}.csv").read_text())))
    found = said(golden, view)
    assert found[0] == wanted[0]
    assert len(found) == len(wanted)
    assert len(found) > 1, "a golden file without a row proves nothing"
    apart = [(row, line) for row, line in zip(found, wanted, strict=True) if not all(map(is_same, row, line))]
    assert apart == []


def test_there_is_no_golden_file_without_a_view() -> None:
    assert {path.stem for path in GOLDEN.iterdir()} == set(NAMES)


def labels() -> dict[str, set[str]]:
    """Return the texts that each macro may answer with: those that follow THEN or ELSE."""
    found: dict[str, set[str]] = {}
    for statement in sqlglot.parse((resource("sql") / "macros.sql").read_text(), dialect="duckdb"):
        if not isinstance(statement, exp.Create) or not isinstance(statement.expression, exp.Case):
            continue
        ends = [
            end
            for case in statement.expression.find_all(exp.Case)
            for end in (case.args.get("default"), *(branch.args["true"] for branch in case.args["ifs"]))
        ]
        texts = {end.name for end in ends if isinstance(end, exp.Literal) and end.is_string}
        if texts:
            found[statement.this.this.name] = texts
    return found


def test_the_labels_are_found() -> None:
    assert {"waste_label", "improvement_label", "transfer_label", "version_label", "waste_line"} < labels().keys()
    assert labels()["transfer_label"] >= {"highly_effective", "insufficient_data"}


@pytest.fixture(scope="module")
def texts(golden: Tables) -> list[set[str]]:
    """What stands in each column of texts of each view."""
    found = []
    for view in NAMES:
        names = [row["column_name"] for row in golden.rows(f"DESCRIBE {view}") if row["column_type"] == "VARCHAR"]
        rows = golden.rows(f"FROM {view}")
        found += [{row[name] for row in rows} - {None} for name in names]
    return found


@pytest.mark.parametrize("macro", labels())
def test_every_label_of_every_macro_occurs(texts: list[set[str]], macro: str) -> None:
    """The column that a macro fills is the one that holds its first label and no text that is none of its own."""
    wanted = labels()[macro]
    seen = [values for values in texts if values and values <= wanted]
    assert seen, f"no view has a column of {macro}"
    assert any(values == wanted for values in seen), (macro, wanted, seen)


def write() -> None:
    GOLDEN.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(config={"threads": 1}) as duck:
        tables = filled(duck)
        for view in NAMES:
            with (GOLDEN / f"{view}.csv").open("w", newline="") as file:
                csv.writer(file, lineterminator="\n").writerows(said(tables, view))


if __name__ == "__main__":
    write()
