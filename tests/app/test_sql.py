"""The SQL page: answers, refusals, kept queries, what there is to ask, the quick chart, and answers as files."""

from __future__ import annotations

import csv
import html
import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.csv
import pyarrow.feather
import pyarrow.parquet
import pytest
from streamlit.testing.v1 import AppTest

from runyard.core.errors import Invalid, NotFound, Unavailable
from runyard.core.paths import Yard
from runyard.runtime import open_runtime
from runyard.service import saved_queries
from runyard.service.answers import encoded, for_screen
from runyard.service.sql import ask
from runyard.store.store import Store

Visit = Callable[..., AppTest]
Full = tuple[Path, dict[str, UUID]]


def asked(visit: Visit, home: Path, statement: str, **address: str) -> AppTest:
    at = visit(home, "sql", **{"q": statement, **address})
    at.button(key="sql-run").click().run()
    assert not at.exception, at.exception
    return at


def test_a_statement_in_the_address_is_answered_when_asked(visit: Visit, full: Full) -> None:
    statement = "SELECT name, status FROM runs WHERE status = 'failed'"
    at = visit(full[0], "sql", q=statement)
    assert at.text_area[0].value == statement
    assert "Run a statement" in at.info[0].value, "a link alone runs nothing"

    at.button(key="sql-run").click().run()

    answer = at.dataframe[1].value
    assert answer.to_dict("records") == [{"name": "reviews-lora-hot", "status": "failed"}]
    assert any(caption.value.startswith("1 row ") for caption in at.caption)
    assert {button.key for button in at.get("download_button")} == {"sql-csv", "sql-parquet", "sql-arrow"}


@pytest.mark.parametrize("example", saved_queries.examples(), ids=lambda example: example.name)
def test_every_example_has_rows(full: Full, example: saved_queries.SavedQuery) -> None:
    assert ask(open_runtime(full[0]), example.statement).table.num_rows


def test_choosing_an_example_writes_its_statement(visit: Visit, full: Full) -> None:
    at = visit(full[0], "sql")
    example = saved_queries.examples()[1]

    at.selectbox(key="sql-start").set_value(f"Example: {example.name}").run()

    assert at.text_area[0].value == example.statement


@pytest.mark.parametrize(
    ("statement", "face", "words"),
    [
        ("SELECT * FROM no_such_table", "warning", "no_such_table does not exist"),
        ("DROP TABLE runs", "error", "DROP is not allowed; one SELECT is"),
        ("SELECT * FROM read_text('/etc/passwd')", "error", "was refused"),
        ("", "warning", "There is no statement"),
        ("SELECT count(*) FROM range(100000000000) a, range(1000) b WHERE a.range % 7 = b.range", "warning", "longer"),
    ],
    ids=["wrong name", "a change", "a file", "nothing", "for ever"],
)
def test_what_is_refused_is_a_sentence(visit: Visit, full: Full, statement: str, face: str, words: str) -> None:
    at = visit(full[0], "sql")
    at.text_area[0].set_value(statement)
    at.number_input(key="sql-timeout").set_value(1.0)
    at.button(key="sql-run").click().run()

    assert words in html.unescape(getattr(at, face)[0].value)
    assert not at.exception
    at.text_area[0].set_value("SELECT 1 AS one").run()
    assert any("was changed since" in caption.value for caption in at.caption)


def test_a_limit_that_cuts_says_so(visit: Visit, full: Full) -> None:
    at = asked(visit, full[0], "FROM epochs", **{"sql-limit": "5"})

    assert len(at.dataframe[1].value) == 5
    assert any("The first 5 rows; there are more" in caption.value for caption in at.caption)


def test_tables_and_views_show_their_comments_and_columns(visit: Visit, full: Full) -> None:
    at = visit(full[0], "sql")
    at.selectbox(key="sql-relation").set_value("runs (table)").run()

    assert any("One long job of any kind" in caption.value for caption in at.caption)
    columns = at.dataframe[0].value
    comment = columns.loc[columns["column_name"] == "seed", "data_type"].item()
    assert comment == "BIGINT"
    assert "UUIDv7" in columns["comment"].iloc[0]

    at.selectbox(key="sql-relation").set_value("overtraining_waste (view)").run()
    assert "waste_category" in at.code[0].value
    assert any("Key&#58; session&#95;id" in caption.value for caption in at.caption)
    at.button(key="sql-use").click().run()
    assert at.text_area[0].value == "SELECT *\nFROM overtraining_waste"


