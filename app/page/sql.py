"""SQL: one read-only statement on the yard's newest data, what there is to ask, and what numbers are made of."""

import streamlit as st

from runyard.ui.backlog import show_backlog
from runyard.ui.lineage_view import show_lineage
from runyard.ui.sql_answer import show_answer
from runyard.ui.sql_console import PART, ask_statement, show_relations
from runyard.ui.yard import yard

rt = yard()
show_backlog(rt)
asking, lineage = st.tabs(["Ask", "Lineage"], key=PART, bind="query-params")
if asking.open:
    with asking:
        console, browser = st.columns([3, 2], gap="medium")
        with browser:
            show_relations(rt)
        with console:
            ask_statement(rt)
        show_answer()
if lineage.open:
    with lineage:
        show_lineage(rt)
