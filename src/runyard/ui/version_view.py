"""What the Versions page shows: the newest version in numbers, scores and changes, and every verdict in words."""

from __future__ import annotations

from typing import Any

import polars as pl
import streamlit as st

from runyard.charts.judgement import MOST, changes, scores
from runyard.charts.spec import Spec
from runyard.queries.query import Query
from runyard.ui.figure import show_behind, show_chart
from runyard.ui.openable import show_openable
from runyard.ui.text import escape, number, share
from runyard.ui.verdicts import VERSIONS, show_verdict, tone_of
from runyard.ui.yard import is_dark

Row = dict[str, Any]
_COLUMNS: dict[str, Any] = {
    "label": st.column_config.TextColumn("Version", width=70),
    "details": 76,
    "verdict": st.column_config.TextColumn("Verdict", width=130),
    "words": st.column_config.TextColumn("In words", width=440),
    "current_accuracy": st.column_config.NumberColumn("Score", format="%.4g", width=70),
    "accuracy_delta": st.column_config.NumberColumn("Change", format="%+.4g", help="Positive is better", width=76),
    "success": st.column_config.NumberColumn("Success", format="%.1f %%", width=80,
                                             help="Share of the ended executions that succeeded"),
    "success_delta": st.column_config.NumberColumn("Change (points)", format="%+.1f", width=110),
    "execution_count": st.column_config.NumberColumn("Executions", width=88),
    "unique_users": st.column_config.NumberColumn("Users", width=64),
    "avg_speed": st.column_config.NumberColumn("Speed", format="%.4g", help="Examples per second", width=72),
    "version_date": st.column_config.DatetimeColumn("Made (UTC)", format="YYYY-MM-DD HH:mm", width=130),
    "run_name": st.column_config.TextColumn("Run", width=150),
}  # fmt: skip


def arranged(history: pl.DataFrame, benchmark: str | None) -> pl.DataFrame:
    """Return a version a row with its label, verdict, tone and sentence; `success` and its change in percent."""
    name = pl.col("current_version").fill_null("?")
    known = pl.format("{} · {}", name, pl.col("version_id").str.slice(-4))
    words = {label: verdict.word for label, verdict in VERSIONS.items()}
    tones = {label: verdict.tone for label, verdict in VERSIONS.items()}
    return history.with_columns(
        pl.when(name.is_duplicated()).then(known).otherwise(name).alias("label"),
        pl.col("version_assessment").replace_strict(words).alias("verdict"),
        pl.col("version_assessment").replace_strict(tones).alias("tone"),
        pl.Series("words", [sentence(row, benchmark) for row in history.to_dicts()], dtype=pl.String),
        (100 * pl.col("current_success_rate")).alias("success"),
        (100 * pl.col("reliability_delta")).alias("success_delta"),
    )


def sentence(row: Row, benchmark: str | None) -> str:
    """Say a verdict on a version in one plain sentence (not Markdown)."""
    before, delta, use = row["previous_version"], row["accuracy_delta"], row["reliability_delta"]
    match row["version_assessment"]:
        case "initial_version":
            return "The first of its line: there is no version before it to compare with."
        case "insufficient_data":
            who = "it" if row["current_accuracy"] is None else f"version {before}"
            return f"Not comparable: {who} has no usable score{f' on {benchmark}' if benchmark else ''}."
    # Views compare after rounding, so that what is equal but for the last digit is equal here too.
    delta, use = round(delta, 9), None if use is None else round(use, 9)
    than = f"{number(abs(delta))} {'better' if delta > 0 else 'worse'} than" if delta else "the same as"
    if use is None:
        reliability = "success in use is unknown"
    elif use == 0:
        reliability = "succeeds as often"
    else:
        reliability = f"succeeds {100 * abs(use):.1f} points {'more' if use > 0 else 'less'} often"
    return f"Scores {than} version {before}; {reliability}."


