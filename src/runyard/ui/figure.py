"""A chart as it stands on a page: its alt text, a note of thinning, and the table and the SQL behind it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import polars as pl
import pyarrow as pa
import streamlit as st

from runyard.charts.spec import Spec
from runyard.queries.query import Query


def show_chart(
    spec: Spec,
    data: Mapping[str, pl.DataFrame],
    *,
    key: str,
    alt: str,
    on_brush: Callable[[float, float], None] | None = None,
) -> None:
    """Show a Vega-Lite spec with its named data; with an unchanged key only the data travels again.

    Args:
        on_brush: called before the next run of the page with the range of x that the reader has dragged over; the spec
            has an interval selection named brush for that.
    """
    filled = {**spec, "datasets": dict(data)}
    if on_brush is None:
        st.vega_lite_chart(None, filled, key=key, alt=alt)
        return

    def brushed() -> None:
        for chosen in st.session_state[key]["selection"].get("brush", {}).values():
            on_brush(float(min(chosen)), float(max(chosen)))

    st.vega_lite_chart(None, filled, key=key, alt=alt, on_select=brushed, selection_mode="brush")


def points_shown(drawn: int, total: int, *, draggable: bool = True) -> str:
    """Say how many points of its curves a chart draws."""
    if drawn == total:
        return f"{total:,} of {total:,} points shown"
    more = "; drag across to see more" if draggable else "; all of them are behind Details"
    return f"{drawn:,} of {total:,} points shown, extremes kept{more}"


def as_arrow(table: pl.DataFrame) -> pa.Table:
    """Return a table as Streamlit sends it: a Polars frame would go through pandas first, at three times the cost.

    Show it with `lazy=False`: the look whether a table should be sent in parts imports pandas, which is 50 MB.
    """
    return table.to_arrow(compat_level=pl.CompatLevel.oldest())


def show_behind(table: pl.DataFrame, query: Query, *, key: str, note: str = "", alt: str = "") -> None:
    """Offer the table behind a chart and the statement that gives it; nothing is sent until it is opened."""
    if note:
        st.caption(note)
    behind = st.expander("Table and SQL", icon=":material/table:", key=f"{key}-behind", on_change="rerun")
    if behind.open:
        with behind:
            st.dataframe(
                as_arrow(table),
                lazy=False,
                key=f"{key}-table",
                hide_index=True,
                placeholder="",
                height=280,
                alt=alt or "Table behind the chart",
            )
            show_sql(query)


def show_sql(query: Query) -> None:
    """Show the statement that a DuckDB shell on the published copy answers alike."""
    st.caption("The same numbers in a shell: `duckdb -readonly` on the yard's `runyard.duckdb`, then")
    st.code(query.shell, language="sql")


def show_empty(title: str, text: str, *, action: str, icon: str, page: str) -> None:
    """Show an empty state: what is missing, and the one way on."""
    with st.container(border=True, horizontal_alignment="center"):
        st.subheader(title, anchor=False, width="content")
        st.markdown(text, width="content")
        if st.button(action, type="primary", icon=icon, key="empty-action"):
            st.switch_page(page)
