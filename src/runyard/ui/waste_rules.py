"""The what-if of early stopping: a patience and a min_delta, and what they would have saved and cost."""

from __future__ import annotations

from typing import Any

import polars as pl
import streamlit as st

from runyard.charts.spec import Spec
from runyard.charts.waste import rule_lines
from runyard.queries import waste
from runyard.queries.waste import Grouping
from runyard.runtime import Runtime
from runyard.ui.figure import show_behind, show_chart, show_sql
from runyard.ui.text import dollars, hours, number
from runyard.ui.waste_view import HOURS, UNITS, USD, best_rule, show_table
from runyard.ui.yard import frame, is_dark

Row = dict[str, Any]
_COSTLY_LIMIT_PCT = 5.0  # the macro is_fit: at most one run in twenty
_RULE_COLUMNS: dict[str, Any] = {
    "runs": "Runs",
    "stopped_runs": st.column_config.NumberColumn("Stopped", help="Runs that the rule would have stopped earlier"),
    "costly_runs": st.column_config.NumberColumn("Costly", help="Runs that would have ended more than 1 % worse"),
    "epochs": st.column_config.NumberColumn("Epochs", help="Epochs saved"),
    "hours": HOURS,
    "usd": USD,
}


def show_rules(rt: Runtime, rules: pl.DataFrame, by: Grouping, grouping: str, unit: str) -> None:
    """Let the reader choose a patience and a min_delta, and say what they would have saved and cost."""
    if rules.is_empty():
        st.info(
            "No finished run was evaluated on validation data, so no rule could have stopped it. "
            "Log `val_loss` with each epoch.",
            icon=":material/rule:",
        )
        return
    best = best_rule(rules) or rules.row(0, named=True)
    patiences, deltas = rules["patience"].unique().sort().to_list(), rules["min_delta"].unique().sort().to_list()
    left, right = st.columns([3, 2], vertical_alignment="bottom")
    patience: Any = left.select_slider(
        "Patience",
        patiences,
        value=best["patience"],
        key="waste-patience",
        bind="query-params",
        help="Evaluations in a row without an improvement after which a run is stopped",
    )
    delta = right.segmented_control(
        "Smallest improvement that counts (min_delta)",
        deltas,
        default=best["min_delta"],
        required=True,
        format_func=lambda value: f"{value:g}",
        key="waste-delta",
        bind="query-params",
        help="In the unit of the monitored metric",
    )
    rule = rules.filter((pl.col("patience") == patience) & (pl.col("min_delta") == delta)).row(0, named=True)
    _show_rule(rule)
    column, title = UNITS[unit]
    points = rules.select(
        "patience",
        pl.col("min_delta").map_elements(lambda value: f"{value:g}", pl.String).alias("delta"),
        pl.col(f"saved_{column}").alias("saved"),
        (100 * pl.col("costly_runs") / pl.col("runs")).alias("costly"),
        "is_best",
        ((pl.col("patience") == patience) & (pl.col("min_delta") == delta)).alias("is_chosen"),
    )
    with st.container(border=True):
        for place, value, y_title, limit in zip(
            st.columns(2),
            ("saved", "costly"),
            (f"saved ({title})", "runs that end > 1 % worse (%)"),
            (None, _COSTLY_LIMIT_PCT),
            strict=True,
        ):
            with place:
                st.markdown("**What it would have saved**" if value == "saved" else "**What it would have cost**")
                show_chart(
                    _rules_spec(y_title, limit, is_dark()),
                    {"rules": points.drop_nulls(value).rename({value: "value"})},
                    key=f"waste-rules-{value}",
                    alt=f"{y_title} by patience and min_delta; {_rule_words(rule)}",
                )
        st.caption("◆ the best rule for all runs · ○ the chosen one · dashed: more than one run in twenty ends worse")
        show_behind(rules, waste.rules(), key="waste-rules", alt="Rules with what they save and cost")
    query = waste.of_rule(patience, delta, by=by)
    with st.container(border=True):
        st.markdown(f"**The chosen rule by {grouping.lower()}**")
        show_table(frame(rt, query), _RULE_COLUMNS | {"part": grouping}, key="waste-of-rule", alt="Savings of the rule")
        with st.expander("SQL", icon=":material/database:"):
            show_sql(query)


def _show_rule(rule: Row) -> None:
    face, icon = (st.success, ":material/check:") if rule["is_fit"] else (st.warning, ":material/warning:")
    verdict = "It is fit for use" if rule["is_fit"] else "It is not fit for use"
    if rule["is_best"]:
        verdict = "It is the best rule for all runs together"
    face(f"{_rule_words(rule)}. {verdict}: at most one run in twenty may end more than 1 % worse.", icon=icon)


def _rule_words(rule: Row) -> str:
    cost = rule["mean_metric_cost_pct"]
    return (
        f"Patience {rule['patience']} and min_delta {rule['min_delta']:g} would have stopped "
        f"{rule['stopped_runs']} of {rule['runs']} runs earlier and saved {number(int(rule['saved_epochs']))} epochs, "
        f"{hours(rule['saved_hours'])}, {dollars(rule['saved_usd'])}; {rule['costly_runs']} would have ended more than "
        f"1 % worse" + ("" if cost is None else f" (mean loss of the metric {cost:.2g} %)")
    )


@st.cache_data(max_entries=16, show_spinner=False)
def _rules_spec(value_title: str, limit: float | None, dark: bool) -> Spec:
    return rule_lines(value_title=value_title, limit=limit, dark=dark)
