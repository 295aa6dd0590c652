"""What Live shows of a run once a second: progress, numbers, moving curves, the end of the log."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import polars as pl
import streamlit as st

from runyard.charts.live import live_line, live_loss, with_rows
from runyard.core.errors import NotFound
from runyard.runtime import Runtime
from runyard.service import logs
from runyard.ui.figure import points_shown
from runyard.ui.text import duration, number
from runyard.ui.yard import is_dark

Row = dict[str, Any]
LINE_PIXELS = 24


def show_progress(run: Row) -> None:
    """Show the share done and the epoch; how long it still takes stands above, in words and with a range."""
    done = progress(run)
    st.progress(done, text=f"{100 * done:.0f} % · epoch {run['completed_epochs'] or 0} of {run['total_epochs'] or '?'}")


def with_newest_step(run: Row, steps: pl.DataFrame) -> Row:
    """Return the run with the step it is at, which its row learns at the end of the epoch only."""
    newest = steps["step"].max() if steps.height else None
    return run if newest is None else {**run, "completed_steps": newest}


def progress(run: Row) -> float:
    """Return the share done, by steps where they are known, else by epochs."""
    if run["status"] == "completed":
        return 1.0
    for done, total in (
        (run["completed_steps"], run["total_steps"]),
        (run["completed_epochs"], run["total_epochs"]),
    ):
        if done is not None and total:
            return float(min(done / total, 1.0))
    return 0.0


def show_numbers(epochs: pl.DataFrame, run: Row, moment: datetime) -> None:
    """Show losses, rate, speed and memory of the last epoch, eight small numbers in two rows."""
    last = epochs.row(-1, named=True) if epochs.height else {}
    best = run["best_validation_loss"]
    started, ended = run["started_at"], run["ended_at"] or moment
    elapsed = (ended - started).total_seconds() if started else None
    speed, unit = last.get("tokens_per_second"), "tokens/s"
    if speed is None:
        speed, unit = last.get("samples_per_second"), "samples/s"
    cpu = last.get("cpu_utilization")
    shown = {
        "Training loss": number(last.get("train_loss")),
        "Validation loss": number(last.get("val_loss")),
        "Best validation loss": number(best),
        "Learning rate": number(last.get("learning_rate"), 3),
        "Elapsed": duration(elapsed),
        f"Speed ({unit})": number(speed, 3),
        "Memory (GB)": number(last.get("memory_gb"), 3),
        "CPU (all cores)": "–" if cpu is None else f"{100 * cpu:.0f} %",
    }
    for row in (list(shown.items())[:4], list(shown.items())[4:]):
        for column, (label, value) in zip(st.columns(4), row, strict=True):
            column.metric(label, value, border=True)


def show_curves(epochs: pl.DataFrame, steps: pl.DataFrame, *, log: bool, alt: str) -> None:
    """Show the loss curve, and beside it learning rate and speed; only rows travel when there are new ones.

    Args:
        epochs: thinned, with `points` saying how many there are.
        steps: mean losses of some steps inside the epochs.
    """
    dark = is_dark()
    if epochs.is_empty() and steps.is_empty():
        st.info("No step has been logged yet; the curve starts with the first.", icon=":material/hourglass_top:")
        return
    inside = steps.select("epoch", "step_loss")
    rows = pl.concat([with_best(epochs).cast({"epoch": pl.Float64}), inside], how="diagonal_relaxed").sort("epoch")
    st.echarts_chart(
        with_rows(_loss_option(log, dark), rows),
        key="live-loss",
        height=360,
        alt=alt,
    )
    if epochs.is_empty():
        return
    if epochs.height < epochs["points"][0]:
        st.caption(points_shown(epochs.height, epochs["points"][0], draggable=False))
    left, right = st.columns(2)
    for column, field, unit, colour in (
        (left, "learning_rate", "learning rate", 2),
        (right, "samples_per_second", "samples per second", 3),
    ):
        if epochs[field].null_count() < epochs.height:
            column.echarts_chart(
                with_rows(_line_option(field, unit, colour, dark), epochs.select("epoch", field)),
                key=f"live-{field}",
                height=200,
                alt=f"{unit.capitalize()} over epochs, now {number(epochs[field][-1], 3)}",
            )


def with_best(epochs: pl.DataFrame) -> pl.DataFrame:
    """Return epoch, losses and a column `best` that holds the value of the best epoch alone."""
    val = pl.col("val_loss")
    usable = pl.when(val.is_finite()).then(val)
    is_best = pl.int_range(pl.len()) == usable.arg_min()
    return epochs.select(
        "epoch",
        *(pl.when(pl.col(name).is_finite()).then(pl.col(name)).alias(name) for name in ("train_loss", "val_loss")),
        pl.when(is_best & usable.is_not_null()).then(val).alias("best"),
    )


def curve_alt(epochs: pl.DataFrame) -> str:
    """Say what the curve shows, for those who do not see it."""
    if epochs.is_empty():
        return "Loss over the steps of the first epoch"
    last = epochs.row(-1, named=True)
    return (
        f"Loss over {epochs.height} epochs; last training loss {number(last['train_loss'])}, "
        f"last validation loss {number(last['val_loss'])}"
    )


def show_log(rt: Runtime, run_id: UUID, *, search: str | None, lines: int = 200, height: int = 260) -> None:
    """Show the end of a run's log, or the lines that hold a text."""
    try:
        found = logs.tail(rt, run_id, lines=lines, search=search or "")
    except NotFound as error:
        st.caption(error.message)
        return
    if not found:
        st.caption("No line of the log holds that text." if search else "The log is empty so far.")
        return
    if len(found) * LINE_PIXELS < height:
        st.code("\n".join(found), language=None, wrap_lines=True)
        return
    with st.container(height=height, border=True, autoscroll=True):
        st.code("\n".join(found), language=None, wrap_lines=True)


@st.cache_data(max_entries=8, show_spinner=False)
def _loss_option(log: bool, dark: bool) -> dict[str, Any]:
    return live_loss(log=log, dark=dark)


@st.cache_data(max_entries=16, show_spinner=False)
def _line_option(field: str, unit: str, colour: int, dark: bool) -> dict[str, Any]:
    return live_line(field, y_name=unit, colour=colour, dark=dark)
