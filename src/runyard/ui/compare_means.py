"""The curves of groups of repetitions: a line for their mean, a band for all of them."""

from __future__ import annotations

from typing import Any

import polars as pl
import streamlit as st

from runyard.charts.compare import compared
from runyard.charts.spec import Spec
from runyard.queries.query import Query
from runyard.ui.chart_range import Part
from runyard.ui.figure import show_behind, show_chart
from runyard.ui.yard import is_dark

Row = dict[str, Any]
LONGEST_NAME = 48
NOTHING = "No point can be drawn here: the range is empty, or nothing in it is above 0 on a log scale."


def draw_means(
    means: pl.DataFrame,
    query: Query,
    chosen: list[Row],
    base: Row,
    x_title: str,
    y_title: str,
    *,
    log: bool,
    part: Part | None,
    odd: str,
) -> None:
    """Show a line and a band for each group, with the letter of its first run; the baseline's is thick.

    Args:
        odd: what to add to the note about values that are in no mean.
    """
    groups: dict[str, list[Row]] = {}
    for run in chosen:
        groups.setdefault(run["part"], []).append(run)
    rows = means.filter(pl.col("low") > 0) if log else means
    if rows.is_empty():
        st.info(NOTHING, icon=":material/help:")
        return
    curves = rows.select(
        "x",
        "y",
        "low",
        "high",
        pl.col("part").replace_strict({group: runs[0]["letter"] for group, runs in groups.items()}).alias("letter"),
        (pl.col("part") == base["part"]).alias("is_base"),
    )
    ends = curves.group_by("letter", maintain_order=True).last().select("letter", "x", "y")
    spec = compared_spec(x_title, y_title, log, False, True, is_dark())
    alt = f"Mean {y_title} over {x_title}, groups of repetitions: {ends.height}, of {len(chosen)} runs"
    names = pl.DataFrame([{"letter": runs[0]["letter"], "run": _words(runs)} for runs in groups.values()])
    show_compared(spec, {"curves": curves, "ends": ends, "names": names}, part=part, alt=alt)
    total = means.group_by("part").agg(pl.col("points").first(), pl.col("runs").first())
    note = (
        f"{means.height:,} means of {int(total['points'].sum()):,} points shown · groups of repetitions: "
        f"{total.height}, of {int(total['runs'].sum())} runs{odd}"
    )
    show_behind(means, query, key="compare-curves", note=note, alt="Means of the groups")


def show_compared(spec: Spec, data: dict[str, pl.DataFrame], *, part: Part | None, alt: str) -> None:
    """Show a chart of several runs; what the reader drags over is looked at more closely."""
    key, on_brush = (part.chart("compare-chart"), part.look_at) if part else ("compare-chart", None)
    show_chart(spec, data, key=key, alt=alt, on_brush=on_brush)


def _words(runs: list[Row]) -> str:
    first = f"{runs[0]['letter']} · {runs[0]['name'] or 'unnamed'}"[:LONGEST_NAME]
    others = ", ".join(run["letter"] for run in runs[1:])
    return f"{first} and {others}" if others else first


@st.cache_data(max_entries=64, show_spinner=False)
def compared_spec(x_title: str, y_title: str, log: bool, smooth: bool, band: bool, dark: bool) -> Spec:
    """Return the spec of a chart of several runs, built once for each structure."""
    whole = x_title in ("epoch", "optimizer step")
    return compared(x_title=x_title, y_title=y_title, log=log, smooth=smooth, band=band, whole_x=whole, dark=dark)
