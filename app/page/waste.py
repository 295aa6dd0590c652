"""Waste and efficiency: what training was spent for nothing on, and which early-stopping rule would have saved it."""

import streamlit as st

from runyard.queries import runs, waste
from runyard.ui.backlog import show_backlog
from runyard.ui.figure import show_empty
from runyard.ui.waste_rules import show_rules
from runyard.ui.waste_view import UNITS, show_bill, show_efficiency, show_offenders, show_savings, show_totals
from runyard.ui.yard import frame, yard

TABS = ("Where it went", "What if", "Worst offenders", "Savings", "Efficiency")
GROUPS = {"Agent": "agent_id", "Workspace": "workspace_id", "Month": "month"}

rt = yard()
show_backlog(rt)
with st.spinner("Replaying early stopping over all finished runs …"):
    rules = frame(rt, waste.rules())
    bill = frame(rt, waste.lines("agent_id"))
if bill.is_empty():
    show_empty(
        "No run has ended yet",
        "The ledger counts finished training runs. Launch one here, `runyard demo` trains a few, "
        "or `runyard import` brings in what you have.",
        action="Launch a run",
        icon=":material/rocket_launch:",
        page="page/launch.py",
    )
    st.stop()

show_totals(frame(rt, runs.totals()).row(0, named=True), bill, frame(rt, waste.savings()), rules)
with st.container(horizontal=True, vertical_alignment="bottom"):
    grouping = st.segmented_control(
        "Group by", list(GROUPS), default="Agent", required=True, key="waste-by", bind="query-params"
    )
    unit = st.segmented_control(
        "Count in",
        list(UNITS),
        default="Hours" if bill["hours"].drop_nulls().len() else "Epochs",
        required=True,
        key="waste-unit",
        bind="query-params",
    )
by = GROUPS[grouping]

where, what_if, worst, savings, efficiency = st.tabs(TABS, key="waste-tab", bind="query-params")
if where.open:
    with where:
        show_bill(rt, by, grouping, unit)
if what_if.open:
    with what_if:
        show_rules(rt, rules, by, grouping, unit)
if worst.open:
    with worst:
        opened = show_offenders(rt)
        if opened:
            st.switch_page("page/run.py", query_params={"id": opened})
if savings.open:
    with savings:
        show_savings(rt)
if efficiency.open:
    with efficiency:
        show_efficiency(rt)
