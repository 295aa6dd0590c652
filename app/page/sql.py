"""SQL: one read-only statement on the yard's newest data, what there is to ask, and the answer as table or chart."""

import streamlit as st

from runyard.ui.backlog import show_backlog
from runyard.ui.sql_answer import show_answer
from runyard.ui.sql_console import ask_statement, show_relations
from runyard.ui.yard import yard

rt = yard()
show_backlog(rt)
console, browser = st.columns([5, 3], gap="medium")
with browser:
    show_relations(rt)
with console:
    ask_statement(rt)
show_answer()
