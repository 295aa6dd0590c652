"""What the page of continuous learning shows of models in use: did their errors rise, did their inputs move?"""

from __future__ import annotations

import polars as pl
import streamlit as st

from runyard.charts.learning import errors_in_turn, moved_inputs
from runyard.charts.spec import Spec
from runyard.queries.query import Query
from runyard.stats.alarms import CLOCK, Change, adwin, page_hinkley
from runyard.ui.figure import show_behind, show_chart
from runyard.ui.text import escape, share, utc
from runyard.ui.verdicts import ERRORS, INPUTS, show_rules, show_verdict
from runyard.ui.yard import is_dark

MOST_USES = 20_000
MOST_FEATURES = 30
_BINS = 60
Alarm = tuple[str, Change]


def show_errors(uses: pl.DataFrame, query: Query) -> None:
    """Show the share of failed uses over time, and where Page-Hinkley or ADWIN noticed that it had changed."""
    st.subheader("Errors in use", anchor=False)
    if uses.is_empty():
        st.info("No use of this agent's models is known. Record each one: `runyard record execution`.",
                icon=":material/notifications:")  # fmt: skip
        return
    failed = uses["failed"].cast(pl.Float64).to_list()
    alarms: list[Alarm] = [("Page-Hinkley", found) for found in page_hinkley(failed)]
    alarms += [("ADWIN", found) for found in adwin(failed)]
    label = verdict(alarms, len(failed))
    show_verdict(ERRORS[label], sentence(uses, alarms))
    with st.container(border=True):
        st.markdown("**Failed uses**, the newest on the right, and where a detector noticed a change")
        show_chart(_errors_spec(is_dark()), {"shares": shares(uses), "alarms": marks(uses, alarms)},
                   key="learning-errors", alt=f"{share(sum(failed) / len(failed))} of {len(failed):,} uses failed, "
                   f"{len(alarms)} alarm{'' if len(alarms) == 1 else 's'}")  # fmt: skip
        note = f"the newest {MOST_USES:,} uses count" if uses.height == MOST_USES else ""
        show_behind(uses, query, key="learning-errors", note=note, alt="Uses and whether they failed")
    show_rules(ERRORS, note="Page-Hinkley (Page 1954) adds up how far errors are above their mean so far; ADWIN (Bifet "
               "& Gavaldà 2007) compares all ways to cut its window in two. Both have river's parameters, and begin "
               "anew after an alarm.")  # fmt: skip


def verdict(alarms: list[Alarm], uses: int) -> str:
    """Return which label of ERRORS fits: the newest alarm decides."""
    if not alarms:
        return "steady" if uses >= CLOCK else "insufficient_data"
    newest = max((change for _, change in alarms), key=lambda change: change.place)
    return "rising" if newest.since > newest.before else "falling"


def sentence(uses: pl.DataFrame, alarms: list[Alarm]) -> str:
    """Say the newest alarm in one plain sentence (Markdown)."""
    if not alarms:
        known = f"{uses.height:,} ended use{'' if uses.height == 1 else 's'}"
        return f"No alarm in {known}, {share(uses['failed'].mean())} of which failed."  # type: ignore[arg-type]
    name, newest = max(alarms, key=lambda alarm: alarm[1].place)
    at = utc(uses["created_at"][newest.place])
    return f"{name} noticed at {at}: failed uses went from {share(newest.before)} to {share(newest.since)}."


def shares(uses: pl.DataFrame) -> pl.DataFrame:
    """Return the share of failures in at most 60 stretches of equally many uses; the last one is given its end, too."""
    size = max(1, -(-uses.height // _BINS))
    found = (
        uses.with_row_index("place")
        .group_by(pl.col("place") // size, maintain_order=True)
        .agg(
            pl.col("place").first().alias("first"),
            pl.col("created_at").first().alias("at"),
            pl.col("failed").mean().alias("share"),
            pl.len().alias("uses"),
        )
        .select(pl.col("first").cast(pl.Int64).alias("place"), "at", "share", "uses")
    )
    return pl.concat([found, found.tail(1).with_columns(pl.lit(uses.height).cast(pl.Int64).alias("place"))])


def marks(uses: pl.DataFrame, alarms: list[Alarm]) -> pl.DataFrame:
    """Return where each alarm was, and what it said."""
    rows = [
        (change.place, uses["created_at"][change.place], f"{name}: {share(change.before)} to {share(change.since)}")
        for name, change in alarms
    ]
    return pl.DataFrame(rows, {"place": pl.Int64, "at": pl.Datetime("us"), "what": pl.String}, orient="row")


def show_inputs(features: pl.DataFrame, query: Query) -> None:
    """Show which input features of models in use have moved."""
    st.subheader("Inputs in use", anchor=False)
    if features.is_empty():
        st.info("No input of this agent's models is known. Give features and scores along: "
                "`runyard record execution --input length=120`.", icon=":material/input:")  # fmt: skip
        return
    moved = features.filter(pl.col("input_drift") == "drift")["feature"].to_list()
    known = features.filter(pl.col("input_drift") != "insufficient_data")
    label = "drift" if moved else (known["input_drift"][0] if known.height else "insufficient_data")
    if moved:
        words = f"{', '.join(map(escape, moved[:5]))} moved: the agent sees other inputs than it used to."
    elif known.height:
        words = f"The newer half of the inputs is like the older half, in all of {known.height} features."
    else:
        words = "There are too few inputs to say whether they moved."
    show_verdict(INPUTS[label], words)
    with st.container(border=True):
        st.markdown("**How far each input moved**; from the second line on it counts as drift")
        named = pl.col("input_drift").replace_strict({label: found.word for label, found in INPUTS.items()})
        if known.height:
            drawn = known.head(MOST_FEATURES).select("feature", "psi", named.alias("verdict"))
            show_chart(_inputs_spec(is_dark()), {"features": drawn}, key="learning-inputs",
                       alt=f"{len(moved)} of {known.height} inputs drifted")  # fmt: skip
        drawn_height = min(known.height, MOST_FEATURES)
        note = f"{drawn_height} of {features.height} are drawn: those with enough values that moved most"
        show_behind(features, query, key="learning-inputs", note=note if drawn_height < features.height else "",
                    alt="Inputs, those that moved most first")  # fmt: skip
    show_rules(INPUTS, note="PSI over the deciles of the older half, or its ten most frequent words and all others.")


@st.cache_data(max_entries=2, show_spinner=False)
def _inputs_spec(dark: bool) -> Spec:
    return moved_inputs(dark=dark)


@st.cache_data(max_entries=2, show_spinner=False)
def _errors_spec(dark: bool) -> Spec:
    return errors_in_turn(dark=dark)
