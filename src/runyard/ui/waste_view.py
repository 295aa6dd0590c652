"""What the page of waste and efficiency shows: the bill, the worst offenders, savings, efficiency."""

from __future__ import annotations

from typing import Any

import polars as pl
import streamlit as st

from runyard.charts.spec import Spec
from runyard.charts.waste import LINES, convergence_dots, waste_bars
from runyard.queries import waste
from runyard.queries.waste import Grouping
from runyard.runtime import Runtime
from runyard.ui.figure import as_arrow, show_behind, show_chart, show_sql
from runyard.ui.openable import show_openable
from runyard.ui.runs_table import known_sums
from runyard.ui.text import dollars, hours, number, share
from runyard.ui.yard import frame, is_dark

Row = dict[str, Any]
# The word on the control, the column that holds it, the title on an axis.
UNITS = {"Hours": ("hours", "compute hours"), "Dollars": ("usd", "USD"), "Epochs": ("epochs", "epochs")}
HOURS = st.column_config.NumberColumn("Hours", format="%.3f", help="Compute hours")
USD = st.column_config.NumberColumn("USD", format="%.4f")
_PLAIN: dict[str, Any] = {"delta_color": "off", "delta_arrow": "off", "border": True, "height": "stretch"}


def show_totals(totals: Row, bill: pl.DataFrame, savings: pl.DataFrame, rules: pl.DataFrame) -> None:
    """Show four numbers: what was spent, what of it was waste, what early stopping would have saved, the best rule."""
    lost = known_sums(bill.filter(pl.col("line") != "used"), "hours", "usd", "runs")
    saved = known_sums(savings, "potential_savings_hours", "potential_savings_usd", "unnecessary_epochs")
    spent = totals["compute_hours"]
    part = lost["hours"] / spent if spent and lost["hours"] is not None else None
    cards = st.columns(4)
    cards[0].metric(
        "Spent", hours(spent), dollars(totals["cost_usd"]), **_PLAIN, help="Compute hours of all ended runs"
    )
    cards[1].metric(
        "For nothing",
        hours(lost["hours"]),
        f"{share(part)} of all, {dollars(lost['usd'])}",
        **_PLAIN,
        help="Failed and cancelled runs, repetitions of a configuration, and what early stopping with a run's own "
        "patience would have saved",
    )
    cards[2].metric(
        "Savable by early stopping",
        hours(saved["potential_savings_hours"]),
        f"{number(_whole(saved['unnecessary_epochs']))} epochs, {dollars(saved['potential_savings_usd'])}",
        **_PLAIN,
        help="With each run's own patience (10 where it has none) and min_delta 0",
    )
    best = best_rule(rules)
    cards[3].metric(
        "Best rule",
        f"patience {best['patience']}" if best else "–",
        f"min_delta {best['min_delta']:g}, saves {hours(best['saved_hours'])}" if best else "no run was evaluated",
        **_PLAIN,
        help="It saves most, of the rules that end at most one run in twenty more than 1 % worse",
    )


def show_bill(rt: Runtime, by: Grouping, grouping: str, unit: str) -> None:
    """Show what was spent for nothing on, per agent, workspace or month."""
    query = waste.lines(by)
    table = frame(rt, query)
    column, title = UNITS[unit]
    bars = table.filter(pl.col("line").is_in(list(LINES)) & (pl.col(column) > 0)).select(
        "part",
        pl.col("line").replace_strict(LINES).alias("what"),
        pl.col("line").replace_strict({line: place for place, line in enumerate(LINES)}).alias("place"),
        pl.col(column).alias("value"),
        "runs",
    )
    with st.container(border=True):
        st.markdown("**What was spent for nothing**")
        st.caption(
            "Each finished run stands in one line. Failed and cancelled runs and repetitions (the same configuration, "
            "seed included, as an earlier completed run of the agent) count in full; of the others only the tail "
            "that early stopping with the run's own patience would have saved."
        )
        if bars.is_empty():
            known = table[column].drop_nulls().len() > 0
            st.info(
                "Nothing was wasted: no run failed, was cancelled, repeated another or trained on after its stop."
                if known
                else f"No finished run has known {title}; count in epochs instead.",
                icon=":material/check:" if known else ":material/help:",
            )
        else:
            lost = known_sums(bars, "value")["value"]
            show_chart(
                _bars_spec(grouping.lower(), title, is_dark()),
                {"bars": bars},
                key="waste-bill",
                alt=f"{number(lost, 3)} {title} spent for nothing, by {grouping.lower()} and cause",
            )
        show_behind(table, query, key="waste-bill", alt="What finished runs were spent on")


