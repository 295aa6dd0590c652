"""Where a view's columns come from, and views in other engines' SQL."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
import sqlglot

from runyard.core.errors import Invalid
from runyard.service.lineage import DIALECTS, Step, origins, steps, translated
from runyard.store import catalog
from runyard.store.migrate import views

Command = Callable[..., Any]
OURS = re.compile(r"(?i)\b(finite_or_null|oriented_loss|is_terminal|waste_label|gain|is_more)\(")
VIEWS = [view.name for view in views()]


def test_a_number_is_followed_to_the_columns_of_events(command: Command) -> None:
    said = command("lineage", "overtraining_waste", "wasted_epochs", "--format", "json")
    assert said.code == 0, said.err
    found = {(row["table"], row["source"]) for row in said.rows}
    assert {("training_epochs", "epoch"), ("training_epochs", "val_loss")} <= found
    assert {table for table, _ in found} <= {"training_epochs", "training_sessions"}


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_rests_on_tables_of_events(view: str) -> None:
    tables = set(catalog.columns()) - set(VIEWS)
    first, *_, last = catalog.columns()[view]
    for column in {first, last}:
        for origin in origins(view, column):
            assert origin.table in tables
            assert origin.source in catalog.columns()[origin.table]


def test_the_steps_of_a_number_lead_from_view_to_view_to_the_tables() -> None:
    found = steps("run_report", "wasted_cost_usd")
    assert found[0] == Step("run_report", "wasted_cost_usd", "overtraining_waste", "wasted_cost_usd")
    assert Step("overtraining_waste", "wasted_cost_usd", "curve_facts", "time_share_after_best") in found
    assert Step("curve_facts", "time_share_after_best", "curves", "epoch_seconds") in found
    ends = {(step.relation, step.source) for step in found} - {(step.view, step.column) for step in found}
    assert ends == {(origin.table, origin.source) for origin in origins("run_report", "wasted_cost_usd")}


def test_a_count_of_rows_is_made_of_no_column() -> None:
    assert steps("waste_by_month", "runs") == []


@pytest.mark.parametrize(
    ("arguments", "words"), [(["nothing"], "overtraining_waste"), (["curves", "nothing"], "session_id")]
)
def test_what_is_not_there_is_answered_with_what_is(command: Command, arguments: list[str], words: str) -> None:
    said = command("lineage", *arguments)
    assert said.code == 1
    assert words in said.err


@pytest.mark.parametrize("dialect", ["postgres", "spark"])
@pytest.mark.parametrize("view", VIEWS)
def test_every_view_is_printed_for_another_engine_without_our_macros(view: str, dialect: str) -> None:
    text, missing = translated(view, dialect)
    assert not OURS.search(text)
    if not any("Look it over" in line for line in missing):
        assert isinstance(sqlglot.parse_one(text, dialect=dialect), sqlglot.exp.Query)


def test_a_query_is_printed_in_another_dialect(command: Command) -> None:
    said = command("sql", "SELECT finite_or_null(val_loss) AS x FROM training_epochs", "--dialect", "postgres")
    assert said.code == 0, said.err
    assert "CASE WHEN" in said.out
    assert "finite_or_null" not in said.out


def test_what_an_engine_has_no_words_for_is_said(command: Command) -> None:
    said = command("sql", "curve_facts", "--dialect", "postgres")
    assert said.code == 0
    assert "does not support" in said.err


@pytest.mark.parametrize(
    ("query", "dialect"), [("FROM runs", "basic"), ("DROP TABLE runs", "spark"), ("FROM (", "spark")]
)
def test_what_cannot_be_translated_is_wrong_usage(query: str, dialect: str) -> None:
    with pytest.raises(Invalid):
        translated(query, dialect)


def test_every_dialect_that_is_named_is_one(command: Command) -> None:
    for dialect in DIALECTS:
        assert command("sql", "FROM runs", "--dialect", dialect).out.strip()
