"""What the Transfer page shows: what transfers gained and saved, who learned from whom, and every verdict in words."""

from __future__ import annotations

from typing import Any

import polars as pl
import streamlit as st

from runyard.charts.spec import Spec
from runyard.charts.transfer import flow, gain_grid, with_flows
from runyard.queries.query import Query
from runyard.ui.figure import show_behind, show_chart
from runyard.ui.openable import show_openable
from runyard.ui.text import dollars, escape, hours, number
from runyard.ui.verdicts import TRANSFERS, show_verdict
from runyard.ui.yard import is_dark

Row = dict[str, Any]
MOST_PAIRS = 150
GOOD = ("highly_effective", "effective")
_COLUMNS: dict[str, Any] = {
    "source": st.column_config.TextColumn("Source", width=110),
    "target": st.column_config.TextColumn("Target", width=110),
    "details": 76,
    "verdict": st.column_config.TextColumn("Verdict", width=145),
    "words": st.column_config.TextColumn("In words", width=390),
    "accuracy_gain": st.column_config.NumberColumn("Gain", format="%+.3g", help="Positive is better", width=70),
    "accuracy_before": st.column_config.NumberColumn("Before", format="%.4g", width=70),
    "accuracy_after": st.column_config.NumberColumn("After", format="%.4g", width=70),
    "transfer_training_time": st.column_config.NumberColumn("Hours", format="%.3g", width=66),
    "regular_training_time": st.column_config.NumberColumn(
        "From scratch", format="%.3g h", help="Median of the target's own trainings from scratch", width=100
    ),
    "time_reduction_pct": st.column_config.NumberColumn("Time saved", format="%.0f %%", width=90),
    "cost_saved": st.column_config.NumberColumn("Saved (USD)", format="%.4f", width=94),
    "efficiency_score": st.column_config.NumberColumn("Gain per hour", format="%+.3g", width=104),
    "knowledge_domain": st.column_config.TextColumn("Domain"),
    "transfer_method": st.column_config.TextColumn("Method"),
    "layers_transferred": st.column_config.NumberColumn("Layers"),
    "fine_tuning_epochs": st.column_config.NumberColumn("Epochs"),
    "status": st.column_config.TextColumn("Status"),
    "started_at": st.column_config.DatetimeColumn("Start (UTC)", format="YYYY-MM-DD HH:mm"),
}


def arranged(report: pl.DataFrame) -> pl.DataFrame:
    """Return a transfer a row with its ends, verdict and sentence."""
    words = {label: verdict.word for label, verdict in TRANSFERS.items()}
    return report.with_columns(
        *_ends(),
        pl.col("transfer_effectiveness").replace_strict(words).alias("verdict"),
        pl.Series("words", [sentence(row) for row in report.to_dicts()], dtype=pl.String),
    )


def sentence(row: Row) -> str:
    """Say a verdict on a transfer in one plain sentence (not Markdown)."""
    gain, saved = row["accuracy_gain"], row["time_reduction_pct"]
    if gain is None:
        if row["status"] != "completed":
            return f"Cannot be judged: its status is {row['status'] or 'unknown'}."
        missing = [when for when in ("before", "after") if row[f"accuracy_{when}"] is None]
        return f"Cannot be judged: no score {' and none '.join(missing)} it." if missing else "Cannot be judged."
    gain = round(gain, 9)
    result = f"{'Gained' if gain > 0 else 'Lost'} {number(abs(gain), 3)}" if gain else "Gained nothing"
    if saved is None:
        return f"{result}; the time from scratch is unknown."
    time = f"{abs(saved):.0f} % {'less' if saved >= 0 else 'more'} time than from scratch"
    return f"{result} {'and' if (gain > 0) == (saved > 0) else 'but'} took {time}."


def show_sums(transfers: pl.DataFrame, benchmark: str | None) -> None:
    """Show four numbers over the transfers, then the best of them and the worst."""
    judged = transfers.filter(pl.col("accuracy_gain").is_not_null()).sort("accuracy_gain", maintain_order=True)
    cards = st.columns(4)
    same: Any = {"border": True, "height": "stretch"}
    plain: Any = {"delta_color": "off", "delta_arrow": "off", **same}
    cards[0].metric("Transfers", transfers.height, f"{judged.height} judged", **plain)
    total = _known_sum(judged, "accuracy_gain")
    mean = None if total is None else total / judged.height
    where = f" on {escape(benchmark)}" if benchmark else ""
    cards[1].metric(f"Mean gain{where}", "–" if mean is None else f"{mean:+.3g}", **same,
                    help="Score after minus score before; a plus is better, whatever the benchmark")  # fmt: skip
    good = judged.filter(pl.col("transfer_effectiveness").is_in(GOOD)).height
    cards[2].metric("Effective", f"{good} of {judged.height}" if judged.height else "–", **same,
                    help="Verdict effective or highly effective")  # fmt: skip
    cards[3].metric("Time saved", hours(_known_sum(transfers, "time_saved")),
                    dollars(_known_sum(transfers, "cost_saved")), **plain,
                    help="Against the target's own trainings from scratch, where there are any")  # fmt: skip
    if judged.height:
        _show_one("Best" if judged.height > 1 else "The only one judged", judged.row(-1, named=True))
    if judged.height > 1:
        _show_one("Worst", judged.row(0, named=True))


