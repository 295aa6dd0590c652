"""Compare: chosen runs, their curves on one chart against a baseline, and the settings that differ."""

import streamlit as st

from runyard.queries import compare
from runyard.ui.backlog import show_backlog
from runyard.ui.compare_curves import show_curves
from runyard.ui.compare_runs import choose_baseline, choose_runs, runs_asked_for, show_differences
from runyard.ui.figure import show_empty, show_sql
from runyard.ui.yard import frame, yard

rt = yard()
show_backlog(rt)
listing = compare.table(runs_asked_for())
table = frame(rt, listing)
if table["completed_epochs"].drop_nulls().is_empty():
    show_empty(
        "Nothing to compare yet",
        "Runs show up here once their first epoch is finished. Launch some, `runyard demo` trains a few, "
        "or `runyard import` brings in what you have.",
        action="Launch a run",
        icon=":material/rocket_launch:",
        page="page/launch.py",
    )
    st.stop()

chosen = choose_runs(table)
if not chosen:
    st.info("Choose runs in the table to see their curves.", icon=":material/check_box:")
    st.stop()
base = choose_baseline(chosen)
show_curves(rt, chosen, base)
show_differences(rt, chosen, base)
with st.expander("SQL of the table of runs", icon=":material/database:"):
    show_sql(listing)
