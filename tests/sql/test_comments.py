"""Every column of every view says what it is, and says it of what it really is."""

from __future__ import annotations

from typing import Any

import pytest
from sqlglot import exp
from sqlglot.lineage import lineage

from runyard.store import catalog, comments
from runyard.store.migrate import Source, views

VIEWS = [pytest.param(view, id=view.name) for view in views()]


def columns(tables: Any) -> dict[str, dict[str, str | None]]:
    found: dict[str, dict[str, str | None]] = {}
    for row in tables.rows("SELECT table_name, column_name, comment FROM duckdb_columns() WHERE NOT internal"):
        found.setdefault(row["table_name"], {})[row["column_name"]] = row["comment"]
    return found


@pytest.mark.parametrize("view", VIEWS)
def test_every_column_has_a_comment(tables: Any, view: Source) -> None:
    silent = [column for column, comment in columns(tables)[view.name].items() if not comment]
    assert not silent, f"say what these are, `…, -- like this` beside them in {view.name}.sql: {', '.join(silent)}"


@pytest.mark.parametrize("view", VIEWS)
def test_what_stands_beside_a_column_is_its_comment(tables: Any, view: Source) -> None:
    beside = comments.said(view.text)
    assert beside.items() <= columns(tables)[view.name].items(), "a comment stands beside what is no column"
    assert view.text.count(" -- ") == len(beside), "one column is spoken of twice"


@pytest.mark.parametrize("view", VIEWS)
def test_a_comment_from_below_is_of_a_column_that_it_is_made_of(tables: Any, view: Source) -> None:
    known = columns(tables)
    schema: dict[str, object] = dict(catalog.columns())
    for column in known[view.name].keys() - comments.said(view.text).keys():
        relation = comments.passed_on_by(view.text, column, known)
        root = lineage(column, view.text, schema=schema, dialect="duckdb")
        made_of = {
            (node.source.name, node.name.rpartition(".")[2])
            for node in root.walk()
            if isinstance(node.source, exp.Table)
        }
        assert (relation, column) in made_of, f"{view.name}.{column} needs a comment of its own"
        assert known[view.name][column] == known[relation or ""][column]


def test_the_comment_of_a_view_is_its_header_alone() -> None:
    source = Source(
        "a", "-- One row is a run.\n-- grain: id\nWITH x AS (SELECT 1 AS id)\n-- Not this.\nSELECT id\nFROM x\n"
    )
    assert source.comment == "One row is a run. grain: id"
