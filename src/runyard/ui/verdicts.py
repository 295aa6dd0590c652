"""Verdicts in plain language: the word, whether it is good news, and what the rule behind it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl
import streamlit as st

from runyard.charts.judgement import TONES

_BETTER, _MIXED, _SAME, _WORSE, _OPEN = TONES
_BADGES = {
    _BETTER: ("green", ":material/trending_up:"),
    _MIXED: ("violet", ":material/swap_vert:"),
    _SAME: ("gray", ":material/trending_flat:"),
    _WORSE: ("orange", ":material/trending_down:"),
    _OPEN: ("blue", ":material/help:"),
}


@dataclass(frozen=True)
class Verdict:
    """A label of a view: its word, its tone, and its rule for someone who sees it for the first time."""

    word: str
    tone: str
    rule: str


EVOLUTION: dict[str, Verdict] = {
    "significant_improvement": Verdict("significant improvement", _BETTER, "More than 10 % better than before."),
    "moderate_improvement": Verdict("moderate improvement", _BETTER, "Better by more than 5 %, up to 10 %."),
    "slight_improvement": Verdict("slight improvement", _BETTER, "Better, by 5 % at most. It may well be chance."),
    "no_change": Verdict("no change", _SAME, "The same score as before."),
    "degradation": Verdict("degradation", _WORSE, "Worse than before: the change did harm, or it was bad luck."),
    "baseline": Verdict(
        "baseline", _OPEN, "The first score on this benchmark; later trainings are measured against it."
    ),
    "no_benchmark": Verdict("no benchmark", _OPEN, "No usable score within 24 hours after the training."),
}
VERSIONS: dict[str, Verdict] = {
    "major_improvement": Verdict("major improvement", _BETTER, "The score is better by more than 0.05, and use of it "
                                 "succeeds as often as before, or more."),
    "improvement": Verdict("improvement", _BETTER, "The score is better by 0.05 at most; or it is equal and use of the "
                           "version succeeds more often."),
    "mixed_results": Verdict("mixed results", _MIXED, "The score is better, but use of the version fails more often. "
                             "Look into the failures before you rely on it."),
    "no_change": Verdict("no change", _SAME, "Score and success rate are the same, as far as they are known."),
    "regression": Verdict("regression", _WORSE, "The score is worse; or it is equal and use of the version fails more "
                          "often. The version before is the better choice."),
    "initial_version": Verdict("initial version", _OPEN, "There is no version before it to compare with."),
    "insufficient_data": Verdict("insufficient data", _OPEN, "It, or the version before, has no usable score on this "
                                 "benchmark."),
}  # fmt: skip
TRANSFERS: dict[str, Verdict] = {
    "highly_effective": Verdict("highly effective", _BETTER, "Gained more than 0.1 and took less than half the time of "
                                "a training from scratch."),
    "effective": Verdict("effective", _BETTER, "Gained more than 0.05 and saved more than 30 % of the time of a "
                         "training from scratch."),
    "moderately_effective": Verdict("moderately effective", _BETTER, "Gained something, but 0.05 at most, or saved "
                                    "30 % of the time at most, or the time from scratch is unknown."),
    "ineffective": Verdict("ineffective", _WORSE, "Gained nothing or did harm."),
    "insufficient_data": Verdict("insufficient data", _OPEN, "A score before or after the transfer is missing."),
}  # fmt: skip
DRIFT: dict[str, Verdict] = {
    "improving": Verdict("improving", _BETTER, "The slope is positive, and its 95 % interval leaves out zero."),
    "stable": Verdict("stable", _SAME, "The interval holds zero: the score may move, but no way that can be told."),
    "degrading": Verdict("degrading", _WORSE, "The slope is negative, and its 95 % interval leaves out zero."),
    "insufficient_data": Verdict("insufficient data", _OPEN, "Fewer than three usable scores, or all within one day."),
}

INPUTS: dict[str, Verdict] = {
    "drift": Verdict("drift", _WORSE, "PSI above 0.25: the newer half of the inputs is unlike the older half."),
    "small_drift": Verdict("small drift", _MIXED, "PSI from 0.1 to 0.25: watch it."),
    "stable": Verdict("stable", _SAME, "PSI below 0.1: both halves are alike."),
    "insufficient_data": Verdict("insufficient data", _OPEN, "Fewer than 200 values in a half: chance alone makes a "
                                 "PSI that looks like drift."),
}  # fmt: skip
ERRORS: dict[str, Verdict] = {
    "rising": Verdict("errors rose", _WORSE, "A detector noticed that the share of failed uses had become larger."),
    "falling": Verdict("errors fell", _BETTER, "ADWIN noticed that the share of failed uses had become smaller."),
    "steady": Verdict("steady", _SAME, "Neither detector noticed a change of the share of failed uses."),
    "insufficient_data": Verdict("insufficient data", _OPEN, "Fewer than 32 ended uses: ADWIN looks at every 32nd."),
}


def tone_of(change: str) -> pl.Expr:
    """Return the tone of each value of a column of changes, of which positive ones are good."""
    value = pl.col(change).round(9)
    word = pl.when(value > 0).then(pl.lit(_BETTER)).when(value < 0).then(pl.lit(_WORSE))
    return word.when(value == 0).then(pl.lit(_SAME)).otherwise(pl.lit(_OPEN)).alias("tone")


def show_verdict(verdict: Verdict, sentence: str) -> None:
    """Show a verdict as a badge with its sentence (Markdown) beside it."""
    colour, icon = _BADGES[verdict.tone]
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        st.badge(verdict.word, icon=icon, color=colour)  # type: ignore[arg-type]
        st.markdown(sentence, width="stretch")


def show_rules(verdicts: Mapping[str, Verdict], *, note: str = "") -> None:
    """Offer what each verdict means."""
    with st.expander("What the verdicts mean", icon=":material/school:"):
        for verdict in verdicts.values():
            colour, icon = _BADGES[verdict.tone]
            with st.container(horizontal=True, vertical_alignment="center"):
                st.badge(verdict.word, icon=icon, color=colour)  # type: ignore[arg-type]
                st.markdown(verdict.rule, width="stretch")
        if note:
            st.caption(note)
