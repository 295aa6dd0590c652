"""Charts of judged things: units, marks that differ by more than colour, and a signed scale around zero."""

from __future__ import annotations

import json

import polars as pl
import pytest

from runyard.charts.judgement import TONES, changes, scores
from runyard.charts.transfer import flow, gain_grid, with_flows
from runyard.ui.transfer_view import tinted


@pytest.mark.parametrize("dark", [False, True])
def test_tones_differ_by_shape_and_by_colour(dark: bool) -> None:
    spec = json.loads(json.dumps(scores(x_title="version", y_title="score", dark=dark)))

    points = next(layer for layer in spec["layer"] if layer["mark"]["type"] == "point")
    for channel in ("shape", "color"):
        scale = points["encoding"][channel]["scale"]
        assert scale["domain"] == list(TONES)
        assert len(set(scale["range"])) == len(TONES)


def test_a_legend_without_a_tone_keeps_the_look_of_the_others() -> None:
    fewer = tuple(tone for tone in TONES if tone != "mixed")
    points = [
        next(layer for layer in spec["layer"] if layer["mark"]["type"] == "point")["encoding"]["shape"]["scale"]
        for spec in (scores(x_title="x", y_title="y"), scores(x_title="x", y_title="y", tones=fewer))
    ]
    every, some = (dict(zip(scale["domain"], scale["range"], strict=True)) for scale in points)
    assert some == {tone: shape for tone, shape in every.items() if tone != "mixed"}


def test_time_is_an_axis_of_its_own() -> None:
    for by_time, field in ((False, "label"), (True, "at")):
        spec = changes(x_title="version", y_title="change (%)", rolling_title="rolling mean (%)", by_time=by_time)
        bars = next(layer for layer in spec["layer"] if layer["mark"]["type"] == "bar")
        assert bars["encoding"]["x"]["field"] == field
        assert bars["encoding"]["y"]["title"] == "change (%)"
        assert any(layer["mark"]["type"] == "line" for layer in spec["layer"])


def pairs(**columns: list[object]) -> pl.DataFrame:
    n = len(columns["mean_gain"])
    same = {"source": ["s"] * n, "target": [f"t{place}" for place in range(n)], "transfers": [1] * n, "judged": [1] * n}
    schema = {"mean_gain": pl.Float64, "smallest_gain": pl.Float64, "largest_gain": pl.Float64}
    return pl.DataFrame({**same, "smallest_gain": [None] * n, "largest_gain": [None] * n, **columns},
                        schema_overrides=schema)  # fmt: skip


def test_the_tint_is_symmetrical_around_no_gain() -> None:
    shown = tinted(pairs(mean_gain=[0.05, -0.1, 0.0, None]))

    assert shown["tint"].to_list() == [0.5, -1.0, 0.0, None]
    assert shown["gain"].to_list() == ["+0.05", "-0.1", "+0", "?"]
    scale = next(layer for layer in gain_grid(dark=False)["layer"] if "color" in layer["encoding"])
    assert scale["encoding"]["color"]["scale"]["domain"] == [-1, 0, 1]


@pytest.mark.parametrize("gains", [[0.0, None], [None, None]])
def test_nothing_gained_anywhere_has_no_tint(gains: list[object]) -> None:
    assert set(tinted(pairs(mean_gain=gains))["tint"].to_list()) <= {0.0, None}


def test_a_flow_between_agents_that_teach_each_other_has_no_circle() -> None:
    both = pl.DataFrame({"source": ["a", "b"], "target": ["b", "a"], "transfers": [1, 2], "mean_gain": [0.1, None]})

    series = with_flows(flow(dark=True), both, dark=True)["series"][0]

    starts = {band["source"] for band in series["links"]}
    assert not starts & {band["target"] for band in series["links"]}
    assert [band["value"] for band in series["links"]] == [1, 2]
    assert len({node["name"] for node in series["data"]}) == 4
