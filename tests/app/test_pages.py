"""Every page with a full, an empty and a broken yard."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import duckdb
import pyarrow as pa
import pytest
from streamlit.testing.v1 import AppTest
from yards import Story, full_yard

from runyard.core.journal import Journal
from runyard.runtime import open_runtime
from runyard.service import order

PAGES = ("overview", "launch", "live", "run")
Visit = Callable[..., AppTest]
Full = tuple[Path, dict[str, UUID]]


def texts(at: AppTest) -> str:
    """All sentences of a page, alerts included."""
    elements = [*at.markdown, *at.info, *at.warning, *at.error, *at.caption, *at.subheader]
    return "\n".join(str(element.value) for element in elements)


def test_overview_counts_costs_and_lists_every_run(visit: Visit, full: Full) -> None:
    at = visit(full[0])

    figures = {metric.label: metric.value for metric in at.metric}
    assert figures["Active runs"] == "1"
    assert figures["Completed runs"] == "3"
    assert figures["Compute hours"] == "0.251 h"
    table = at.dataframe[0].value
    assert len(table) == 7
    assert list(table["status"].iloc[0]) == ["◷ queued"]
    watch = table[table["name"] == "watch-cnn"].iloc[0]
    assert watch["epochs"] == "60 / 60"
    assert 50 <= watch["wasted"] <= 70
    assert 30 <= len(watch["val_losses"]) <= 62


def test_live_shows_where_the_run_stands(visit: Visit, full: Full) -> None:
    at = visit(full[0], "live")

    assert at.query_params["run"] == str(full[1]["watch-cnn-live"]), "a running run is offered first"
    assert at.progress[0].value == 23
    assert "epoch 14 of 60" in at.progress[0].text
    assert len(at.get("echarts_chart")) == 3
    assert "epoch  14" in at.code[0].value


def test_live_finds_a_line_of_the_log(visit: Visit, full: Full) -> None:
    at = visit(full[0], "live", run=str(full[1]["watch-cnn"]))

    at.text_input(key="live-search").set_value("EPOCH  31").run()

    assert at.code[0].value == "epoch  31  train 0.0323"


def test_run_detail_says_what_was_wasted(visit: Visit, full: Full) -> None:
    at = visit(full[0], "run", id=str(full[1]["watch-cnn"]))

    figures = {metric.label: metric for metric in at.metric}
    assert int(figures["Wasted epochs"].value) == 60 - int(figures["Best validation loss"].delta.split()[-1])
    assert "overtraining" in at.get("html")[1].proto.body


def test_curves_mark_best_stop_and_waste(visit: Visit, full: Full) -> None:
    at = visit(full[0], "run", id="watch-cnn", tab="Curves")

    chart = at.get("vega_lite_chart")[0]
    spec = json.loads(chart.spec)
    assert {layer["mark"]["type"] for layer in spec["layer"]} >= {"line", "rect", "rule", "point", "text"}
    assert "epochs wasted after the best" in chart.proto.alt


@pytest.mark.parametrize("tab", ["Summary", "Curves", "Config", "Environment", "Resources", "Log", "Events"])
@pytest.mark.parametrize("name", ["watch-cnn", "reviews-lora-hot", "watch-cnn-next"])
def test_every_tab_of_runs_with_and_without_results(visit: Visit, full: Full, tab: str, name: str) -> None:
    at = visit(full[0], "run", id=str(full[1][name]), tab=tab)

    assert at.session_state["tab"] == tab
    assert not at.warning


def test_a_failed_run_says_why_and_what_to_try(visit: Visit, full: Full) -> None:
    at = visit(full[0], "run", id="reviews-lora-hot")

    assert "became NaN in epoch 5" in at.error[0].value
    assert "tenth of the learning rate" in at.error[0].value
    assert at.button(key="run-resume").label == "Resume"


@pytest.mark.parametrize("page", ["overview", "live", "run"])
def test_a_name_with_markdown_fetches_nothing(visit: Visit, full: Full, page: str) -> None:
    nasty = next(run_id for name, run_id in full[1].items() if name.startswith("!["))
    at = visit(full[0], page, run=str(nasty), id=str(nasty))

    assert "![x](" not in texts(at)


def test_cancelling_asks_first(visit: Visit, full: Full) -> None:
    at = visit(full[0], "live")

    at.button(key="live-cancel").click().run()

    assert at.button(key="cancel-confirm").label == "Cancel run"
    assert "finishes its step" in texts(at)


def test_an_unknown_run_is_a_sentence(visit: Visit, full: Full) -> None:
    at = visit(full[0], "run", id="no-such-run")

    assert "There is no run" in at.info[0].value


@pytest.mark.parametrize("page", ["overview", "live", "run"])
def test_an_empty_yard_offers_one_way_on(visit: Visit, empty: Path, page: str) -> None:
    at = visit(empty, page)

    assert [button.proto.type for button in at.button] == ["primary"]
    assert not at.metric
    assert not at.dataframe


@pytest.mark.parametrize("page", PAGES)
def test_no_yard_is_a_sentence_with_the_remedy(visit: Visit, tmp_path: Path, page: str) -> None:
    at = visit(tmp_path / "nowhere", page)

    assert "There is no yard" in at.info[0].value
    assert "Launch a run" in at.info[0].value


def leave_an_event(home: Path, run: UUID) -> None:
    """Journal an event that nobody folds for a minute."""
    Journal(home / "events" / "late.jsonl").write({"k": "changed", "run": str(run), "at": 1, "name": "late"})
    long_ago = time.time() - 60
    os.utime(home / "store" / "folded.json", (long_ago, long_ago))


def damage(home: Path) -> None:
    """Overwrite the store and its snapshots, as a bad disk would."""
    for path in (home / "store").glob("*.duckdb"):
        path.write_bytes(b"not a database" * 1000)


def date_forward(home: Path) -> None:
    """Make the store and its snapshots those of a newer Runyard."""
    for path in (home / "store").glob("*.duckdb"):
        with duckdb.connect(str(path)) as db:
            db.execute("INSERT INTO schema_version VALUES (9999, 'from_the_future', 'x', TIMESTAMP '2030-01-01')")


@pytest.mark.parametrize("page", ["overview", "live", "run"])
def test_a_damaged_store_is_a_sentence_with_the_remedy(visit: Visit, full: Full, tmp_path: Path, page: str) -> None:
    home = tmp_path / "broken"
    shutil.copytree(full[0], home, symlinks=True)
    damage(home)

    at = visit(home, page, id=str(full[1]["watch-cnn"]))

    assert "cannot be read" in at.error[0].value
    assert "rebuild" in at.error[0].value


def test_launch_is_a_form_whatever_became_of_the_store(visit: Visit, full: Full, tmp_path: Path) -> None:
    home = tmp_path / "broken"
    shutil.copytree(full[0], home, symlinks=True)
    damage(home)

    at = visit(home, "launch")

    assert [button.label for button in at.button] == ["Start run"]


@pytest.mark.parametrize("page", ["overview", "live"])
def test_events_that_wait_for_a_newer_runyard_say_so(visit: Visit, full: Full, tmp_path: Path, page: str) -> None:
    home = tmp_path / "newer"
    shutil.copytree(full[0], home, symlinks=True)
    date_forward(home)
    leave_an_event(home, full[1]["watch-cnn"])

    at = visit(home, page)

    assert "1 event waits" in at.warning[0].value
    assert "newer Runyard" in at.warning[0].value


def test_a_store_held_by_another_process_names_it(visit: Visit, full: Full, tmp_path: Path) -> None:
    home = tmp_path / "held"
    shutil.copytree(full[0], home, symlinks=True)
    leave_an_event(home, full[1]["watch-cnn"])
    store = str(home / "store" / "live.duckdb")
    hold = f"import duckdb, sys; c = duckdb.connect({store!r}); print('held', flush=True); sys.stdin.read()"
    holder = subprocess.Popen([sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        live, overview = visit(home, "live"), visit(home, "overview")
    finally:
        holder.communicate(b"")

    for at in (live, overview):
        assert "1 event waits" in at.warning[0].value
        assert f"process {holder.pid}" in at.warning[0].value
    assert len(overview.dataframe[0].value) == 7, "snapshots are read all the same"


def test_archived_and_deleted_runs_are_not_listed(visit: Visit, full: Full, tmp_path: Path) -> None:
    home = Path(shutil.copytree(full[0], tmp_path / "yard", symlinks=True))
    rt = open_runtime(home)
    order.archive(rt, ["watch-cnn"], by="test")
    order.delete(rt, ["reviews-lora"], by="test")
    rt.store.ingest(snapshot=True)
    rt.close()
    shown = set(visit(home).dataframe[0].value["name"])
    assert "watch-cnn-live" in shown
    assert not shown & {"watch-cnn", "reviews-lora"}


def test_a_run_under_way_says_where_it_is_heading(visit: Visit, tmp_path: Path) -> None:
    """One finished run of the agent is no ground for a band; a finished run has nothing ahead."""
    home = tmp_path / "yard"
    past, under_way = Story("past", "completed", 30, 30, 25), Story("ahead", "running", 10, 30, 25, minutes_ago=3)
    ids = full_yard(home, (past, under_way))
    live = str(ids["ahead"])
    for page, address in (("run", {"id": live, "tab": "Curves"}), ("live", {"run": live})):
        said = texts(visit(home, page, **address))
        assert "validation loss at epoch 30" in said, page
        assert "How sure that is cannot be said: 1 finished run is too few" in said, page
    done = texts(visit(home, "run", id=str(ids["past"]), tab="Curves"))
    assert "If it goes on like this" not in done


def test_a_loss_is_not_foretold_to_be_negative(visit: Visit, full: Full) -> None:
    """The power law through the steep beginning of this curve leads to -0.2."""
    home, ids = full
    live = str(ids["watch-cnn-live"])
    for page, address in (("run", {"id": live, "tab": "Curves"}), ("live", {"run": live})):
        said = texts(visit(home, page, **address))
        assert "validation loss still falls too steeply to say where it ends" in said, page
        assert "If it goes on like this" not in said, page


def test_with_nine_finished_runs_the_band_is_drawn(visit: Visit, tmp_path: Path) -> None:
    past = tuple(Story(f"run {n}", "completed", 30, 30, 25, minutes_ago=600 - 10 * n) for n in range(10))
    ids = full_yard(tmp_path / "yard", (*past, Story("ahead", "running", 10, 30, 25, minutes_ago=3)))
    at = visit(tmp_path / "yard", "run", id=str(ids["ahead"]), tab="Curves")
    assert "in 90 % of cases, as 10 finished runs tell" in texts(at)
    (chart,) = [chart for chart in at.get("vega_lite_chart") if "forecast" in chart.proto.spec]
    (ahead,) = [data for data in chart.proto.datasets if data.name == "forecast"]
    rows = pa.ipc.open_stream(ahead.data.data).read_all().to_pylist()
    assert (rows[0]["epoch"], rows[-1]["epoch"]) == (10, 30)
    assert rows[-1]["low"] < rows[-1]["value"] < rows[-1]["high"]
    assert all(row["low"] is None for row in rows[:-1])


def test_a_runs_cost_is_split_and_energy_that_nobody_could_read_is_called_so(visit: Visit, full: Full) -> None:
    at = visit(full[0], "run", id=str(full[1]["watch-cnn"]))

    facts = "\n".join(part.proto.body for part in at.get("html"))
    assert "no meter could be read" in facts
    assert "The rest: loading, saving" in facts


def test_a_run_shows_how_many_examples_of_each_class_it_learnt_from(visit: Visit, full: Full) -> None:
    at = visit(full[0], "run", id=str(full[1]["watch-cnn"]))

    (chart,) = [chart for chart in at.get("vega_lite_chart") if "classes" in chart.proto.alt]
    assert chart.proto.alt == "Examples of each of 2 classes, cut into training and validation"
    (data,) = chart.proto.datasets
    rows = pa.ipc.open_stream(data.data.data).read_all().to_pylist()
    assert {(row["name"], row["part"], row["count"]) for row in rows} == {
        ("rest", "training", 900), ("walk", "training", 400), ("rest", "validation", 220), ("walk", "validation", 100)
    }  # fmt: skip
    assert not list(visit(full[0], "run", id="watch-cnn-next").get("vega_lite_chart"))


def test_values_that_stand_apart_are_listed(visit: Visit, full: Full) -> None:
    at = visit(full[0], "run", id=str(full[1]["reviews-lora-hot"]), tab="Curves")

    (table,) = [frame.value for frame in at.dataframe if "modified_z" in frame.value.columns]
    assert set(table[table["value"].isna()]["name"]) == {"val_loss"}
    assert set(table[table["value"].isna()]["epoch"]) == {4}
