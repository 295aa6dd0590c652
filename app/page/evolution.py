"""Evolution: how an agent got better or worse from training to training, and what was changed each time."""

import streamlit as st

from runyard.queries import evolution
from runyard.ui.backlog import show_backlog
from runyard.ui.choices import choose
from runyard.ui.evolution_view import arranged, show_changes, show_charts, show_standing, show_table
from runyard.ui.figure import show_empty
from runyard.ui.verdicts import EVOLUTION, show_rules
from runyard.ui.yard import frame, yard

rt = yard()
show_backlog(rt)
choices = frame(rt, evolution.choices())
if choices.is_empty():
    show_empty(
        "No completed training yet",
        "Every training that completes is a step of its agent. A benchmark within 24 hours after it gives it a score, "
        "which is compared with the score before.",
        action="Launch a run",
        icon=":material/rocket_launch:",
        page="page/launch.py",
    )
    st.stop()

choice = choose(choices)
query = evolution.timeline(choice.agent or "", benchmark=choice.benchmark, workspace=choice.workspace)
trainings = arranged(frame(rt, query), choice.benchmark)
if trainings.is_empty():
    st.info("No training of this agent fits.", icon=":material/filter_alt_off:")
    st.stop()
directions = trainings["higher_is_better"].drop_nulls()
higher_is_better = directions[0] if directions.len() else None
show_standing(trainings, choice.benchmark, higher_is_better=higher_is_better)
show_charts(trainings, query, benchmark=choice.benchmark, higher_is_better=higher_is_better)
st.subheader("Trainings", anchor=False)
show_rules(EVOLUTION, note="A score is compared with the agent's last score before it, on the same benchmark.")
opened = show_table(trainings)
if opened:
    st.switch_page("page/run.py", query_params={"id": opened})
show_changes(rt, trainings)
