"""The curves of the chosen runs: which one, over what, how smooth, how close."""

from __future__ import annotations

from typing import Any

import polars as pl
import streamlit as st

from runyard.queries import compare
from runyard.queries.compare import Axis
from runyard.queries.query import Query
from runyard.runtime import Runtime
from runyard.ui.address import take, tell
from runyard.ui.chart_range import Part, choose_part
from runyard.ui.compare_means import LONGEST_NAME, NOTHING, compared_spec, draw_means, show_compared
from runyard.ui.figure import points_shown, show_behind
from runyard.ui.yard import frame, is_dark

Row = dict[str, Any]
AXES: dict[str, tuple[Axis, str]] = {
    "Epoch": ("epoch", "epoch"),
    "Step": ("step", "optimizer step"),
    "Time": ("minutes", "minutes of running time"),
    "Dollars": ("usd", "USD spent"),
}
_FIRST = "epoch/val_loss"
_METRIC = "compare-metric"
_WORDS = {
    "train_loss": "training loss",
    "val_loss": "validation loss",
    "val_metric": "monitored metric",
    "learning_rate": "learning rate",
    "gradient_norm": "gradient norm",
    "epoch_seconds": "seconds per epoch",
}
_SMOOTHING = (1, 3, 5, 11, 25, 51, 101)


def show_curves(rt: Runtime, chosen: list[Row], base: Row) -> None:
    """Show one curve of every chosen run on common axes, with how many of its points are drawn."""
    ids = [run["id"] for run in chosen]
    known = frame(rt, compare.names(ids))
    if known.is_empty():
        st.info("None of the chosen runs has logged a value yet.", icon=":material/hourglass_empty:")
        return
    metrics = {f"{row['source']}/{row['name']}": row for row in known.to_dicts()}
    take("curve", _METRIC, str)
    if st.session_state[_METRIC] not in metrics:
        st.session_state[_METRIC] = _FIRST if _FIRST in metrics else next(iter(metrics))
    boxes = st.columns([10, 13, 10, 7], vertical_alignment="bottom")
    metric = boxes[0].selectbox(
        "Curve",
        list(metrics),
        format_func=lambda key: _curve_words(metrics[key], len(chosen)),
        key=_METRIC,
    )
    tell("curve", _METRIC, metric)
    axis_name = boxes[1].segmented_control(
        "Over", list(AXES), default="Epoch", required=True, key="compare-x", bind="query-params"
    )
    window = boxes[2].select_slider(
        "Smoothing",
        _SMOOTHING,
        value=1,
        format_func=lambda n: "off" if n == 1 else f"mean of {n}",
        key="compare-smooth",
        bind="query-params",
        help="A running mean of so many points around each, of all points and not only of those drawn; "
        "the measured line stays visible behind it",
    )
    log = boxes[3].toggle("Log scale", key="compare-log", bind="query-params")
    axis, x_title = AXES[axis_name]
    source, name = metric.split("/", 1)
    neighbours = int(window) // 2
    query = compare.curves(ids, source, name, x=axis, neighbours=neighbours)
    points = frame(rt, query)
    if points.is_empty():
        st.info(f"The chosen runs do not know the {x_title} of this curve; choose another axis.",
                icon=":material/help:")  # fmt: skip
        return
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            low, high = float(points["x"].min()), float(points["x"].max())  # type: ignore[arg-type]
            part = choose_part(low, high, f"compare-zoom-{axis}-{metric}", x_title)
            between = part.between if part else None
            grouped = st.toggle(
                "Repetitions as one",
                key="compare-group",
                bind="query-params",
                help="Runs of the same configuration but for the seed become one line, their mean, in a band from "
                "the lowest to the highest of them; smoothing is off",
            )
        odd = _odd_words(frame(rt, compare.unusable(ids, source, name)), chosen)
        if grouped:
            query = compare.means(ids, source, name, x=axis, between=between)
            draw_means(
                frame(rt, query), query, chosen, base, x_title, _WORDS.get(name, name), log=log, part=part, odd=odd
            )
            return
        if between:
            query = compare.curves(ids, source, name, x=axis, neighbours=neighbours, between=between)
            points = frame(rt, query)
        _draw(points, query, chosen, base, x_title, name, log=log, smooth=neighbours > 0, part=part, odd=odd)


def _draw(
    points: pl.DataFrame,
    query: Query,
    chosen: list[Row],
    base: Row,
    x_title: str,
    name: str,
    *,
    log: bool,
    smooth: bool,
    part: Part | None,
    odd: str,
) -> None:
    letters = {str(run["id"]): run["letter"] for run in chosen}
    names = pl.DataFrame(
        [
            {"letter": run["letter"], "run": f"{run['letter']} · {run['name'] or 'unnamed'}"[:LONGEST_NAME]}
            for run in chosen
        ]
    )
    shown = "smooth" if smooth else "y"
    rows = points.filter((pl.col("y") > 0) & (pl.col(shown) > 0)) if log else points
    if rows.is_empty():
        st.info(NOTHING, icon=":material/help:")
        return
    curves = rows.select(
        "x", "y", "smooth",
        pl.col("session_id").replace_strict(letters).alias("letter"),
        (pl.col("session_id") == str(base["id"])).alias("is_base"),
    )  # fmt: skip
    ends = curves.group_by("letter", maintain_order=True).last().select("letter", "x", pl.col(shown).alias("y"))
    y_title = _WORDS.get(name, name)
    spec = compared_spec(x_title, y_title, log, smooth, False, is_dark())
    count = "1 run" if ends.height == 1 else f"{ends.height} runs"
    words = f"{y_title} over {x_title} of {count}; baseline {base['name'] or 'unnamed'}"
    show_compared(spec, {"curves": curves, "ends": ends, "names": names}, part=part, alt=words)
    show_behind(
        points, query, key="compare-curves", note=_note(points, rows, len(chosen), log) + odd, alt="Drawn points"
    )


def _odd_words(unusable: pl.DataFrame, chosen: list[Row]) -> str:
    """Say how many values of which runs are not finite and so not drawn."""
    of_run = dict(unusable.iter_rows())
    letters = [run["letter"] for run in chosen if str(run["id"]) in of_run]
    total = sum(of_run.values())
    if not total:
        return ""
    words = "1 value is not finite" if total == 1 else f"{total:,} values are not finite"
    return f" · {words} ({', '.join(letters)})"


def _note(points: pl.DataFrame, rows: pl.DataFrame, runs: int, log: bool) -> str:
    total = int(points.group_by("session_id").agg(pl.col("points").first())["points"].sum())
    parts = [points_shown(points.height, total)]
    if log and rows.height < points.height:
        parts.append(f"{points.height - rows.height:,} of them left out: a log scale has no place for 0 and less")
    without = runs - points["session_id"].n_unique()
    if without:
        parts.append("1 run has no such curve here" if without == 1 else f"{without} runs have no such curve here")
    return " · ".join(parts)


def _curve_words(row: Row, chosen: int) -> str:
    name = str(row["name"])
    words = _WORDS.get(name, name) if row["source"] == "epoch" else name
    return words if row["runs"] == chosen else f"{words} ({row['runs']} of {chosen} runs)"
