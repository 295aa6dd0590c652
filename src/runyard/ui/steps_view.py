"""The loss of a run's single steps, smoothed as its configuration says."""

from __future__ import annotations

import json
from typing import Any

import polars as pl
import streamlit as st

from runyard.charts.series import series
from runyard.charts.spec import Spec
from runyard.queries import steps
from runyard.runtime import Runtime
from runyard.ui.figure import show_behind, show_chart
from runyard.ui.text import number
from runyard.ui.yard import frame, is_dark


def show_steps(rt: Runtime, run: dict[str, Any], between: tuple[float, float] | None) -> None:
    """Show the training loss inside the epochs, or some of them; nothing where no steps were logged."""
    query = steps.of_run(run["id"], between=between)
    table = frame(rt, query)
    if table.height < 2:
        return
    weight = smoothing(run["config"])
    loss = pl.col("step_loss").ewm_mean(alpha=1 - weight) if weight else pl.col("step_loss")
    points = table.select(pl.col("step").alias("x"), loss.alias("y")).drop_nulls()
    with st.container(border=True):
        st.markdown("**Training loss of the steps**")
        words = f"Training loss over {points['x'][-1]} steps, {number(points['y'][-1], 3)} at the end"
        show_chart(_spec(is_dark()), {"points": points}, key="run-steps", alt=words)
        note = f"Exponential mean, {weight:g} of it the past." if weight else ""
        show_behind(table, query, key="run-steps", note=note, alt=words)


def smoothing(config: str | None) -> float:
    """Return the weight of the past in the mean that is drawn, by a run's configuration (JSON text)."""
    monitoring = json.loads(config or "{}").get("monitoring")
    value = monitoring.get("loss_curve_smoothing") if isinstance(monitoring, dict) else None
    return value if isinstance(value, float) and 0 <= value < 1 else 0.0


@st.cache_data(max_entries=2, show_spinner=False)
def _spec(dark: bool) -> Spec:
    return series(x_title="step", y_title="loss", whole_x=True, dark=dark, ranged=False)