def test_a_statement_is_kept_offered_and_deleted(visit: Visit, full: Full, tmp_path: Path) -> None:
    home = tmp_path / "kept"
    shutil.copytree(full[0], home, symlinks=True)
    at = visit(home, "sql", q="SELECT 42 AS answer")
    at.text_input(key="sql-name").set_value("the answer").run()
    at.button(key="sql-save").click().run()

    assert (home / "queries" / "the answer.sql").read_text() == "SELECT 42 AS answer\n"
    again = visit(home, "sql")
    assert again.text_area[0].value == "SELECT 42 AS answer\n", "the first of one's own is what the page opens with"
    again.selectbox(key="sql-gone").set_value("the answer").run()
    again.button(key="sql-delete").click().run()
    assert not list((home / "queries").iterdir())


@pytest.mark.parametrize("name", ["../escape", ".hidden", "a/b", "", "x" * 61, "blank "])
def test_a_name_that_is_no_file_name_is_refused(full: Full, name: str) -> None:
    with pytest.raises(Invalid, match="cannot be used"):
        saved_queries.save(open_runtime(full[0]), name, "SELECT 1")


def test_an_empty_or_endless_statement_is_not_kept(full: Full) -> None:
    rt = open_runtime(full[0])
    with pytest.raises(Invalid, match="no statement"):
        saved_queries.save(rt, "nothing", "  \n")
    with pytest.raises(Invalid, match="longer than"):
        saved_queries.save(rt, "much", "SELECT 1 -- " + "x" * saved_queries.LONGEST_BYTES)
    with pytest.raises(NotFound, match="no saved query"):
        saved_queries.delete(rt, "never kept")


def test_a_folder_that_is_in_the_way_is_said(full: Full, tmp_path: Path) -> None:
    home = tmp_path / "blocked"
    shutil.copytree(full[0], home, symlinks=True)
    (home / "queries").write_text("not a folder")

    with pytest.raises(Unavailable, match="queries cannot be used"):
        saved_queries.save(open_runtime(home), "one", "SELECT 1")


def test_the_quick_chart_draws_the_chosen_columns(visit: Visit, full: Full) -> None:
    statement = "SELECT epoch, train_loss, val_loss, CAST(session_id AS VARCHAR) AS run FROM epochs"
    at = asked(visit, full[0], statement, **{"sql-tab": "Chart", "sql-kind": "Points"})

    chart = at.get("vega_lite_chart")[0]
    spec = json.loads(chart.spec)
    assert spec["encoding"]["x"]["title"] == "epoch"
    assert spec["encoding"]["y"]["title"] == "train_loss"
    assert spec["mark"]["type"] == "point"
    next(box for box in at.selectbox if box.label == "Colour").set_value("run").run()
    assert json.loads(at.get("vega_lite_chart")[0].spec)["encoding"]["color"]["legend"]["title"] == "run"

    at = asked(visit, full[0], "SELECT name FROM runs", **{"sql-tab": "Chart"})
    assert any("needs a column of numbers" in info.value for info in at.info)


def test_a_long_answer_is_thinned_and_says_so(visit: Visit, full: Full) -> None:
    statement = "SELECT range AS x, CASE WHEN range = 7777 THEN 99.0 ELSE 1.0 END AS y FROM range(20000)"
    at = asked(visit, full[0], statement, **{"sql-tab": "Chart", "sql-limit": "30000"})

    assert any("of 20,000 points shown, extremes kept" in caption.value for caption in at.caption)


def test_an_empty_yard_can_be_asked_too(visit: Visit, empty: Path) -> None:
    at = asked(visit, empty, "FROM runs")

    assert "launched or imported" in at.info[0].value


def test_no_yard_is_a_sentence_with_the_remedy(visit: Visit, tmp_path: Path) -> None:
    at = visit(tmp_path / "nowhere", "sql")

    assert "There is no yard" in at.info[0].value


def test_a_broken_snapshot_is_a_sentence_with_the_remedy(visit: Visit, full: Full, tmp_path: Path) -> None:
    home = tmp_path / "broken"
    shutil.copytree(full[0], home, symlinks=True)
    for snapshot in (home / "store").glob("snapshot-*.duckdb"):
        snapshot.write_bytes(b"not a database" * 1000)

    at = visit(home, "sql")

    assert "cannot be read" in at.error[0].value


