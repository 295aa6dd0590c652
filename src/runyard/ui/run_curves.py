"""The tabs of a run's page that are curves: losses with their marks, learning rate, gradients; CPU, memory, GPU."""

from __future__ import annotations

from typing import Any

import polars as pl
import streamlit as st

from runyard.charts.loss import loss_curves
from runyard.charts.series import series
from runyard.charts.spec import Spec
from runyard.queries import epochs, resources
from runyard.queries.query import Query
from runyard.runtime import Runtime
from runyard.ui.anomalies_view import show_anomalies
from runyard.ui.chart_range import Part, choose_part
from runyard.ui.figure import points_shown, show_behind, show_chart
from runyard.ui.forecast_view import forecast_line, predicted, show_forecast
from runyard.ui.marks import best_mark, curve_words, stop_marks, waste_band, within
from runyard.ui.steps_view import show_steps
from runyard.ui.text import number
from runyard.ui.yard import frame, is_dark

Row = dict[str, Any]


def show_curves_tab(rt: Runtime, run: Row) -> None:
    """Show the loss curves with their marks, then learning rate and gradient norm; all of the same epochs."""
    query = epochs.of_run(run["id"])
    table = frame(rt, query)
    if table.is_empty():
        st.info("No epoch has finished, so there is no curve.", icon=":material/hourglass_empty:")
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        log = st.toggle("Logarithmic loss", key="run-log", bind="query-params")
        part = choose_part(float(table["epoch"][0]), float(table["epoch"][-1]), f"run-zoom-{run['id']}", "epoch")
    between = part.between if part else None
    drawn = frame(rt, epochs.curve(run["id"], *epochs.LOSSES, between=between))
    ahead = predicted(rt, run, table)
    with st.container(border=True):
        st.markdown("**Loss**")
        show_forecast(run, ahead)
        marks = {
            "best": best_mark(run, table),
            "waste": waste_band(run),
            "stops": stop_marks(run),
            "forecast": forecast_line(run, ahead),
        }
        if between and drawn.height:
            ends = float(drawn["epoch"][0]), float(drawn["epoch"][-1])
            marks = {name: within(ends, rows) for name, rows in marks.items()}
        data = {"curve": drawn.select("epoch", "train_loss", "val_loss"), **marks}
        _show(_loss_spec(log, is_dark()), data, "run-loss", part, alt=curve_words(run, table))
        show_behind(table, query, key="run-loss", note=_note(drawn, part), alt="Epochs of the run")
    show_steps(rt, run, between)
    left, right = st.columns(2)
    with left:
        _show_line(rt, epochs.curve(run["id"], "learning_rate", between=between), "learning rate", part, colour=2)
    with right:
        _show_line(rt, epochs.curve(run["id"], "gradient_norm", between=between), "gradient norm", part, colour=4)
    show_anomalies(rt, run)


def show_resources_tab(rt: Runtime, run: Row) -> None:
    """Show CPU, memory, GPU and speed of the run's process over time."""
    query = resources.of_run(run["id"])
    table = frame(rt, query)
    if table.is_empty():
        st.info("No samples: they come every 5 seconds from runs that Runyard starts.", icon=":material/memory:")
        return
    known = table.drop_nulls("minutes")["minutes"]
    part = choose_part(float(known[0]), float(known[-1]), f"run-minutes-{run['id']}", "minutes") if len(known) else None
    between = part.between if part else None
    for column, title, colour in (
        ("cpu_percent", "CPU (%, 100 = one core)", 0),
        ("memory_gb", "memory (GB)", 2),
        ("gpu_percent", "GPU (%)", 3),
        ("samples_per_second", "examples per second", 1),
        ("tokens_per_second", "tokens per second", 4),
    ):
        _show_line(rt, resources.curve(run["id"], column, between=between), title, part, colour=colour)
    show_behind(table, query, key="run-resources", alt="CPU and memory samples of the run")


def _show_line(rt: Runtime, query: Query, title: str, part: Part | None, *, colour: int) -> None:
    """Show one column over another in a box; nothing where the column is unknown throughout."""
    drawn = frame(rt, query)
    if drawn.is_empty():
        return
    x, y = drawn.columns[:2]
    x_title = "epoch" if x == "epoch" else "minutes since start"
    with st.container(border=True):
        st.markdown(f"**{title[0].upper()}{title[1:]}**")
        spec = _line_spec(x_title, title, x == "epoch", colour, is_dark())
        words = f"{title} over {x_title}, {number(drawn[y][-1], 3)} at the end"
        _show(spec, {"points": drawn.select(x=x, y=y)}, f"run-{y}", part, alt=words)
        if note := _note(drawn, part):
            st.caption(note)


def _show(spec: Spec, data: dict[str, pl.DataFrame], name: str, part: Part | None, *, alt: str) -> None:
    key, on_brush = (part.chart(name), part.look_at) if part else (name, None)
    show_chart(spec, data, key=key, alt=alt, on_brush=on_brush)


def _note(drawn: pl.DataFrame, part: Part | None) -> str:
    """Say how many points are drawn where these are not all of the run's."""
    total = int(drawn["points"][0]) if drawn.height else 0
    return points_shown(drawn.height, total) if drawn.height < total or (part and part.between) else ""


@st.cache_data(max_entries=8, show_spinner=False)
def _loss_spec(log: bool, dark: bool) -> Spec:
    return loss_curves(log=log, dark=dark)


@st.cache_data(max_entries=32, show_spinner=False)
def _line_spec(x_title: str, y_title: str, whole_x: bool, colour: int, dark: bool) -> Spec:
    return series(x_title=x_title, y_title=y_title, whole_x=whole_x, colour=colour, dark=dark)
