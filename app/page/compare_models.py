"""Compare models: several on the same data and splits, trained side by side, ranked with intervals and baselines."""

from uuid import UUID

import streamlit as st

from runyard.core.errors import RunyardError
from runyard.queries import comparisons
from runyard.service import runs
from runyard.ui.backlog import show_backlog
from runyard.ui.comparison_form import ask_comparison
from runyard.ui.comparison_view import show_ranking
from runyard.ui.errors import sentences
from runyard.ui.figure import show_empty
from runyard.ui.text import utc
from runyard.ui.yard import yard

rt = yard()
show_backlog(rt)
listing = comparisons.listing().live(rt)
asked = st.query_params.get("id")
with st.expander("New comparison", icon=":material/add:", expanded=listing.is_empty() and not asked):
    started = None
    with sentences():
        started = ask_comparison(rt)
if started:
    st.query_params["id"] = str(started)
    st.rerun()
if listing.is_empty():
    show_empty(
        "No comparison yet",
        "Choose models above: they are trained on the same examples, and ranked on the same held-out ones. "
        "`runyard train --compare` does the same from a shell.",
        action="Launch a single run",
        icon=":material/rocket_launch:",
        page="page/launch.py",
    )
    st.stop()

names = {
    str(row["comparison_id"]): f"{row['comparison_name']} · {row['models']} models · {utc(row['queued_at'])}"
    for row in listing.to_dicts()
}
picked = asked if asked in names else next(iter(names))
picked = st.selectbox(
    "Comparison", list(names), index=list(names).index(picked), format_func=lambda key: names[key], key=f"pick-{picked}"
)
if picked != asked:
    st.query_params["id"] = picked
query = comparisons.models(UUID(picked))
status = listing.filter(listing["comparison_id"].cast(str) == picked)["open_runs"].item() if picked in names else 0
is_open = bool(status)
if is_open and st.button("Cancel the open runs", icon=":material/block:", key="comparison-cancel"):
    with sentences():
        runs.cancel(rt, picked, by="page")
        st.rerun()


@st.fragment(run_every=2.0 if is_open else None)
def live_ranking() -> None:
    """Show the ranking from the store itself, again while runs are open."""
    try:
        rt.store.watch()
        models = query.live(rt)
    except RunyardError as error:
        st.caption(f"{error.message} The next look will tell.")
        return
    opened = show_ranking(models, query)
    if opened:
        st.switch_page("page/run.py", query_params={"id": opened})
    if is_open and not models["open_runs"].sum():
        st.rerun()


live_ranking()