ODD = """
SELECT 1::TINYINT AS small, 1.5 AS exact, [1, 2] AS list, {'a': [1]} AS struct, MAP {'k': 1} AS map,
  INTERVAL 3 MONTH AS span, 'x'::BLOB AS bytes, TIME '10:00' AS at, TIMESTAMP '2026-01-01 10:00' AS moment,
  uuid() AS id, 'NaN'::DOUBLE AS nan, NULL AS nothing, 'a'::ENUM('a') AS word, [{'b': 1}] AS deep
"""


def test_answers_become_files_of_each_kind(full: Full) -> None:
    table = ask(open_runtime(full[0]), ODD).table

    sheet = pl.read_csv(encoded(table, "csv"))
    assert sheet.columns == table.column_names
    assert json.loads(sheet["struct"][0]) == {"a": [1]}
    assert sheet["span"][0] == "P3M0DT0S"
    parquet = pa.parquet.read_table(io.BytesIO(encoded(table, "parquet")))
    assert parquet.column("list").to_pylist() == [[1, 2]]
    arrow = pa.feather.read_table(io.BytesIO(encoded(table, "arrow")))
    assert arrow.column("map").to_pylist() == [[("k", 1)]]
    shown = for_screen(table)
    assert shown.schema.field("exact").type == pa.float64()
    assert shown.column("deep").to_pylist() == ['[{"b": 1}]']


BEYOND = """
SELECT union_value(n := 1) AS either, [union_value(n := 1)] AS some, [INTERVAL 1 DAY] AS spans,
  DATE '99999-01-01' AS late, TIMESTAMP '0001-01-01 (BC)' AS early, TIMESTAMP 'infinity' AS never,
  [DATE 'infinity'] AS dates, {'a': TIMESTAMP 'infinity'} AS struct
"""


def test_what_a_format_has_no_place_for_is_text_in_it(full: Full) -> None:
    table = ask(open_runtime(full[0]), BEYOND).table

    (row,) = csv.DictReader(io.StringIO(encoded(table, "csv").decode()))
    assert (row["late"], row["early"], row["never"]) == ("99999-01-01", "0001-01-01 (BC) 00:00:00", "infinity")
    parquet = pa.parquet.read_table(io.BytesIO(encoded(table, "parquet")))
    assert [parquet.column(name).to_pylist() for name in ("either", "some")] == [["1"], ["[1]"]]
    assert parquet.schema.field("never").type == pa.timestamp("us")
    arrow = pa.feather.read_table(io.BytesIO(encoded(table, "arrow")))
    assert arrow.column("either").to_pylist() == [1]
    assert for_screen(table).column("never").to_pylist() == ["infinity"]


def test_odd_types_can_be_shown(visit: Visit, full: Full) -> None:
    at = asked(visit, full[0], ODD)

    assert at.dataframe[1].value["span"].iloc[0] == "P3M0DT0S"


def test_the_page_s_lists_say_the_same_in_a_stock_duckdb(full: Full) -> None:
    from runyard.queries import schema

    store = Store(Yard(full[0]))
    store.publish()
    with duckdb.connect(str(Yard(full[0]).link), read_only=True) as shell:
        for query in (schema.relations(), schema.columns("runs")):
            assert shell.sql(query.shell).pl().rows() == store.read(query.sql, list(query.arguments)).rows()


def test_lineage_is_drawn_for_the_column_in_the_address(visit: Visit, full: Full) -> None:
    address = {"sql-part": "Lineage", "lineage-view": "waste_ledger", "lineage-column": "saved_usd"}
    at = visit(full[0], "sql", **address)

    drawn = at.get("graphviz_chart")[0].proto.spec
    assert '"training_sessions":"training_cost_usd":e -> "waste_ledger":"saved_usd":w' in drawn
    assert '"training_epochs":"val_loss":e -> "curves":"loss":w' in drawn, "through the views between"
    sources = at.dataframe[0].value
    assert ("training_sessions", "training_cost_usd") in set(zip(sources["table"], sources["source"], strict=True))
    assert at.code[0].value == "runyard lineage waste_ledger saved_usd"
    assert any("Dollars the rule would have saved" in caption.value for caption in at.caption)

    at.selectbox(key="lineage-view").set_value("curves").run()

    assert not at.exception
    assert at.code[0].value == "runyard lineage curves agent_id", "another view, its first column"


def test_a_view_leads_to_its_lineage(visit: Visit, full: Full) -> None:
    at = visit(full[0], "sql", **{"sql-relation": "run_scores (view)"})

    at.button(key="sql-lineage").click().run()

    assert '"run_scores"' in at.get("graphviz_chart")[0].proto.spec
    assert not at.text_area, "the statement is on the other tab"
