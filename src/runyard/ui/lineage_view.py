"""Lineage: which columns of the tables of events feed a column of a view, drawn."""

from __future__ import annotations

from dataclasses import asdict

import polars as pl
import streamlit as st

from runyard.charts.lineage import lineage_graph
from runyard.queries import schema
from runyard.runtime import Runtime
from runyard.service.lineage import columns_of_views, origins, steps
from runyard.ui.figure import as_arrow
from runyard.ui.text import escape
from runyard.ui.yard import frame, is_dark

VIEW = "lineage-view"
_FIRST = ("overtraining_waste", "wasted_cost_usd")


def show_lineage(rt: Runtime) -> None:
    """Let the reader choose a column of a view, and draw what it is made of."""
    views = columns_of_views()
    left, right = st.columns(2)
    names = list(views)
    view = left.selectbox("View", names, index=names.index(_FIRST[0]), key=VIEW, bind="query-params")
    columns = views[view]
    first = columns.index(_FIRST[1]) if _FIRST[1] in columns else 0
    column = right.selectbox("Column", columns, index=first, key="lineage-column", bind="query-params")
    comments = dict(frame(rt, schema.columns(view)).select("column_name", "comment").iter_rows())
    if comment := comments.get(column):
        st.caption(escape(comment))
    found = origins(view, column)
    words = ", ".join(f"{origin.table}.{origin.source}" for origin in found) or "nothing that is logged"
    st.graphviz_chart(
        lineage_graph(
            [(step.view, step.column, step.relation, step.source) for step in steps(view, column)],
            asked=(view, column),
            dark=is_dark(),
        ),
        alt=f"{view}.{column} is made of {words}",
    )
    if not found:
        st.caption("It is made of no column: it counts rows, or is always the same.")
        return
    st.caption(
        "From the tables, left, through views to the column. Columns that only decide which rows count, or in which "
        "order, may be left out."
    )
    with st.expander("Table and command", icon=":material/table:"):
        st.dataframe(
            as_arrow(pl.DataFrame([asdict(origin) for origin in found]).select("table", "source")),
            lazy=False,
            key="lineage-table",
            hide_index=True,
            placeholder="",
            alt=f"Columns that feed {view}.{column}",
        )
        st.code(f"runyard lineage {view} {column}", language="shell")
