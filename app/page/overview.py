"""Overview: what runs, what it cost, how much of it was wasted, and every run with a way to it."""

import streamlit as st

from runyard.queries import runs, waste
from runyard.ui.backlog import show_backlog
from runyard.ui.demo import show_demo_notes
from runyard.ui.errors import sentences
from runyard.ui.figure import show_empty, show_sql
from runyard.ui.free_space import offer_free_space
from runyard.ui.runs_table import choose_listing, known_sums, show_runs
from runyard.ui.text import dollars, hours, share
from runyard.ui.yard import frame, yard

rt = yard()
totals = frame(rt, runs.totals()).row(0, named=True)
active = totals["running_runs"] + totals["queued_runs"]


def show_figures(now: dict[str, float | None]) -> None:
    """Show four numbers over all runs."""
    cards = st.columns(4)
    ended = [f"{now[f'{word}_runs']} {word}" for word in ("failed", "cancelled") if now[f"{word}_runs"]]
    plain = {"delta_color": "off", "delta_arrow": "off", "border": True, "height": "stretch"}
    cards[0].metric("Active runs", now["running_runs"], f"{now['queued_runs']} queued", **plain)
    cards[1].metric("Completed runs", now["completed_runs"], ", ".join(ended) or "none failed", **plain)
    cards[2].metric(
        "Compute hours",
        hours(now["compute_hours"]),
        dollars(now["cost_usd"]),
        **plain,
        help="Wall time of ended runs times their devices, and what that cost",
    )
    lost = known_sums(frame(rt, waste.of_runs()), "wasted_compute_hours", "wasted_cost_usd")
    spent, wasted = now["compute_hours"], lost["wasted_compute_hours"]
    portion = wasted / spent if spent and wasted is not None else None
    cards[3].metric(
        "Wasted hours",
        hours(wasted),
        f"{share(portion)} of all, {dollars(lost['wasted_cost_usd'])}",
        **plain,
        help="Compute hours after the best epoch of each ended run",
    )


@st.fragment(run_every=2.0 if active else 10.0, key="overview")
def show_overview() -> None:
    """Show numbers and runs, asked for again while the page stands open."""
    with sentences():
        show_backlog(rt)
        show_figures(frame(rt, runs.totals()).row(0, named=True))
        st.subheader("Runs", anchor=False)
        listed = choose_listing(rt)
        opened = show_runs(rt, listed)
        if opened:
            st.switch_page("page/run.py", query_params={"id": opened})
        with st.expander("SQL", icon=":material/database:"):
            show_sql(runs.listing_with_waste(listed))


show_demo_notes(rt)
if totals["runs"] == 0:
    show_empty(
        "No runs yet",
        "Start a training run here, or call `runyard.init()` in a script of your own.",
        action="Launch the first run",
        icon=":material/rocket_launch:",
        page="page/launch.py",
    )
else:
    show_overview()
    offer_free_space(rt)
