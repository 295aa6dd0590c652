"""Live: one run while it trains, once a second; the address names the run."""

from uuid import UUID

import streamlit as st

from runyard.core.clock import now
from runyard.queries import epochs, runs, steps
from runyard.ui.backlog import show_backlog
from runyard.ui.errors import sentences
from runyard.ui.figure import show_behind, show_empty
from runyard.ui.forecast_view import predicted, show_forecast
from runyard.ui.live_view import curve_alt, show_curves, show_log, show_numbers, show_progress, with_newest_step
from runyard.ui.plain_view import show_plain
from runyard.ui.run_view import ACTIVE, report_live, run_named, show_actions, show_attempt, show_failure, show_status
from runyard.ui.text import escape, utc
from runyard.ui.yard import yard

rt = yard()
show_backlog(rt)
choices = runs.names().live(rt)
if choices.is_empty():
    show_empty(
        "Nothing to watch yet",
        "A run shows up here as soon as it is queued.",
        action="Launch a run",
        icon=":material/rocket_launch:",
        page="page/launch.py",
    )
    st.stop()

names = {row["id"]: f"{row['name'] or 'unnamed'} · {utc(row['queued_at'])}" for row in choices.to_dicts()}
wanted = str(run_named(rt, st.query_params.get("run")) or next(iter(names)))
names.setdefault(wanted, wanted)
picker, options = st.columns([4, 1], vertical_alignment="bottom")
picked = picker.selectbox(
    "Run", list(names), index=list(names).index(wanted), format_func=lambda key: names[key], key=f"live-run-{wanted}"
)
if picked != st.query_params.get("run"):
    st.query_params["run"] = picked
run_id = UUID(picked)
first = report_live(rt, run_id) or {"status": "queued", "kind": "train"}
if first["kind"] == "compare":
    st.switch_page("page/compare_models.py", query_params={"id": str(run_id)})

# The head stands outside of what reruns by itself: a click in a dialog that such a fragment opened is lost whenever it
# falls together with the next rerun, since Streamlit then runs the fragment and skips what is inside it.
with st.container(horizontal=True, vertical_alignment="center"):
    st.subheader(escape(first.get("name") or "unnamed"), anchor=False, width="content")
    show_status(first["status"])
    st.space("stretch")
    if "id" in first:
        show_actions(rt, first, key="live")
    if st.button("Details", icon=":material/description:", key="live-details"):
        st.switch_page("page/run.py", query_params={"id": str(run_id)})


@st.fragment(run_every=1.0 if first["status"] in ACTIVE else None, key="live")
def show_live() -> None:
    """Show the run as the store has it now; where it enters another state, or is asked to stop, the page reruns."""
    with sentences():
        rt.store.watch()
        run = report_live(rt, run_id)
        if run is None:
            return
        history = epochs.of_run(run_id).live(rt)
        if any(run.get(word) != first.get(word) for word in ("name", "status", "cancel_requested_at")):
            st.rerun()
        show_attempt(run)
        show_failure(run)
        show_plain(rt, run_id, key="live", live=True)
        inside = steps.of_run(run_id).live(rt)
        show_progress(with_newest_step(run, inside))
        show_numbers(history, run, now())
        show_forecast(run, predicted(rt, run, history))
        drawn = epochs.curve(run_id, *epochs.LOSSES, "learning_rate", "samples_per_second").live(rt)
        show_curves(drawn, inside, log=st.session_state.get("live-log", False), alt=curve_alt(history))
        show_behind(history, epochs.of_run(run_id), key="live", alt="Epochs of the run")
        st.subheader("Log", anchor=False)
        search = st.text_input(
            "Search in the log",
            key="live-search",
            placeholder="Search in the log",
            type="search",
            label_visibility="collapsed",
        )
        show_log(rt, run_id, search=search)


options.toggle("Logarithmic loss", key="live-log", bind="query-params")
show_live()
