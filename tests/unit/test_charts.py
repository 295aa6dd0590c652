"""Charts are pure: a valid spec per structure, and thinning that loses nothing a reader would miss."""

from __future__ import annotations

import json

import polars as pl
import pytest

from runyard.charts.compare import LETTERS, compared
from runyard.charts.layers import layer_bins, layer_norms
from runyard.charts.lineage import lineage_graph
from runyard.charts.live import live_line, live_loss, with_rows
from runyard.charts.loss import loss_curves
from runyard.charts.series import series
from runyard.charts.thin import LIMIT, thin
from runyard.charts.waste import LINES, convergence_dots, rule_lines, waste_bars


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("dark", [False, True])
def test_loss_curves_name_their_data_and_units(log: bool, dark: bool) -> None:
    spec = json.loads(json.dumps(loss_curves(log=log, dark=dark)))

    names = {layer["data"]["name"] for layer in spec["layer"]}
    assert names == {"curve", "best", "waste", "stops", "forecast"}
    assert not {"datasets", "config"} & spec.keys()
    line = next(layer for layer in spec["layer"] if layer["mark"]["type"] == "line")
    assert line["encoding"]["y"]["scale"]["type"] == ("log" if log else "linear")
    assert line["encoding"]["x"]["title"] == "epoch"
    assert "strokeDash" in line["encoding"], "splits must differ by more than colour"


def test_series_puts_the_unit_on_the_axis() -> None:
    spec = series(x_title="minutes since start", y_title="memory (GB)")

    assert spec["layer"][0]["encoding"]["y"]["title"] == "memory (GB)"
    assert spec["layer"][0]["encoding"]["x"]["title"] == "minutes since start"


@pytest.mark.parametrize("dark", [False, True])
def test_layers_are_drawn_from_bins_and_norms(dark: bool) -> None:
    bins = json.loads(json.dumps(layer_bins(value_title="gradient", dark=dark)))
    assert bins["data"]["name"] == "bins"
    assert (bins["encoding"]["x2"], bins["encoding"]["y2"]) == ({"field": "until"}, {"field": "bin_high"})
    assert bins["encoding"]["y"]["title"] == "gradient"
    norms = json.loads(json.dumps(layer_norms(log=True, dark=dark)))
    widths = [layer["mark"]["strokeWidth"] for layer in norms["layer"] if layer["mark"]["type"] == "line"]
    assert widths[0] < widths[1], "the picked layer differs by more than colour"
    assert not {"datasets", "config"} & (bins.keys() | norms.keys())


def test_live_charts_change_by_data_alone() -> None:
    losses = {"train_loss": [2.0, 1.0], "val_loss": [2.1, 1.2], "best": [None, 1.2]}
    rows = pl.DataFrame({"epoch": [1, 2], **losses})
    option = live_loss(log=False, dark=True)

    shown = with_rows(option, rows)

    assert shown["dataset"] == {
        "dimensions": ["epoch", "train_loss", "val_loss", "best"],
        "source": ((1, 2.0, 2.1, None), (2, 1.0, 1.2, 1.2)),
    }
    assert "dataset" not in option
    styles = {line["name"]: line["lineStyle"]["type"] for line in shown["series"] if line["type"] == "line"}
    assert styles["training"] != styles["validation"]
    rate = live_line("learning_rate", y_name="learning rate", colour=2, dark=False)
    assert rate["yAxis"]["name"] == "learning rate"


def test_thinning_keeps_first_last_extremes_and_nan() -> None:
    losses = [1.0 + (i % 7) * 0.01 for i in range(20_000)]
    losses[777], losses[12_345], losses[15_001] = -5.0, 99.0, float("nan")
    frame = pl.DataFrame({"epoch": range(1, 20_001), "train_loss": losses, "val_loss": [None] * 20_000})

    thinned = thin(frame, ("train_loss", "val_loss"))

    kept = set(thinned.frame["epoch"])
    assert {1, 20_000, 778, 12_346, 15_002} <= kept
    assert thinned.frame.height <= LIMIT
    assert thinned.frame["epoch"].is_sorted()
    assert thinned.frame.columns == frame.columns
    assert thinned.note == f"{thinned.frame.height:,} of 20,000 points shown"


def test_short_series_are_left_alone() -> None:
    frame = pl.DataFrame({"epoch": [1, 2, 3], "train_loss": [3.0, 2.0, 1.0]})

    thinned = thin(frame, ("train_loss",))

    assert thinned.frame is frame
    assert thinned.note == ""


@pytest.mark.parametrize("dark", [False, True])
def test_compared_runs_differ_by_dash_where_colours_repeat(dark: bool) -> None:
    spec = compared(x_title="epoch", y_title="loss", log=True, smooth=True, whole_x=True, dark=dark)

    assert {layer["data"]["name"] for layer in spec["layer"]} == {"curves", "ends"}
    raw, line = spec["layer"][:2]
    assert raw["encoding"]["y"]["field"] == "y"
    assert line["encoding"]["y"]["field"] == "smooth"
    assert line["encoding"]["y"]["scale"]["type"] == "log"
    looks = zip(
        line["encoding"]["color"]["scale"]["range"], map(str, line["encoding"]["strokeDash"]["scale"]["range"]),
        strict=True,
    )  # fmt: skip
    assert len(set(looks)) == len(LETTERS)


def test_waste_charts_name_their_data_and_units() -> None:
    bars = waste_bars(part_title="agent", value_title="compute hours", dark=False)
    assert bars["data"]["name"] == "bars"
    assert bars["encoding"]["x"]["title"] == "compute hours"
    assert bars["encoding"]["color"]["scale"]["domain"] == list(LINES.values())

    with_limit = rule_lines(value_title="costly (%)", limit=5.0, dark=True)
    without = rule_lines(value_title="saved (USD)", dark=True)
    assert len(with_limit["layer"]) == len(without["layer"]) + 1
    assert {layer["data"]["name"] for layer in convergence_dots(dark=False)["layer"]} == {"dots", "diagonal"}


@pytest.mark.parametrize("dark", [False, True])
def test_lineage_joins_each_column_to_what_it_is_made_of(dark: bool) -> None:
    links = [("shown", "cost", "facts", "usd"), ("facts", "usd", "prices", "usd"), ("facts", "usd", "runs", "<hours>")]
    dot = lineage_graph(links, asked=("shown", "cost"), dark=dark)

    assert dot.count(" -> ") == 3
    assert '"facts":"usd":e -> "shown":"cost":w;' in dot
    boxes = [line for line in dot.splitlines() if "[label=<" in line]
    assert [box.split('"')[1] for box in boxes] == ["shown", "facts", "prices", "runs"]
    assert "&lt;hours&gt;" in dot, "names are text, not markup"
    alone = lineage_graph([], asked=("shown", "runs"), dark=dark)
    assert " -> " not in alone
    assert 'PORT="runs"' in alone
