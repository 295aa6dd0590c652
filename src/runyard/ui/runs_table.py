"""The table of runs: status, progress, loss at a glance, time, money, and a way to each run."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import polars as pl
import streamlit as st

from runyard.charts.theme import LIGHT
from runyard.core.clock import now
from runyard.queries import runs, waste
from runyard.queries.query import Query
from runyard.runtime import Runtime
from runyard.ui.openable import show_openable
from runyard.ui.yard import frame

STATUSES = ("running", "queued", "completed", "failed", "cancelled")
MOST_ROWS = 15
_KEPT: tuple[runs.Kept, ...] = ("listed", "archived", "deleted", "all")
_SIGNS = {"running": "▶", "queued": "◷", "completed": "✓", "failed": "✕", "cancelled": "⊘"}
_COLOURS = (LIGHT.lines[0], "#6B7680", "#1B8A5A", "#C0392B", "#B8660B")
# Up to the start they fill a window of 1360 pixels, which leaves 900 for the table; no label is cut off.
_COLUMNS: dict[str, Any] = {
    "status": st.column_config.MultiselectColumn(
        "Status", options=[f"{_SIGNS[word]} {word}" for word in STATUSES], color=list(_COLOURS), width=106
    ),
    "name": st.column_config.TextColumn("Run", width=144),
    "details": 70,
    "progress": st.column_config.ProgressColumn("Progress", format="%d %%", min_value=0, max_value=100, width=86),
    "epochs": st.column_config.TextColumn("Epochs", help="Finished / planned", alignment="right", width=66),
    "val_losses": st.column_config.LineChartColumn("Loss", help="Validation loss over the epochs", width=70),
    "best": st.column_config.NumberColumn("Best", format="%.4g", help="Smallest validation loss", width=64),
    "wasted": st.column_config.NumberColumn(
        "Wasted", format="%d %%", help="Share of the compute hours after the best epoch", width=66
    ),
    "minutes": st.column_config.NumberColumn("Minutes", format="%.1f", help="From start to end, or to now", width=64),
    "cost_usd": st.column_config.NumberColumn("USD", format="%.4f", help="Cost of the compute hours", width=66),
    "started_at": st.column_config.DatetimeColumn("Start (UTC)", format="MM-DD HH:mm", width=97),
    "agent_id": st.column_config.TextColumn("Agent"),
    "model": st.column_config.TextColumn("Model"),
    "group": st.column_config.TextColumn("Group"),
    "tags": st.column_config.ListColumn("Tags"),
}


def choose_listing(rt: Runtime) -> Query:
    """Return the query of the runs to list; offers the tags and groups in use, and runs that were put away."""
    known = frame(rt, runs.labels()).row(0, named=True)
    tag, group, kept = None, None, _KEPT[0]
    with st.container(horizontal=True):
        if known["tags"]:
            tag = st.selectbox("Tag", known["tags"], None, key="tag", bind="query-params", placeholder="Any", width=170)
        if known["groups"]:
            group = st.selectbox(
                "Group", known["groups"], None, key="group", bind="query-params", placeholder="Any", width=170
            )
        if known["put_away"]:
            kept = st.selectbox("Runs", _KEPT, key="kept", bind="query-params", width=170)
    return runs.listing(tag=tag, group=group, kept=kept)


def show_runs(rt: Runtime, listed: Query) -> str | None:
    """Show runs; returns the id of the run whose details were asked for by a click just now."""
    listing = frame(rt, listed)
    if listing.is_empty():
        st.info("No run fits what you look for.", icon=":material/filter_alt_off:")
        return None
    wasted = frame(rt, waste.of_runs())
    ids = [UUID(run_id) for run_id in listing["id"]]
    losses = frame(rt, runs.loss_histories(ids)).rename({"session_id": "id"})
    table = arranged(listing.join(wasted, on="id", how="left", maintain_order="left"), losses, now())
    return show_openable(
        table,
        _COLUMNS,
        run_ids=listing["id"],
        key="overview",
        alt="Runs, newest first, with status, progress, best loss, time and cost",
        most_rows=MOST_ROWS,
    )


def arranged(listing: pl.DataFrame, losses: pl.DataFrame, moment: datetime) -> pl.DataFrame:
    """Return the rows as they are shown: one list of one status word, `12 / 60` epochs, minutes so far."""
    ended = pl.col("ended_at").fill_null(moment)
    status = pl.col("status").replace_strict({word: f"{_SIGNS[word]} {word}" for word in STATUSES}, default="?")
    return listing.join(losses, on="id", how="left", maintain_order="left").select(
        pl.concat_list(status).alias("status"),
        pl.col("name").fill_null("unnamed"),
        (100 * pl.col("progress")).alias("progress"),
        pl.format("{} / {}", pl.col("completed_epochs").fill_null(0), pl.col("total_epochs")).alias("epochs"),
        "val_losses",
        pl.col("best_validation_loss").alias("best"),
        (100 * pl.col("wasted_compute_hours") / pl.col("compute_hours")).round().alias("wasted"),
        ((ended - pl.col("started_at")).dt.total_milliseconds() / 60_000).alias("minutes"),
        pl.col("cost_usd").cast(pl.Float64),
        "started_at",
        "agent_id",
        pl.coalesce("base_model", pl.lit("")).alias("model"),
        pl.col("run_group").alias("group"),
        "tags",
    )


def known_sums(table: pl.DataFrame, *columns: str) -> dict[str, float | None]:
    """Return the sum of the known values of each column; None where nothing is known."""
    known = {name: table[name].drop_nulls() for name in columns}
    return {name: float(values.sum()) if len(values) else None for name, values in known.items()}
