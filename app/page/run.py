"""Run detail: one run in full; the address names the run and the tab."""

import streamlit as st

from runyard.core.clock import now
from runyard.queries import runs
from runyard.ui.figure import show_empty, show_sql
from runyard.ui.live_view import show_log
from runyard.ui.organise import show_labels, show_organise, show_put_away
from runyard.ui.run_config import show_config
from runyard.ui.run_tabs import show_curves_tab, show_environment, show_events, show_resources_tab, show_summary
from runyard.ui.run_view import ACTIVE, report, run_named, show_actions, show_failure, show_status
from runyard.ui.text import age, escape
from runyard.ui.yard import yard

TABS = ("Summary", "Curves", "Config", "Environment", "Resources", "Log", "Events")

rt = yard()
run_id = run_named(rt, st.query_params.get("id"))
run = report(rt, run_id) if run_id else None
if run is None:
    show_empty(
        "No run chosen" if run_id is None else "This run is new",
        "Pick one on the Overview." if run_id is None else "Its numbers arrive within seconds.",
        action="Open the Overview",
        icon=":material/dashboard:",
        page="page/overview.py",
    )
    st.stop()

with st.container(horizontal=True, vertical_alignment="center"):
    st.subheader(escape(run["name"] or "unnamed"), anchor=False, width="content")
    show_status(run["status"])
    show_put_away(run)
    st.caption(
        f"queued {age(run['queued_at'], now())} · agent {escape(run['agent_id'] or '–')} · `{run['id']}`",
        width="content",
    )
    st.space("stretch")
    with st.container(horizontal=True, width="content"):
        if run["status"] in ACTIVE and st.button("Watch live", icon=":material/monitoring:", key="run-live"):
            st.switch_page("page/live.py", query_params={"run": str(run_id)})
        if st.button("Compare", icon=":material/compare_arrows:", key="run-compare"):
            st.switch_page("page/compare.py", query_params={"runs": str(run_id)})
        if run["deleted_at"] is None:
            show_actions(rt, run, key="run")
        show_organise(rt, run)
show_labels(rt, run)
show_failure(run)

summary, curves, config, environment, resources, log, events = st.tabs(TABS, key="tab", bind="query-params")
if summary.open:
    with summary:
        show_summary(rt, run)
        with st.expander("SQL", icon=":material/database:"):
            show_sql(runs.report(run_id))
            show_sql(runs.bill(run_id))
if curves.open:
    with curves:
        show_curves_tab(rt, run)
if config.open:
    with config:
        show_config(rt, run)
if environment.open:
    with environment:
        show_environment(run)
if resources.open:
    with resources:
        show_resources_tab(rt, run)
if log.open:
    with log:
        search = st.text_input(
            "Search in the log",
            key="run-search",
            placeholder="Search in the log",
            type="search",
            label_visibility="collapsed",
        )
        show_log(rt, run_id, search=search, lines=2000, height=560)
        if run["error_details"]:
            st.markdown("**What broke**")
            st.code(run["error_details"], language=None, wrap_lines=True)
if events.open:
    with events:
        show_events(rt, run)
