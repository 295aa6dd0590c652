"""Versions: is the newest version of an agent better than the one before, and can it be relied upon?"""

import streamlit as st

from runyard.queries import versions
from runyard.ui.backlog import show_backlog
from runyard.ui.choices import choose
from runyard.ui.figure import show_empty
from runyard.ui.verdicts import VERSIONS, show_rules
from runyard.ui.version_view import arranged, show_charts, show_newest, show_table
from runyard.ui.yard import frame, yard

rt = yard()
show_backlog(rt)
choices = frame(rt, versions.choices())
if choices.is_empty():
    show_empty(
        "No versions yet",
        "Every training run that completes makes the next version of its agent. A benchmark gives it a score, and "
        "records of its use say how reliable it is; then versions can be compared.",
        action="Launch a run",
        icon=":material/rocket_launch:",
        page="page/launch.py",
    )
    st.stop()

choice = choose(choices)
query = versions.history(choice.agent or "", benchmark=choice.benchmark, workspace=choice.workspace)
history = arranged(frame(rt, query), choice.benchmark)
if history.is_empty():
    st.info("No version of this agent fits.", icon=":material/filter_alt_off:")
    st.stop()
directions = history["higher_is_better"].drop_nulls()
show_newest(history, choice.benchmark)
show_charts(history, query, benchmark=choice.benchmark, higher_is_better=directions[0] if directions.len() else None)
st.subheader("Verdicts", anchor=False)
show_rules(
    VERSIONS, note="A version is compared with the one it was made from. Scores only count on the same benchmark."
)
opened = show_table(history)
if opened:
    st.switch_page("page/run.py", query_params={"id": opened})
