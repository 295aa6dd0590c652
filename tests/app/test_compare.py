"""Compare: chosen runs on one chart, thinned curves that keep their extremes, and the settings that differ."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import duckdb
import polars as pl
import pytest
from ready import ready_yard
from streamlit.testing.v1 import AppTest

from runyard.core.ids import new_id
from runyard.core.journal import Journal
from runyard.core.paths import Yard
from runyard.queries import compare
from runyard.queries.query import Query
from runyard.runtime import open_runtime
from runyard.service import order
from runyard.store.store import Store

Visit = Callable[..., AppTest]
Full = tuple[Path, dict[str, UUID]]
SECOND = 1_000_000
STEPS = 20_000
START = 1_700_000_000 * SECOND


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, UUID]:
    """A yard with one run of 20,000 steps, one spike, and a pause of an hour between its two attempts."""
    home = tmp_path_factory.mktemp("long")
    yard, run = ready_yard(home), new_id()
    launcher = Journal(yard.events / "long.jsonl")
    queued = {"k": "queued", "run": str(run), "at": START, "attempt": 1, "kind": "train", "name": "long", "config": {}}
    launcher.write(queued)
    launcher.close()
    yard.run(run).path.mkdir(parents=True)
    for attempt, begin in ((1, START), (2, START + (STEPS // 2 + 3600) * SECOND)):
        journal = Journal(yard.run(run).journal(attempt))
        journal.write({"k": "started", "run": str(run), "at": begin, "attempt": attempt, "device": "cpu"})
        first = 1 + (attempt - 1) * STEPS // 2
        for step in range(first, first + STEPS // 2):
            value = 99.0 if step == 7_777 else -5.0 if step == 12_345 else 1 + math.sin(step / 50) / 10
            at = begin + (step - first + 1) * SECOND
            journal.write({"k": "metrics", "run": str(run), "at": at, "attempt": attempt, "step": step,
                           "metrics": [{"name": "train/loss", "value": value}]})  # fmt: skip
        journal.write({"k": "epoch", "run": str(run), "at": at, "attempt": attempt, "epoch": attempt, "val_loss": 1.0})
        status = "failed" if attempt == 1 else "completed"
        end = begin + STEPS // 2 * SECOND
        journal.write({"k": "ended", "run": str(run), "at": end, "attempt": attempt, "status": status})
        journal.close()
    store = Store(yard)
    store.ingest(verb="test", wait_seconds=20, snapshot=True, replace_views=True)
    return store, run


def drawn(long: tuple[Store, UUID], **options: object) -> pl.DataFrame:
    store, run = long
    query = compare.curves([run], "metric", "train/loss", **options)  # type: ignore[arg-type]
    return store.read(query.sql, list(query.arguments))


def test_a_long_curve_keeps_first_last_and_extremes(long: tuple[Store, UUID]) -> None:
    points = drawn(long, x="step")

    assert points.height <= 4 * (compare.MOST_BUCKETS + 1)
    assert {1.0, 7_777.0, 12_345.0, float(STEPS)} <= set(points["x"])
    assert points["points"].unique().to_list() == [STEPS]
    assert points["x"].is_sorted()


def test_a_closer_look_draws_every_point_of_a_small_range(long: tuple[Store, UUID]) -> None:
    points = drawn(long, x="step", between=(7_700.0, 7_899.0))

    assert points["x"].to_list() == list(range(7_700, 7_900))


def test_smoothing_is_the_mean_of_the_neighbours_before_thinning(long: tuple[Store, UUID]) -> None:
    points = drawn(long, x="step", neighbours=2)

    spike = points.filter(pl.col("x") == 7_777)["smooth"].item()
    around = [99.0 if step == 7_777 else 1 + math.sin(step / 50) / 10 for step in range(7_775, 7_780)]
    assert math.isclose(spike, sum(around) / 5)


def test_running_time_leaves_out_the_pause_and_dollars_follow_it(long: tuple[Store, UUID]) -> None:
    minutes, dollars = drawn(long, x="minutes"), drawn(long, x="usd")

    assert math.isclose(minutes["x"].max(), STEPS / 60)  # type: ignore[arg-type]
    cost = long[0].read("SELECT training_cost_usd::DOUBLE FROM training_sessions").item()
    assert math.isclose(dollars["x"].max(), cost, abs_tol=1e-6)  # type: ignore[arg-type]


def test_the_newest_runs_are_drawn_against_the_first(visit: Visit, full: Full) -> None:
    at = visit(full[0], "compare")

    assert len(at.multiselect(key="compare-runs").value) == 3
    chart = at.get("vega_lite_chart")[0]
    assert "validation loss over epoch of 3 runs; baseline watch-cnn-live" in chart.proto.alt
    assert any("61 of 61 points shown" in caption.value for caption in at.caption)
    table = at.dataframe[0].value
    letters = dict(zip(table["name"], table["letter"], strict=True))
    assert list(letters["watch-cnn-live"]) == ["A"]
    assert letters["watch-cnn"] is None


def test_a_long_run_is_thinned_on_its_page_and_a_range_of_it_shows_more(visit: Visit, long: tuple[Store, UUID]) -> None:
    at = visit(long[0].yard.home, "compare", runs=str(long[1]), curve="metric/train/loss", **{"compare-x": "Step"})

    def shown() -> str:
        return next(caption.value for caption in at.caption if "points shown" in caption.value)

    whole = shown()
    assert "of 20,000 points shown, extremes kept; drag across to see more" in whole
    assert at.get("vega_lite_chart")[0].proto.ByteSize() < 1_000_000
    slider = next(slider for slider in at.slider if slider.label.startswith("Range of"))
    assert slider.value == (1, 20_000)
    slider.set_value((7_700.0, 7_899.0)).run()
    assert shown().startswith("200 of 200 points shown")
    next(button for button in at.button if button.label == "Whole run").click().run()
    assert shown() == whole
    assert not [button for button in at.button if button.label == "Whole run"]


def test_runs_baseline_axis_and_scale_are_in_the_address(visit: Visit, full: Full) -> None:
    chosen = [str(full[1][name]) for name in ("watch-cnn", "reviews-lora")]
    address = {"compare-x": "Dollars", "compare-log": "true", "curve": "epoch/train_loss"}
    at = visit(full[0], "compare", runs=",".join([*chosen, "nobody"]), base=chosen[1], **address)

    chart = at.get("vega_lite_chart")[0]
    assert "training loss over USD spent of 2 runs; baseline reviews-lora" in chart.proto.alt
    assert json.loads(chart.spec)["layer"][0]["encoding"]["y"]["scale"]["type"] == "log"
    deltas = {metric.label: metric.delta for metric in at.metric}
    assert deltas["B best loss, baseline"] == ""
    assert deltas["A best loss"].startswith("-")
    assert at.query_params["runs"] == ",".join(chosen), "what is not there is left out"

    at.selectbox(key="compare-base").set_value(chosen[0]).run()
    assert at.query_params["base"] == chosen[0]
    at.query_params["runs"] = chosen[1]
    at.run()
    assert at.multiselect(key="compare-runs").value == [chosen[1]], "the back button and links win"


def test_groups_are_shown_and_narrow_the_table(visit: Visit, full: Full, tmp_path: Path) -> None:
    home = Path(shutil.copytree(full[0], tmp_path / "yard", symlinks=True))
    rt = open_runtime(home)
    order.group(rt, ["watch-cnn", "reviews-lora"], "spring", by="test")
    order.group(rt, ["watch-cnn-wide"], "autumn", by="test")
    rt.store.ingest(verb="test", wait_seconds=20, snapshot=True)
    rt.close()

    def listed() -> dict[str, str | None]:
        table = at.dataframe[0].value
        return dict(zip(table["name"], table["run_group"], strict=True))

    at = visit(home, "compare")
    assert at.multiselect(key="compare-groups").options == ["autumn", "spring"]
    assert listed()["watch-cnn"] == "spring"
    assert len(listed()) > 3
    at.multiselect(key="compare-groups").set_value(["spring"]).run()
    assert listed() == {"watch-cnn": "spring", "reviews-lora": "spring"}
    at.multiselect(key="compare-groups").set_value(["spring", "autumn"]).run()
    assert set(listed()) == {"watch-cnn", "reviews-lora", "watch-cnn-wide"}


def test_a_run_that_is_older_than_the_table_goes_is_there_when_named(full: Full) -> None:
    store, oldest = Store(Yard(full[0])), full[1]["watch-cnn"]

    def listed(query: Query) -> set[str]:
        return set(store.read(query.sql, list(query.arguments))["id"])

    assert str(oldest) not in listed(compare.table(limit=2))
    assert str(oldest) in listed(compare.table([oldest], limit=2))


def test_repetitions_become_one_line_in_a_band(visit: Visit, full: Full) -> None:
    chosen = [full[1]["watch-cnn"], full[1]["watch-cnn-wide"]]
    at = visit(full[0], "compare", runs=",".join(map(str, chosen)), **{"compare-group": "true"})

    chart = at.get("vega_lite_chart")[0]
    assert "groups of repetitions: 1, of 2 runs" in chart.proto.alt
    assert json.loads(chart.spec)["layer"][0]["mark"]["type"] == "area"
    query = compare.means(chosen, "epoch", "val_loss")
    store = Store(Yard(full[0]))
    first = store.read(query.sql, list(query.arguments)).row(0, named=True)
    losses = store.read("SELECT val_loss FROM epochs WHERE epoch = 1 AND session_id IN (?, ?)", list(chosen))[
        "val_loss"
    ]
    assert math.isclose(first["y"], losses.mean(), rel_tol=1e-9)  # type: ignore[arg-type]
    assert (first["low"], first["high"], first["runs"]) == (losses.min(), losses.max(), 2)


@pytest.mark.parametrize("grouped", ["false", "true"])
def test_values_that_are_not_finite_are_counted(visit: Visit, full: Full, grouped: str) -> None:
    pair = ",".join(str(full[1][name]) for name in ("watch-cnn", "reviews-lora-hot"))

    at = visit(full[0], "compare", runs=pair, **{"compare-group": grouped})
    assert any("1 value is not finite (B)" in caption.value for caption in at.caption), "its last loss is NaN"

    at = visit(full[0], "compare", runs=pair, curve="epoch/train_loss", **{"compare-group": grouped})
    assert not any("not finite" in caption.value for caption in at.caption)


def test_metrics_that_are_not_finite_are_counted_as_they_count(tmp_path: Path) -> None:
    yard, run = ready_yard(tmp_path / "yard"), new_id()
    journal = Journal(yard.events / "odd.jsonl")
    journal.write({"k": "queued", "run": str(run), "at": START, "attempt": 1, "kind": "train", "config": {}})
    for attempt, values in ((1, (math.nan, 1.0, math.inf)), (2, (2.0, math.nan, -math.inf))):
        for step, value in enumerate(values, start=1):
            journal.write({"k": "metrics", "run": str(run), "at": START + attempt, "attempt": attempt, "step": step,
                           "metrics": [{"name": "f1", "value": value}]})  # fmt: skip
    journal.close()
    store = Store(yard)
    store.ingest(verb="test", wait_seconds=20, snapshot=True)
    query = compare.unusable([run], "metric", "f1")

    assert store.read(query.sql, list(query.arguments))["unusable"].to_list() == [2], "of the last attempt alone"


def test_settings_that_differ_are_listed_and_no_others(visit: Visit, full: Full) -> None:
    at = visit(full[0], "compare")
    pair = [str(full[1][name]) for name in ("watch-cnn", "reviews-lora")]
    at.multiselect(key="compare-runs").set_value(pair).run()

    table = at.dataframe[1].value.set_index("setting")
    assert set(table.index) == {"agent", "hyperparameters.epochs", "model.model_type"}
    assert table.loc["hyperparameters.epochs"].to_list() == ["60", "20"]
    same = [str(full[1][name]) for name in ("watch-cnn", "watch-cnn-wide")]
    at.multiselect(key="compare-runs").set_value(same).run()
    assert any("are the same but for their names" in info.value for info in at.info)


def test_the_table_is_searched_and_says_when_nothing_fits(visit: Visit, full: Full) -> None:
    at = visit(full[0], "compare", **{"compare-search": "REVIEWER"})
    assert set(at.dataframe[0].value["name"]) == {"reviews-lora", "reviews-lora-hot"}
    assert len(at.multiselect(key="compare-runs").value) == 3, "what was chosen stays chosen"

    at.text_input(key="compare-search").set_value("no such run").run()
    assert any("No run fits" in info.value for info in at.info)


def test_a_metric_that_some_runs_do_not_have_says_so(visit: Visit, full: Full) -> None:
    at = visit(full[0], "compare")
    at.multiselect(key="compare-runs").set_value([str(full[1]["watch-cnn"]), str(full[1]["watch-cnn-next"])]).run()

    assert any("1 run has no such curve here" in caption.value for caption in at.caption)
    at.multiselect(key="compare-runs").set_value([]).run()
    assert any("Choose runs in the table" in info.value for info in at.info)
    at.multiselect(key="compare-runs").set_value([str(full[1]["watch-cnn-next"])]).run()
    assert any("has logged a value yet" in info.value for info in at.info)


def test_a_name_with_markdown_fetches_nothing(visit: Visit, full: Full) -> None:
    nasty = next(run_id for name, run_id in full[1].items() if name.startswith("!["))
    at = visit(full[0], "compare")
    at.multiselect(key="compare-runs").set_value([str(nasty), str(full[1]["watch-cnn"])]).run()

    said = [*at.markdown, *at.info, *at.caption, *at.subheader]
    assert not [element.value for element in said if "![x](" in str(element.value)]
    assert not [metric.label for metric in at.metric if "![x](" in metric.label]


def test_a_run_s_page_leads_here(visit: Visit, full: Full) -> None:
    at = visit(full[0], "run", id=str(full[1]["watch-cnn"]))
    at.button(key="run-compare").click().run()

    assert at.multiselect(key="compare-runs").value == [str(full[1]["watch-cnn"])]


def test_an_empty_yard_offers_one_way_on(visit: Visit, empty: Path) -> None:
    at = visit(empty, "compare")

    assert [button.proto.type for button in at.button] == ["primary"]
    assert not at.dataframe


def test_no_yard_is_a_sentence_with_the_remedy(visit: Visit, tmp_path: Path) -> None:
    at = visit(tmp_path / "nowhere", "compare")

    assert "There is no yard" in at.info[0].value


def test_a_broken_snapshot_is_a_sentence_with_the_remedy(visit: Visit, full: Full, tmp_path: Path) -> None:
    home = tmp_path / "broken"
    shutil.copytree(full[0], home, symlinks=True)
    for snapshot in (home / "store").glob("snapshot-*.duckdb"):
        snapshot.write_bytes(b"not a database" * 1000)

    at = visit(home, "compare")

    assert "cannot be read" in at.error[0].value
    assert "rebuild" in at.error[0].value


def test_pasted_into_a_stock_duckdb_it_gives_the_same_numbers(full: Full) -> None:
    store = Store(Yard(full[0]))
    store.publish()
    ids = [full[1][name] for name in ("watch-cnn", "reviews-lora", "watch-cnn-live")]
    queries = (
        compare.table(),
        compare.table(ids, limit=1),
        compare.names(ids),
        compare.curves(ids, "epoch", "val_loss", x="minutes", neighbours=5),
        compare.curves(ids, "metric", "accuracy", x="usd", between=(0.0001, 0.002)),
        compare.means(ids, "epoch", "val_loss"),
        compare.differences(ids),
        compare.unusable([full[1]["reviews-lora-hot"]], "epoch", "val_loss"),
    )
    with duckdb.connect(str(Yard(full[0]).link), read_only=True) as shell:
        for query in queries:
            shown = store.read(query.sql, list(query.arguments))
            assert shown.height, query.sql
            assert shell.sql(query.shell).pl().rows() == shown.rows(), query.shell