def show_pairs(pairs: pl.DataFrame, query: Query, benchmark: str | None) -> None:
    """Show who gained from whom as a grid, and how many transfers went from whom to whom as a flow."""
    drawn = pairs.sort("transfers", descending=True, maintain_order=True).head(MOST_PAIRS).with_columns(*_ends())
    with st.container(border=True):
        st.markdown(f"**Mean gain{f' on {escape(benchmark)}' if benchmark else ''}** of each pair")
        st.caption(
            "The source's model is what the training of the target began with. Blue: the target got better by it. "
            "Orange: it got worse. Bare: no score before or after."
        )
        said = f"Mean gain of {drawn.height} pairs of source and target"
        show_chart(_grid_spec(is_dark()), {"pairs": tinted(drawn)}, key="transfers-grid", alt=said)
        st.markdown("**Flow** of models from source (left) to target (right)")
        st.caption("A band is as wide as there are transfers, and has the colour of their mean gain.")
        agents = max(drawn["source"].n_unique(), drawn["target"].n_unique())
        st.echarts_chart(
            with_flows(_flow_option(is_dark()), drawn, dark=is_dark()),
            key="transfers-flow",
            height=min(120 + 46 * agents, 700),
            alt=f"Flow of {drawn['transfers'].sum()} transfers between {drawn.height} pairs of agents",
        )
        note = f"the {MOST_PAIRS} busiest of {pairs.height:,} pairs are drawn" if pairs.height > MOST_PAIRS else ""
        show_behind(pairs, query, key="transfers-pairs", note=note, alt="Pairs of source and target with their gains")


def show_table(transfers: pl.DataFrame, query: Query) -> str | None:
    """Show every transfer, newest first; returns the id of the run whose details were asked for just now."""
    opened = show_openable(
        transfers.with_columns(pl.col("cost_saved").cast(pl.Float64)),
        _COLUMNS,
        run_ids=transfers["transfer_id"],
        key="transfers",
        alt="Transfers, newest first, with verdict, gain, time and cost",
    )
    behind = transfers.drop("source", "target", "verdict", "words")
    show_behind(behind, query, key="transfers", alt="Transfers with scores, times, costs and verdict")
    return opened


def tinted(pairs: pl.DataFrame) -> pl.DataFrame:
    """Return the pairs as the grid needs them: the gain over the largest of all, and both numbers in words."""
    gain, n = pl.col("mean_gain"), pl.col("transfers")
    signed = [None if value is None else f"{value:+.3g}" for value in pairs["mean_gain"]]
    return pairs.select(
        "source", "target", "transfers", "judged", "smallest_gain", "largest_gain",
        pl.when(gain.abs().max() > 0).then(gain / gain.abs().max()).otherwise(gain).alias("tint"),
        pl.Series("gain", signed, dtype=pl.String).fill_null("?"),
        pl.format("{} transfer{}", n, pl.when(n == 1).then(pl.lit("")).otherwise(pl.lit("s"))).alias("n"),
    )  # fmt: skip


def _ends() -> tuple[pl.Expr, pl.Expr]:
    unknown = pl.lit("(unknown)")
    return (
        pl.coalesce("source_agent_id", unknown).alias("source"),
        pl.coalesce("target_agent_id", unknown).alias("target"),
    )


def _show_one(place: str, row: Row) -> None:
    ends = f"{escape(row['source'])} → {escape(row['target'])}"
    show_verdict(TRANSFERS[row["transfer_effectiveness"]], f"{place}: **{ends}.** {escape(row['words'])}")


def _known_sum(transfers: pl.DataFrame, name: str) -> float | None:
    known = transfers[name].drop_nulls()
    return float(known.sum()) if known.len() else None


@st.cache_data(max_entries=2, show_spinner=False)
def _grid_spec(dark: bool) -> Spec:
    return gain_grid(dark=dark)


@st.cache_data(max_entries=2, show_spinner=False)
def _flow_option(dark: bool) -> Spec:
    return flow(dark=dark)
