"""Continuous learning: what an agent forgets while it learns on, where its scores drift, and what its users say."""

import streamlit as st

from runyard.queries import learning
from runyard.ui.alarms_view import MOST_USES, show_errors, show_inputs
from runyard.ui.backlog import show_backlog
from runyard.ui.choices import choose
from runyard.ui.feedback_view import show_feedback, show_updates
from runyard.ui.figure import show_empty
from runyard.ui.learning_view import show_drift, show_forgetting
from runyard.ui.yard import frame, yard

rt = yard()
show_backlog(rt)
choices = frame(rt, learning.choices())
if choices.is_empty():
    show_empty(
        "Nothing learned on yet",
        "This page follows agents after their first training. Each training that ends with a benchmark adds a score. "
        "What happens in production is recorded with `runyard record feedback`, `runyard record update` and "
        "`runyard record execution`.",
        action="Launch a run",
        icon=":material/rocket_launch:",
        page="page/launch.py",
    )
    st.stop()

choice = choose(choices)
agent = choice.agent or ""
matrix, scores = learning.matrix(agent), learning.scores(agent)
show_forgetting(frame(rt, matrix), matrix, frame(rt, scores), scores)

st.subheader("Drift", anchor=False)
points = learning.benchmark_scores(agent, choice.benchmark or "")
found = frame(rt, points)
if found.is_empty():
    st.info("No usable score of this agent yet: scores come from benchmarks.", icon=":material/speed:")
else:
    show_drift(found, points, choice.benchmark or "")

uses, inputs = learning.outcomes(agent, limit=MOST_USES), learning.input_drift(agent)
show_errors(frame(rt, uses), uses)
show_inputs(frame(rt, inputs), inputs)

feedback, updates = learning.feedback(agent), learning.updates(agent)
show_feedback(frame(rt, feedback), feedback)
show_updates(frame(rt, updates), updates)
