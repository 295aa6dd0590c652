"""The learning rate over a run that is not started yet."""

from __future__ import annotations

import polars as pl
import streamlit as st

from runyard.charts.series import series
from runyard.charts.spec import Spec
from runyard.config.run import RunConfig
from runyard.runtime import Runtime
from runyard.service.steps import planned_rates
from runyard.ui.figure import show_chart
from runyard.ui.text import number
from runyard.ui.yard import is_dark


def show_rates(rt: Runtime, config: RunConfig) -> None:
    """Draw the schedule of a config over its steps, or over the share of the run where those are not known."""
    rates = planned_rates(rt, config)
    if rates is None:
        return
    highest, last = max(rate for _, rate in rates.points), rates.points[-1][1]
    st.markdown("**Learning rate over the run**")
    x = [step + 1 if rates.known else 100 * step / rates.total for step, _ in rates.points]
    points = pl.DataFrame({"x": x, "y": [rate for _, rate in rates.points]}, schema={"x": pl.Float64, "y": pl.Float64})
    title = "step" if rates.known else "% of the run"
    end = number(last, 3) if last >= highest / 1e3 else "nearly 0"
    words = f"Learning rate over the run: up to {number(highest, 3)}, {end} at the end"
    show_chart(_spec(title, is_dark()), {"points": points}, key=f"launch-rates-{rates.known}", alt=words)
    if rates.known:
        st.caption(f"About {rates.total:,} steps, {rates.per_epoch:,} an epoch; {words.split(': ')[1]}.")
    else:
        st.caption(f"How many steps it will be is not known yet: drawn as if there were {rates.total:,}.")


@st.cache_data(max_entries=4, show_spinner=False)
def _spec(x_title: str, dark: bool) -> Spec:
    return series(
        x_title=x_title, y_title="learning rate", y_format=".2~g", whole_x=True, colour=2, dark=dark, height=180
    )