def show_offenders(rt: Runtime) -> str | None:
    """Show the runs that went on longest after their best epoch; returns the id of the one asked for by a click."""
    query = waste.offenders()
    table = frame(rt, query)
    if table.is_empty():
        st.info("No finished run went on after its best epoch.", icon=":material/check:")
        return None
    st.caption(
        "After the best epoch everything is waste, but nobody knows the best epoch in advance: what counts as savable "
        "is what early stopping with the run's own patience would have saved."
    )
    shown = table.select(
        pl.col("name").fill_null("unnamed"),
        "agent_id",
        pl.col("waste_category").str.replace_all("_", " "),
        pl.format("{} / {}", pl.col("best_epoch").cast(pl.String).fill_null("–"), "total_epochs").alias("best"),
        "wasted_epochs",
        (100 * pl.col("wasted_fraction")).alias("wasted_fraction"),
        "wasted_compute_hours",
        "wasted_cost_usd",
        "es_saved_epochs",
        "es_regret",
    )
    alt = "Runs with the most waste, the worst first"
    opened = show_openable(shown, _OFFENDER_COLUMNS, run_ids=table["id"], key="waste", alt=alt)
    with st.expander("SQL", icon=":material/database:"):
        show_sql(query)
    return opened


def show_savings(rt: Runtime) -> None:
    """Show what early stopping with each run's own patience would have saved, per agent and workspace."""
    query = waste.savings()
    st.caption("With each run's own patience (10 where it has none) and min_delta 0, over all its finished runs.")
    show_table(frame(rt, query), _SAVING_COLUMNS, key="waste-savings", alt="Potential savings by agent and workspace")
    with st.expander("SQL", icon=":material/database:"):
        show_sql(query)


def show_efficiency(rt: Runtime) -> None:
    """Show how soon runs were as good as done, and how busy their devices were."""
    query = waste.efficiency()
    table = frame(rt, query)
    if table.is_empty():
        st.info("No run has finished an epoch yet.", icon=":material/hourglass_empty:")
        return
    dots = table.filter(pl.col("convergence_epoch").is_not_null()).select(
        "name", pl.col("agent_id").alias("agent"), "status", "total_epochs", "convergence_epoch"
    )
    with st.container(border=True):
        st.markdown("**How soon runs were as good as done**")
        st.caption("On the dashed line a run used all of its epochs; the further below, the more it could have saved.")
        if dots.is_empty():
            st.info("No run has a finite validation value.", icon=":material/help:")
        else:
            most = int(dots["total_epochs"].max())  # type: ignore[arg-type]
            show_chart(
                _dots_spec(is_dark()),
                {"dots": dots, "diagonal": pl.DataFrame({"x": [0, most], "y": [0, most]})},
                key="waste-convergence",
                alt=f"Epoch within 1 % of the best over epochs run, for {dots.height} runs",
            )
        show_behind(table, query, key="waste-efficiency", alt="Efficiency of each run")
    busy = table.filter(pl.col("resource_utilization").is_not_null())
    idle = busy.filter(pl.col("underutilized"))
    st.caption(
        f"{idle.height} of {busy.height} runs with a known GPU utilization kept it below 50 %."
        if busy.height
        else "GPU utilization is not known for any run; on a CPU there is none."
    )
    st.caption(devices_used(table))
    st.caption(batches_used(table))


