"""A table whose rows lead to runs: each has a button that opens the run's page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl
import streamlit as st

from runyard.ui.figure import as_arrow


def show_openable(
    table: pl.DataFrame, columns: Mapping[str, Any], *, run_ids: pl.Series, key: str, alt: str, most_rows: int = 12
) -> str | None:
    """Show a table with a button in each row; returns the id of the run that was asked for by a click just now.

    Args:
        table: with each of the columns but `details`, the button.
        columns: what is shown, in order, and how; `details` is a number of pixels, the width of the button.
        run_ids: the run of each row.
        most_rows: a longer table is scrolled.
    """
    clicked = st.session_state.get(f"{key}-open")
    button = st.column_config.ButtonColumn("Details", key=f"{key}-open", type="tertiary", width=columns["details"])
    shown = table.with_columns(pl.lit(":material/open_in_full: Open").alias("details")).select(list(columns))
    st.dataframe(
        as_arrow(shown),
        lazy=False,
        key=f"{key}-list",
        hide_index=True,
        column_config={**columns, "details": button},
        height="content" if shown.height <= most_rows else 35 * (most_rows + 1),
        placeholder="",
        alt=alt,
    )
    return str(run_ids[clicked["row"]]) if clicked and clicked["row"] < shown.height else None
