"""Where a run is heading: its predicted last value in words and on the curve."""

from __future__ import annotations

from typing import Any

import polars as pl
import streamlit as st

from runyard.queries import forecast as finished
from runyard.runtime import Runtime
from runyard.stats.forecast import COVERAGE, Curve, Forecast, forecast
from runyard.ui.text import escape, number
from runyard.ui.yard import frame

Row = dict[str, Any]
Given = tuple[tuple[int, ...], tuple[float, ...], int]  # a Curve, as a cache's key
LINE: dict[str, Any] = {"epoch": pl.Float64, "value": pl.Float64, "low": pl.Float64, "high": pl.Float64}
_LINE_POINTS = 40
HELP = (
    "A power law through the evaluations so far, a + b t⁻ᶜ, at the planned last epoch. The band is how far off such a "
    "prediction was for nine in ten of the agent's finished runs, at the same share of their epochs (split conformal); "
    "it takes nine of them."
)


def predicted(rt: Runtime, run: Row, epochs: pl.DataFrame) -> Forecast | None:
    """Return the forecast of a run that has not come to its planned end; None of others, and before 5 evaluations."""
    planned, done = run["total_epochs"], run["completed_epochs"]
    if not planned or not done or done >= planned or run["status"] == "completed":
        return None
    sign, column = _sign(run), "val_loss" if is_loss(run) else "val_metric"
    usable = epochs.filter(pl.col(column).is_finite()).sort("epoch")
    own = (tuple(usable["epoch"]), tuple(sign * value for value in usable[column]), planned)
    return _forecast(own, tuple(curves(frame(rt, finished.earlier(run["id"])))))


def curves(table: pl.DataFrame) -> list[Given]:
    """Return the curve of each finished run."""
    return [
        (tuple(part["epoch"]), tuple(part["loss"]), int(part["last_epoch"][0]))
        for part in table.partition_by("id", maintain_order=True)
    ]


def is_loss(run: Row) -> bool:
    """Whether the monitored value is the validation loss, which the chart of losses shows."""
    return run["monitor_metric"] in (None, "val_loss")


def sentence(run: Row, found: Forecast) -> str:
    """Say a forecast in one plain sentence (Markdown)."""
    value, low, high = turned(run, found)
    metric = "validation loss" if is_loss(run) else escape(run["monitor_metric"])
    if _leaves_its_range(run, found):
        ends = f"its curve leads below 0 by epoch {found.epoch}"
        return f"The {metric} still falls too steeply to say where it ends: {ends}."
    said = f"If it goes on like this, **{metric} at epoch {found.epoch}** will be about **{number(value, 3)}**"
    if low is None or high is None:
        word = "run is" if found.earlier_runs == 1 else "runs are"
        return f"{said}. How sure that is cannot be said: {found.earlier_runs} finished {word} too few."
    between = f"{number(low, 3)} to {number(high, 3)}"
    return f"{said}, {between} in {100 * COVERAGE:.0f} % of cases, as {found.earlier_runs} finished runs tell."


def show_forecast(run: Row, found: Forecast | None) -> None:
    """Show the sentence, if there is a forecast."""
    if found is not None:
        st.markdown(f":material/trending_down: {sentence(run, found)}", help=HELP)


def turned(run: Row, found: Forecast) -> tuple[float, float | None, float | None]:
    """Return value, low and high as the metric itself has them, which may be one that grows."""
    if _sign(run) > 0:
        return found.value, found.low, found.high
    return -found.value, None if found.high is None else -found.high, None if found.low is None else -found.low


def forecast_line(run: Row, found: Forecast | None) -> pl.DataFrame:
    """Return the curve from the last epoch on, the band at its end; empty without a usable forecast of the loss."""
    if found is None or not is_loss(run) or _sign(run) < 0 or _leaves_its_range(run, found):
        return pl.DataFrame(schema=LINE)
    start = run["completed_epochs"]
    steps = [start + (found.epoch - start) * place / _LINE_POINTS for place in range(_LINE_POINTS + 1)]
    ends = [(None, None)] * _LINE_POINTS + [(found.low, found.high)]
    rows = [(t, found.law.at(t), *band) for t, band in zip(steps, ends, strict=True)]
    return pl.DataFrame(rows, LINE, orient="row")


def _leaves_its_range(run: Row, found: Forecast) -> bool:
    """Whether a power law leads a loss that has been positive so far below zero, as it may early in a steep fall."""
    best = run["best_validation_loss"]
    return is_loss(run) and _sign(run) > 0 and best is not None and found.value < 0 < best


@st.cache_data(max_entries=64, show_spinner=False)
def _forecast(own: Given, earlier: tuple[Given, ...]) -> Forecast | None:
    return forecast(Curve(*own), [Curve(*run) for run in earlier])


def _sign(run: Row) -> float:
    return -1.0 if run["monitor_mode"] == "max" else 1.0