def show_newest(versions: pl.DataFrame, benchmark: str | None) -> None:
    """Show the newest version in four numbers and its verdict."""
    row = versions.row(-1, named=True)
    delta, use = row["accuracy_delta"], row["success_delta"]
    cards = st.columns(4)
    same: Any = {"border": True, "height": "stretch"}
    plain: Any = {"delta_color": "off", "delta_arrow": "off", **same}
    cards[0].metric("Newest version", escape(row["label"]), f"of {versions.height}", **plain)
    cards[1].metric(
        f"Score{f' on {escape(benchmark)}' if benchmark else ''}",
        number(row["current_accuracy"]),
        None if delta is None else f"{delta:+.4g} to version {escape(row['previous_version'])}",
        help="Lower is better; a change with a plus is for the better" if row["higher_is_better"] is False else None,
        **({"delta_color": "off", **same} if delta == 0 else same),
    )
    cards[2].metric(
        "Success rate in use",
        share(row["current_success_rate"]),
        None if use is None else f"{use:+.1f} points",
        help="Executions that succeeded, of those that ended and were not cancelled",
        **({"delta_color": "off", **same} if use == 0 else same),
    )
    users = row["unique_users"]
    cards[3].metric("Executions", number(row["execution_count"]), f"{users} user{'' if users == 1 else 's'}", **plain)
    show_verdict(VERSIONS[row["version_assessment"]], f"**Version {escape(row['label'])}:** {escape(row['words'])}")


def show_charts(versions: pl.DataFrame, query: Query, *, benchmark: str | None, higher_is_better: bool | None) -> None:
    """Show the scores of the versions, and under them how score and success rate changed."""
    place = st.container(border=True)
    direction = " (lower is better)" if higher_is_better is False else ""
    with place:
        st.markdown(f"**Score{f' on {escape(benchmark)}' if benchmark else ''}**{direction}")
        if versions["current_accuracy"].null_count() == versions.height:
            st.info("No version has a score yet: scores come from benchmarks.", icon=":material/speed:")
        else:
            said = f"Score of {versions.height} versions, newest {number(versions['current_accuracy'][-1])}"
            drawn = _drawn(versions, "current_accuracy", "tone")
            show_chart(_scores_spec(is_dark()), {"judged": drawn}, key="versions-score", alt=said)
        left, right = st.columns(2)
        for column, field, title, unit in (
            (left, "accuracy_delta", "Change of the score", "change"),
            (right, "success_delta", "Change of the success rate", "percentage points"),
        ):
            if versions[field].null_count() < versions.height:
                column.markdown(f"**{title}** (plus is better)")
                with column:
                    show_chart(_changes_spec(unit, is_dark()), {"judged": _drawn(versions, field, tone_of(field))},
                               key=f"versions-{field}", alt=f"{title} of {versions.height} versions")  # fmt: skip
        behind = versions.drop("label", "verdict", "tone", "words", "success", "success_delta")
        note = f"the newest {MOST} of {versions.height:,} versions are drawn" if versions.height > MOST else ""
        show_behind(behind, query, key="versions", note=note, alt="Versions with scores, use and verdict")


def show_table(versions: pl.DataFrame) -> str | None:
    """Show every version, newest first; returns the id of the run whose details were asked for just now."""
    shown = versions.reverse()
    alt = "Versions, newest first, with verdict, scores and reliability"
    return show_openable(shown, _COLUMNS, run_ids=shown["run_id"], key="versions", alt=alt)


def _drawn(versions: pl.DataFrame, field: str, tone: str | pl.Expr) -> pl.DataFrame:
    columns = {"label": "label", "at": "version_date", "value": field, "verdict": "verdict"}
    return versions.tail(MOST).select(*(pl.col(name).alias(alias) for alias, name in columns.items()), tone)


@st.cache_data(max_entries=4, show_spinner=False)
def _scores_spec(dark: bool) -> Spec:
    return scores(x_title="version", y_title="score", dark=dark)


@st.cache_data(max_entries=8, show_spinner=False)
def _changes_spec(unit: str, dark: bool) -> Spec:
    return changes(x_title="version", y_title=unit, dark=dark)
