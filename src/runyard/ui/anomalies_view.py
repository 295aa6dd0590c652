"""Values of a run's curves that stand apart."""

from __future__ import annotations

from typing import Any

import streamlit as st

from runyard.queries import metrics
from runyard.runtime import Runtime
from runyard.ui.figure import as_arrow, show_sql
from runyard.ui.yard import frame

MOST = 500


def show_anomalies(rt: Runtime, run: dict[str, Any]) -> None:
    """Offer the values of the run's series that stand apart from the rest, or are not finite."""
    query = metrics.anomalies(run["id"], limit=MOST)
    table = frame(rt, query)
    count = f"{table.height}{'' if table.height < MOST else ' or more'}"
    title = f"{count} unusual value{'' if table.height == 1 else 's'}" if table.height else "No unusual values"
    with st.expander(title, icon=":material/report:" if table.height else ":material/check:", key="run-anomalies"):
        st.caption("Further from the median of its series than 3.5 modified z-scores (Iglewicz & Hoaglin), or not "
                   "finite. A curve that falls fast has unusual values at its start: that is no fault.")  # fmt: skip
        if table.height:
            columns: dict[str, Any] = {
                "name": "Metric", "step": "Step", "epoch": "Epoch", "value": "Value", "median": "Median of the series",
                "modified_z": st.column_config.NumberColumn("Modified z", format="%.1f", help="–: beyond all numbers"),
            }  # fmt: skip
            st.dataframe(as_arrow(table), lazy=False, key="run-anomalies-table", hide_index=True, placeholder="–",
                         column_config=columns, alt="Values that stand apart")  # fmt: skip
        show_sql(query)
