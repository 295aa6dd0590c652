"""What the Evolution page shows: where an agent stands, how its trainings compare, and what changed between them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import polars as pl
import streamlit as st

from runyard.charts.judgement import MOST, TONES, changes, scores
from runyard.charts.spec import Spec
from runyard.queries import evolution
from runyard.queries.query import Query
from runyard.runtime import Runtime
from runyard.ui.figure import as_arrow, show_behind, show_chart, show_sql
from runyard.ui.openable import show_openable
from runyard.ui.text import escape, number
from runyard.ui.verdicts import EVOLUTION, show_verdict
from runyard.ui.yard import frame, is_dark

Row = dict[str, Any]
_TONES = tuple(tone for tone in TONES if tone in {verdict.tone for verdict in EVOLUTION.values()})
_COLUMNS: dict[str, Any] = {
    "label": st.column_config.TextColumn("Version", width=70),
    "details": 76,
    "verdict": st.column_config.TextColumn("Verdict", width=160),
    "words": st.column_config.TextColumn("In words", width=330),
    "changes": st.column_config.ListColumn("What changed before it", width=260),
    "n_changes": st.column_config.NumberColumn("Settings", help="How many settings changed", width=70),
    "post_training_accuracy": st.column_config.NumberColumn("Score", format="%.4g", width=70),
    "accuracy_improvement_pct": st.column_config.NumberColumn(
        "Change", format="%+.1f %%", help="Positive is better", width=80
    ),
    "rolling_avg_improvement": st.column_config.NumberColumn(
        "Rolling mean", format="%+.1f %%", help="Mean change of this training and the four before", width=100
    ),
    "training_date": st.column_config.DatetimeColumn("Completed (UTC)", format="YYYY-MM-DD HH:mm", width=140),
    "training_type": st.column_config.TextColumn("Training type", width=120),
    "run_name": st.column_config.TextColumn("Run", width=150),
}


def arranged(timeline: pl.DataFrame, benchmark: str | None) -> pl.DataFrame:
    """Return a training a row with its label, verdict, tone and sentence."""
    name = pl.coalesce("model_version", pl.format("#{}", pl.int_range(1, pl.len() + 1)))
    apart = pl.format("{} · {}", name, pl.col("session_id").str.slice(-4))
    words = {label: verdict.word for label, verdict in EVOLUTION.items()}
    tones = {label: verdict.tone for label, verdict in EVOLUTION.items()}
    return timeline.with_columns(
        pl.when(name.is_duplicated()).then(apart).otherwise(name).alias("label"),
        pl.col("improvement_category").replace_strict(words).alias("verdict"),
        pl.col("improvement_category").replace_strict(tones).alias("tone"),
        pl.Series("words", [sentence(row, benchmark) for row in timeline.to_dicts()], dtype=pl.String),
    )


def sentence(row: Row, benchmark: str | None) -> str:
    """Say a verdict on a training in one plain sentence (not Markdown)."""
    before, after, pct = row["prev_accuracy"], row["post_training_accuracy"], row["accuracy_improvement_pct"]
    if after is None:
        return "Not scored: no usable score within 24 hours after it."
    if before is None:
        return f"First score{f' on {benchmark}' if benchmark else ''}: the mark for later ones."
    step = f"from {number(before)} to {number(after)}"
    gain = row["accuracy_improvement"]
    if gain is None:
        return f"Cannot be compared: {step}."
    if round(pct if pct is not None else gain, 9) == 0:
        return f"The same score as before, {number(after)}."
    side = "better" if gain > 0 else "worse"
    return f"{side.capitalize()}, {step}." if pct is None else f"{abs(pct):.1f} % {side} than before, {step}."


def show_standing(trainings: pl.DataFrame, benchmark: str | None, *, higher_is_better: bool | None) -> None:
    """Show where the agent stands in four numbers, and the newest verdict."""
    cards = st.columns(4)
    same: Any = {"border": True, "height": "stretch"}
    plain: Any = {"delta_color": "off", "delta_arrow": "off", **same}
    scored = trainings.filter(pl.col("post_training_accuracy").is_not_null())
    cards[0].metric("Scored trainings", scored.height, f"{trainings.height - scored.height} without a score", **plain)
    last = scored.row(-1, named=True) if scored.height else {}
    pct = last.get("accuracy_improvement_pct")
    cards[1].metric(
        f"Newest score{f' on {escape(benchmark)}' if benchmark else ''}",
        number(last.get("post_training_accuracy")),
        None if pct is None else f"{pct:+.1f} %",
        help="Lower is better; a change with a plus is for the better" if higher_is_better is False else None,
        **({"delta_color": "off", **same} if pct == 0 else same),
    )
    best = scored.sort("post_training_accuracy", descending=higher_is_better is not False, maintain_order=True)
    champion = best.row(0, named=True) if best.height else {}
    cards[2].metric("Best score", number(champion.get("post_training_accuracy")),
                    f"version {escape(champion['label'])}" if champion else None, **plain)  # fmt: skip
    rolling = last.get("rolling_avg_improvement")
    cards[3].metric(
        "Rolling mean of changes",
        "–" if rolling is None else f"{rolling:+.1f} %",
        help="Mean change of the newest scored training and the four before it: is the agent still getting better?",
        **same,
    )
    newest = trainings.row(-1, named=True)
    show_verdict(
        EVOLUTION[newest["improvement_category"]], f"**Version {escape(newest['label'])}:** {escape(newest['words'])}"
    )


def show_charts(trainings: pl.DataFrame, query: Query, *, benchmark: str | None, higher_is_better: bool | None) -> None:
    """Show the scores of the trainings, and under them each change with its rolling mean."""
    with st.container(border=True):
        title, switch = st.columns([3, 1], vertical_alignment="center")
        direction = " (lower is better)" if higher_is_better is False else ""
        title.markdown(f"**Score{f' on {escape(benchmark)}' if benchmark else ''}** after each training{direction}")
        by_time = switch.toggle("Space by time", key="by-time", bind="query-params")
        if trainings["post_training_accuracy"].null_count() == trainings.height:
            st.info("No training has a score yet: scores come from benchmarks.", icon=":material/speed:")
        else:
            newest = number(trainings["post_training_accuracy"].drop_nulls()[-1])
            drawn = _drawn(trainings, "post_training_accuracy")
            show_chart(_scores_spec(by_time, is_dark()), {"judged": drawn}, key="evolution-score",
                       alt=f"Score after {trainings.height} trainings, newest {newest}")  # fmt: skip
        if trainings["accuracy_improvement_pct"].null_count() < trainings.height:
            st.markdown(
                "**Change** against the training before (plus is better), and its rolling mean over five (line)"
            )
            drawn = _drawn(trainings, "accuracy_improvement_pct")
            show_chart(_changes_spec(by_time, is_dark()), {"judged": drawn}, key="evolution-change",
                       alt=f"Change of the score in percent over {trainings.height} trainings")  # fmt: skip
        behind = trainings.drop("label", "verdict", "tone", "words")
        note = f"the newest {MOST} of {trainings.height:,} trainings are drawn" if trainings.height > MOST else ""
        show_behind(behind, query, key="evolution", note=note, alt="Trainings with scores, changes and verdict")


def show_table(trainings: pl.DataFrame) -> str | None:
    """Show every training, newest first; returns the id of the run whose details were asked for just now."""
    shown = trainings.reverse()
    alt = "Trainings, newest first, with verdict, score and what changed"
    return show_openable(shown, _COLUMNS, run_ids=shown["session_id"], key="evolution", alt=alt)


def show_changes(rt: Runtime, trainings: pl.DataFrame) -> None:
    """Show the settings in which one training, picked here, differs from the one before."""
    labels = trainings["label"].reverse().to_list()
    with st.container(border=True):
        picked = st.selectbox("What changed before version", labels, key="version", bind="query-params")
        row = trainings.row(by_predicate=pl.col("label") == picked, named=True)
        count, before = row["n_changes"], escape(row["previous_run_name"] or "the training before")
        st.markdown(f"**{escape(row['verdict'])}**: {escape(row['words'])}")
        if row["previous_session_id"] is None:
            st.caption("It is the first training of this agent, so there is none to compare it with.")
        elif count is None:
            st.caption("Nobody knows: the configuration of this training or of the one before was not recorded.")
        elif count == 0:
            st.caption(f"No setting: the configuration is that of {before}. What differs is chance, data or code.")
        else:
            st.caption(f"{count} setting{'' if count == 1 else 's'} since {before}.")
            query = evolution.changes(row["agent_id"], UUID(row["session_id"]))
            st.dataframe(
                as_arrow(frame(rt, query)),
                lazy=False,
                key="evolution-changes",
                hide_index=True,
                placeholder="not set",
                column_config={"setting": "Setting", "before": "Before", "after": "After"},
                alt="Settings that changed, with their values before and after",
            )
            with st.expander("SQL", icon=":material/database:"):
                show_sql(query)


def _drawn(trainings: pl.DataFrame, field: str) -> pl.DataFrame:
    columns = {"label": "label", "at": "training_date", "value": field, "rolling": "rolling_avg_improvement",
               "tone": "tone", "verdict": "verdict"}  # fmt: skip
    return trainings.tail(MOST).select(pl.col(name).alias(alias) for alias, name in columns.items())


@st.cache_data(max_entries=8, show_spinner=False)
def _scores_spec(by_time: bool, dark: bool) -> Spec:
    return scores(x_title="version", y_title="score", tones=_TONES, by_time=by_time, dark=dark)


@st.cache_data(max_entries=8, show_spinner=False)
def _changes_spec(by_time: bool, dark: bool) -> Spec:
    return changes(
        x_title="version", y_title="change (%)", rolling_title="rolling mean (%)", by_time=by_time,
        dark=dark,
    )  # fmt: skip
