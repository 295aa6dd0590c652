"""Transfer: which agents' models help which others, how much, and what that saves over training from scratch."""

import streamlit as st

from runyard.queries import transfers
from runyard.ui.backlog import show_backlog
from runyard.ui.choices import choose
from runyard.ui.figure import show_empty
from runyard.ui.transfer_view import arranged, show_pairs, show_sums, show_table
from runyard.ui.verdicts import TRANSFERS, show_rules
from runyard.ui.yard import frame, yard

rt = yard()
show_backlog(rt)
choices = frame(rt, transfers.choices())
if choices.is_empty():
    show_empty(
        "No transfers yet",
        "A transfer is a training that starts from another agent's model: launch one of the training type "
        "`transfer_learning`. Benchmarks of the target before and after it say what it gained.",
        action="Launch a run",
        icon=":material/rocket_launch:",
        page="page/launch.py",
    )
    st.stop()

choice = choose(choices, every_agent=True)
chosen = {"agent": choice.agent, "benchmark": choice.benchmark, "workspace": choice.workspace}
query = transfers.report(**chosen)
found = arranged(frame(rt, query))
if found.is_empty():
    st.info("No transfer fits.", icon=":material/filter_alt_off:")
    st.stop()
show_sums(found, choice.benchmark)
pairs = transfers.pairs(**chosen)
show_pairs(frame(rt, pairs), pairs, choice.benchmark)
st.subheader("Effectiveness", anchor=False)
show_rules(
    TRANSFERS, note="The rules assume scores between 0 and 1. Time from scratch is the median of the target's own."
)
opened = show_table(found, query)
if opened:
    st.switch_page("page/run.py", query_params={"id": opened})
