"""Run detail: one run in full; the address names the run and the tab."""

import streamlit as st

from runyard.core.clock import now
from runyard.ui.attempts_view import show_attempts_tab
from runyard.ui.figure import show_empty
from runyard.ui.layers_view import show_layers_tab
from runyard.ui.organise import show_labels, show_organise, show_put_away
from runyard.ui.run_config import show_config
from runyard.ui.run_curves import show_curves_tab, show_resources_tab
from runyard.ui.run_tabs import show_environment, show_events, show_log_tab, show_summary
from runyard.ui.run_view import ACTIVE, report, run_named, show_actions, show_attempt, show_failure, show_status
from runyard.ui.samples_view import answers_prompts, show_samples
from runyard.ui.text import age, escape
from runyard.ui.yard import yard

TABS = {
    "Summary": show_summary,
    "Curves": show_curves_tab,
    "Layers": show_layers_tab,
    "Samples": show_samples,
    "Attempts": show_attempts_tab,
    "Config": show_config,
    "Environment": show_environment,
    "Resources": show_resources_tab,
    "Log": show_log_tab,
    "Events": show_events,
}

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

if run["kind"] == "compare":
    st.switch_page("page/compare_models.py", query_params={"id": str(run_id)})

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
show_attempt(run)
show_failure(run)

tabs = {name: show for name, show in TABS.items() if name != "Samples" or answers_prompts(run)}
for tab, show in zip(st.tabs(list(tabs), key="tab", bind="query-params"), tabs.values(), strict=True):
    if tab.open:
        with tab:
            show(rt, run)
