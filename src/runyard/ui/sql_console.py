"""The console: a statement, its limits, the queries that are kept, and what tables and views there are to ask."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass

import streamlit as st

from runyard.core.errors import RunyardError
from runyard.queries import schema
from runyard.runtime import Runtime
from runyard.service import saved_queries, sql
from runyard.service.saved_queries import SavedQuery
from runyard.ui.address import take, tell
from runyard.ui.errors import sentences
from runyard.ui.figure import as_arrow
from runyard.ui.lineage_view import VIEW
from runyard.ui.text import escape
from runyard.ui.yard import frame

STATEMENT, ANSWERED, PART = "sql-statement", "sql-answered", "sql-part"
MOST_ROWS = 100_000  # they travel to the browser in one message
_MOST_SECONDS = 300.0
_LONGEST_IN_ADDRESS = 4_000
_FIRST = "run_overview (view)"
_GRAIN = re.compile(r" grain: ((?:[a-z_]+, )*[a-z_]+)")


@dataclass(frozen=True)
class Answered:
    """A statement as it was asked, and its answer or what went wrong."""

    statement: str
    limit: int
    outcome: sql.Answer | RunyardError
    seconds: float


def ask_statement(rt: Runtime) -> None:
    """Let the reader write a statement, start from a kept one, run it, keep it."""
    kept: list[SavedQuery] = []
    with sentences():
        kept = saved_queries.saved(rt)
    starts = {f"Saved: {query.name}": query for query in kept}
    starts |= {f"Example: {query.name}": query for query in saved_queries.examples()}
    take("q", STATEMENT, lambda said: said or next(iter(starts.values())).statement)
    st.selectbox(
        "Start from",
        list(starts),
        index=None,
        placeholder="A saved query or an example",
        key="sql-start",
        on_change=lambda: _fill(starts),
    )
    statement = st.text_area(
        "Statement",
        key=STATEMENT,
        height=220,
        help="One SELECT in DuckDB's SQL. It runs in a locked-down process on the newest data: it reads every table "
        "and view of the yard, no files, and changes nothing.",
    )
    tell("q", STATEMENT, statement if statement and len(statement) <= _LONGEST_IN_ADDRESS else "")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        limit = st.number_input(
            "Rows at most", 1, MOST_ROWS, 1000, step=1000, key="sql-limit", bind="query-params", width=130
        )
        timeout = st.number_input(
            "Stop after (s)", 1.0, _MOST_SECONDS, 10.0, step=5.0, format="%.0f", key="sql-timeout",
            bind="query-params", width=130,
        )  # fmt: skip
        run = st.button("Run", type="primary", icon=":material/play_arrow:", key="sql-run", width=110)
        with st.popover("Keep", icon=":material/bookmark:", key="sql-keep"):
            _show_keeping(rt, statement or "", kept)
    if run:
        with st.spinner("Asking …"):
            st.session_state[ANSWERED] = _asked(rt, statement or "", limit=int(limit), seconds=float(timeout))


def show_relations(rt: Runtime) -> None:
    """Show the tables and views with their comments, columns and definitions."""
    relations = frame(rt, schema.relations())
    rows = {f"{row['name']} ({row['kind']})": row for row in relations.to_dicts()}
    first = list(rows).index(_FIRST) if _FIRST in rows else 0
    chosen = st.selectbox(
        "Tables and views", list(rows), index=first, key="sql-relation", bind="query-params", help="Type to search"
    )
    if chosen is None:
        return
    relation = rows[chosen]
    st.caption(escape(_GRAIN.sub(r" Key: \1.", relation["comment"] or "No comment.")))
    columns = frame(rt, schema.columns(relation["name"]))
    if columns["comment"].null_count() == columns.height:
        columns = columns.drop("comment")
    st.dataframe(
        as_arrow(columns),
        lazy=False,
        key="sql-columns",
        hide_index=True,
        placeholder="",
        height=226,
        column_order=("column_name", "comment", "data_type"),
        column_config={
            "column_name": st.column_config.TextColumn("Column", width=140, pinned=True),
            "comment": st.column_config.TextColumn("Comment", width=420),
            "data_type": st.column_config.TextColumn("Type", width=90),
        },
        alt=f"Columns of {relation['name']}",
    )
    with st.container(horizontal=True):
        st.button(
            "Ask it",
            icon=":material/edit_note:",
            key="sql-use",
            on_click=_ask_relation,
            args=(relation["name"],),
            help="Writes a statement that reads it",
        )
        if relation["kind"] == "view":
            with st.popover("Definition", icon=":material/code:", key="sql-definition"):
                st.code(relation["definition"], language="sql")
            st.button(
                "Lineage",
                icon=":material/account_tree:",
                key="sql-lineage",
                on_click=_follow,
                args=(relation["name"],),
                help="Which columns of tables feed it, drawn",
            )


def _asked(rt: Runtime, statement: str, *, limit: int, seconds: float) -> Answered:
    began = time.monotonic()
    outcome: sql.Answer | RunyardError
    try:
        outcome = sql.ask(rt, statement, timeout_seconds=seconds, limit=limit)
    except RunyardError as error:
        outcome = error
    return Answered(statement, limit, outcome, time.monotonic() - began)


def _fill(starts: dict[str, SavedQuery]) -> None:
    chosen = st.session_state.get("sql-start")
    if chosen in starts:
        st.session_state[STATEMENT] = starts[chosen].statement.strip()


def _ask_relation(name: str) -> None:
    st.session_state[STATEMENT] = f"SELECT *\nFROM {name}"


def _follow(view: str) -> None:
    st.session_state[PART], st.session_state[VIEW] = "Lineage", view


def _show_keeping(rt: Runtime, statement: str, kept: list[SavedQuery]) -> None:
    name = st.text_input("Keep this statement as", key="sql-name", validate=saved_queries.NAME)
    if st.button("Save", key="sql-save"):
        with sentences():
            saved_queries.save(rt, name or "", statement)
            st.rerun()
    if kept:
        gone = st.selectbox("Delete", [query.name for query in kept], index=None, key="sql-gone")
        if st.button("Delete", key="sql-delete", icon=":material/delete:", disabled=not gone):
            with sentences():
                saved_queries.delete(rt, gone or "")
                st.rerun()
    st.caption("Each is a file in the yard's folder `queries`.")