def devices_used(table: pl.DataFrame) -> str:
    """Say how much of their devices' peak runs used (MFU)."""
    known = table.filter(pl.col("compute_efficiency").is_not_null())
    if known.is_empty():
        return (
            "How much of the peak FLOP/s runs used (MFU) is not known: it takes tokens, parameters and a device whose "
            "peak is known. The setting `peak_flops DEVICE` of a workspace says it for others."
        )
    valid, wrong = known.filter("valid")["compute_efficiency"], known.filter(~pl.col("valid")).height
    said = []
    if valid.len():
        least, most = float(valid.min()), float(valid.max())  # type: ignore[arg-type]
        said.append(f"{valid.len()} runs used {share(least)} to {share(most)} of the peak FLOP/s (MFU).")
    if wrong:
        said.append(f"{wrong} would have used more than all of it: a number that this follows from is wrong.")
    return " ".join(said)


def batches_used(table: pl.DataFrame) -> str:
    """Say how batches stand to the critical batch size."""
    counts = dict(table["batch_size_verdict"].drop_nulls().value_counts().iter_rows())
    if not counts:
        return (
            "The critical batch size is not known for any run: it is measured where gradients are accumulated over "
            "several batches."
        )
    return (
        f"Of {sum(counts.values())} runs with a measured critical batch size {counts.get('too_large', 0)} had batches "
        f"that were too large (they waste examples), {counts.get('too_small', 0)} too small (they waste steps)."
    )


def best_rule(rules: pl.DataFrame) -> Row | None:
    """Return the best rule for all runs together; None where no run was evaluated."""
    found = rules.filter(pl.col("is_best"))
    return found.row(0, named=True) if found.height else None


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)


def show_table(table: pl.DataFrame, columns: dict[str, Any], *, key: str, alt: str) -> None:
    """Show a small table of numbers."""
    st.dataframe(as_arrow(table), lazy=False, key=key, hide_index=True, placeholder="", column_config=columns, alt=alt)


_SAVING_COLUMNS: dict[str, Any] = {
    "agent_id": "Agent",
    "workspace_id": "Workspace",
    "runs": "Runs",
    "unnecessary_epochs": "Unnecessary epochs",
    "potential_savings_hours": HOURS,
    "potential_savings_usd": USD,
}
_OFFENDER_COLUMNS: dict[str, Any] = {
    "name": st.column_config.TextColumn("Run", width=140),
    "details": 68,
    "agent_id": st.column_config.TextColumn("Agent", width=80),
    "waste_category": st.column_config.TextColumn("Verdict", width=92),
    "best": st.column_config.TextColumn("Best epoch", help="Best epoch / epochs run", alignment="right", width=80),
    "wasted_epochs": st.column_config.NumberColumn("Epochs", help="Epochs after the best one", width=62),
    "wasted_fraction": st.column_config.ProgressColumn("Share", format="%d %%", min_value=0, max_value=100, width=88),
    "wasted_compute_hours": st.column_config.NumberColumn("Hours", format="%.3f", width=62),
    "wasted_cost_usd": st.column_config.NumberColumn("USD", format="%.4f", width=66),
    "es_saved_epochs": st.column_config.NumberColumn(
        "Savable", help="Epochs that early stopping with the run's own patience would have saved", width=70
    ),
    "es_regret": st.column_config.NumberColumn(
        "Regret", format="%.3g", help="How much worse the best value would have been then", width=66
    ),
}


@st.cache_data(max_entries=16, show_spinner=False)
def _bars_spec(part_title: str, value_title: str, dark: bool) -> Spec:
    return waste_bars(part_title=part_title, value_title=value_title, dark=dark)


@st.cache_data(max_entries=2, show_spinner=False)
def _dots_spec(dark: bool) -> Spec:
    return convergence_dots(dark=dark)
