"""What the page of continuous learning shows of users and updates: their judgement, what it changed, what went live."""

from __future__ import annotations

from typing import Any

import polars as pl
import streamlit as st

from runyard.charts.learning import STATUSES, positive_share, updates_in_time
from runyard.charts.spec import Spec
from runyard.queries.query import Query
from runyard.stats.paired import mcnemar_p
from runyard.ui.figure import show_behind, show_chart
from runyard.ui.text import share
from runyard.ui.yard import is_dark

Row = dict[str, Any]
MOST = 1000  # updates in the chart
CHANCE = 0.05
_PLAIN: dict[str, Any] = {"delta_color": "off", "delta_arrow": "off", "border": True, "height": "stretch"}


def show_feedback(ratios: pl.DataFrame, query: Query) -> None:
    """Show how much feedback was positive, and what became of items that were right or wrong."""
    st.subheader("Feedback", anchor=False)
    if ratios.is_empty():
        st.info("No user has judged this agent yet. Record what they say: `runyard record feedback`.",
                icon=":material/thumbs_up_down:")  # fmt: skip
        return
    row = ratios.row(0, named=True)
    judged = row["judged_items"]
    cards = st.columns(4)
    cards[0].metric("Positive feedback", share(row["positive_feedback_ratio"]), interval(row), **_PLAIN,
                    help="Of the judgements that are positive or negative; Wilson's 95 % interval")  # fmt: skip
    cards[1].metric("Learning from mistakes", share(row["learning_from_mistakes_score"]),
                    f"{row['fixed_items']:,} fixed", **_PLAIN,
                    help="Of the items that were wrong before, the share that is right after")  # fmt: skip
    cards[2].metric("Negative flips", share(row["negative_flip_rate"]), f"{row['broken_items']:,} broken", **_PLAIN,
                    help="Of all items judged twice, the share that was right before and is wrong after: low is "
                    "good")  # fmt: skip
    impact = row["feedback_impact_score"]
    cards[3].metric("Feedback impact", "–" if impact is None else f"{100 * impact:+.3g} points", p_words(row), **_PLAIN,
                    help="Accuracy after minus before, on the same items; p of McNemar's exact test")  # fmt: skip
    st.markdown(sentence(row))
    with st.container(border=True):
        if row["positive_feedback_ratio"] is not None:
            total = row["positive"] + row["negative"]
            st.markdown(f"**Positive feedback**, of {total:,} judgement{'' if total == 1 else 's'}")
            st.caption("The bar is where the true share may lie (95 %); the dashed line is one half.")
            drawn = ratios.select(
                pl.lit("feedback").alias("name"), pl.col("positive_feedback_ratio").alias("share"), "low", "high"
            )
            show_chart(_share_spec(is_dark()), {"shares": drawn}, key="learning-feedback",
                       alt=f"Positive feedback {share(row['positive_feedback_ratio'])}, {interval(row)}")  # fmt: skip
        note = f"{judged:,} item{' was' if judged == 1 else 's were'} judged before and after"
        show_behind(ratios, query, key="learning-feedback", note=note, alt="Feedback in numbers")


def interval(row: Row) -> str | None:
    """Say the interval of the positive share."""
    if row["low"] is None or row["high"] is None:
        return None
    return f"{100 * row['low']:.0f} to {100 * row['high']:.0f} % (95 %)"


def p_words(row: Row) -> str | None:
    """Say McNemar's exact p, if items were judged before and after."""
    if not row["judged_items"]:
        return None
    p = mcnemar_p(row["fixed_items"], row["broken_items"])
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def sentence(row: Row) -> str:
    """Say what feedback changed in one plain sentence."""
    fixed, broken = row["fixed_items"], row["broken_items"]
    if not row["judged_items"]:
        return "What the feedback changed is unknown: no item was judged both before and after."
    if not fixed + broken:
        return "No item changed: what was right stayed right, and what was wrong stayed wrong."
    p = mcnemar_p(fixed, broken)
    counts = f"{fixed:,} item{'' if fixed == 1 else 's'} got right and {broken:,} got wrong"
    if p >= CHANCE:
        return f"{counts}: so small a difference may well be chance."
    return f"{counts}: the agent {'learned from' if fixed > broken else 'got worse after'} feedback, hardly by chance."


def show_updates(updates: pl.DataFrame, query: Query) -> None:
    """Show the online updates over time: those that succeeded, failed, and were rolled back."""
    st.subheader("Online updates", anchor=False)
    if updates.is_empty():
        st.info("No update of this agent is known. Record each one: `runyard record update`.",
                icon=":material/update:")  # fmt: skip
        return
    counts = dict(updates["status"].fill_null("other").value_counts().iter_rows())
    cards = st.columns(4)
    examples = f"{updates['examples'].sum():,} examples" if updates["examples"].count() else None
    cards[0].metric("Updates", updates.height, examples, **_PLAIN)
    for card, status in zip(cards[1:], ("success", "failed", "rolled_back"), strict=True):
        n = counts.get(status, 0)
        card.metric(STATUSES[status][0].capitalize(), n, f"{share(n / updates.height)} of all", **_PLAIN)
    with st.container(border=True):
        st.markdown("**Updates over time**")
        dated = updates.filter(pl.col("updated_at").is_not_null()).head(MOST)
        if dated.height:
            words = {status: word for status, (word, _) in STATUSES.items()}
            named = pl.col("status").replace_strict(words, default=STATUSES["other"][0])
            versions = pl.format("{} → {}", pl.col("from_version").fill_null("?"), pl.col("to_version").fill_null("?"))
            drawn = dated.select(
                pl.col("updated_at").alias("at"), named, versions.alias("versions"), "examples", "reason"
            )
            show_chart(_updates_spec(is_dark()), {"updates": drawn}, key="learning-updates",
                       alt=f"{dated.height} online updates over time")  # fmt: skip
        note = f"{dated.height:,} of {updates.height:,} are drawn: the newest that have a time"
        show_behind(updates, query, key="learning-updates", note=note if dated.height < updates.height else "",
                    alt="Online updates, newest first")  # fmt: skip


@st.cache_data(max_entries=2, show_spinner=False)
def _share_spec(dark: bool) -> Spec:
    return positive_share(dark=dark)


@st.cache_data(max_entries=2, show_spinner=False)
def _updates_spec(dark: bool) -> Spec:
    return updates_in_time(dark=dark)
