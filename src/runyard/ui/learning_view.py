"""What the page of continuous learning shows of tasks and scores: what was forgotten, and where a score drifts."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import polars as pl
import streamlit as st

from runyard.charts.learning import drifting, forgetting
from runyard.charts.spec import Spec
from runyard.queries.query import Query
from runyard.stats.drift import Drift, adaptation_speed, drift, newest_drop
from runyard.ui.figure import show_behind, show_chart
from runyard.ui.text import duration, escape, number
from runyard.ui.verdicts import DRIFT, show_rules, show_verdict
from runyard.ui.yard import is_dark

Row = dict[str, Any]
MOST_POINTS = 1000  # a slope compares all pairs of points
MOST_TASKS = 12
MOST_UPDATES = 40
DAY = timedelta(days=1)
_WIDTHS = (5.1, 5.5, 5.1, 6.4, 3.9)  # of the cards of SCORES, so that each title fits
_SAME: dict[str, Any] = {"border": True, "height": "stretch"}
# Score, its title, its format, and what it says to someone who meets it for the first time.
SCORES = (
    ("average_accuracy", "Average accuracy", ".3g",
     "Mean score over all tasks after the last update: how good the agent is now."),
    ("backward_transfer", "Backward transfer", "+.3g",
     "How older tasks changed since they were learned, on average. Below zero: learning on made them worse."),
    ("forward_transfer", "Forward transfer", "+.3g",
     "How much better than the untrained model the agent was at a task just before it learned it. Above zero: what it "
     "knew already helped."),
    ("catastrophic_forgetting_score", "Catastrophic forgetting", "+.3g",
     "From the best score that an older task ever had to its score now, on average. Zero is best; the higher, the more "
     "was forgotten."),
    ("stability_score", "Stability", ".3g",
     "The worst score of each older task since it was learned, on average: how low it got on the way."),
)  # fmt: skip


def show_forgetting(cells: pl.DataFrame, matrix: Query, scores: pl.DataFrame, query: Query) -> None:
    """Show the score on each task after each update, and the continual-learning scores in plain words."""
    st.subheader("Forgetting", anchor=False)
    if cells.is_empty():
        st.info("No task of this agent was scored after an update. Score each task after each update: "
                "`runyard record task-score`.", icon=":material/school:")  # fmt: skip
        return
    row = scores.row(0, named=True) if scores.height else {}
    for card, (name, title, style, meaning) in zip(st.columns(_WIDTHS), SCORES, strict=True):
        value = row.get(name)
        card.metric(title, "–" if value is None else f"{value:{style}}", help=meaning, **_SAME)
    with st.expander("What these scores mean", icon=":material/school:"):
        st.markdown("\n".join(f"- **{title}.** {meaning}" for _, title, _, meaning in SCORES))
        st.caption("A dash: the scores that it needs are not there. With one task there is nothing to forget; forward "
                   "transfer needs scores of the untrained model (update 0).")  # fmt: skip
    show_behind(scores, query, key="learning-scores", alt="Continual-learning scores")
    with st.container(border=True):
        st.markdown("**Score on each task after each update**, and its change since the task was learned")
        st.caption("Framed: the update that taught the task. Blue: better since then. Orange: forgotten since then.")
        drawn = tinted(cells)
        tasks, updates = cells["task_index"].n_unique(), cells["update_index"].n_unique()
        show_chart(_forgetting_spec(is_dark()), {"cells": drawn}, key="learning-matrix",
                   alt=f"Scores on {tasks} tasks after {updates} updates")  # fmt: skip
        note = f"the newest {MOST_TASKS} tasks and {MOST_UPDATES} updates are drawn"
        fits = tasks <= MOST_TASKS and updates <= MOST_UPDATES
        show_behind(cells, matrix, key="learning-matrix", note="" if fits else note, alt="Scores by update and task")


def tinted(cells: pl.DataFrame) -> pl.DataFrame:
    """Return the cells as the grid needs them: the change over the largest of all, score and change as text."""
    tasks = cells["task_index"].unique().sort().tail(MOST_TASKS).to_list()
    updates = cells["update_index"].unique().sort().tail(MOST_UPDATES).to_list()
    shown = cells.filter(pl.col("task_index").is_in(tasks), pl.col("update_index").is_in(updates))
    rows = shown.to_dicts()
    after = pl.col("update_index") >= pl.col("task_index")
    change = pl.when(after).then(pl.col("since_learned").round(9))
    largest = change.abs().max()
    name = pl.col("task").fill_null("task")
    return shown.select(
        pl.col("update_index").alias("update"),
        pl.format("{} · {}", "task_index", name).alias("task"),
        pl.col("task_index").alias("place"),
        pl.Series("score", [number(row["score"], 3) for row in rows], dtype=pl.String),
        pl.Series("change", [change_words(row) for row in rows], dtype=pl.String),
        pl.when(largest > 0).then(change / largest).otherwise(change).alias("tint"),
        (pl.col("update_index") == pl.col("task_index")).alias("is_learned"),
    )


def change_words(row: Row) -> str:
    """Say how a score stands to that when its task was learned."""
    update, task, change = row["update_index"], row["task_index"], row["since_learned"]
    if update < task:
        return "untrained" if update == 0 else "before"
    if update == task:
        return "learned"
    return "?" if change is None else signed(change)


def show_drift(points: pl.DataFrame, query: Query, benchmark: str) -> None:
    """Show a benchmark score over time, its slope per day and direction, and how fast it came back after a drop."""
    newest = points.tail(MOST_POINTS)
    times, scores = newest["created_at"].to_list(), newest["score"].to_list()
    higher = bool(newest["higher_is_better"].all())
    found = drift([at / DAY for at in (time - times[0] for time in times)], scores, higher_is_better=higher)
    cards = st.columns(4)
    plain: Any = {"delta_color": "off", "delta_arrow": "off", **_SAME}
    cards[0].metric(f"Newest score on {escape(benchmark)}", number(scores[-1]), None if higher else "lower is better",
                    **plain)  # fmt: skip
    cards[1].metric("Drift per day", "–" if found.rate is None else signed(found.rate), interval(found), **plain,
                    help="Median slope of all pairs of scores (Theil–Sen); a plus is better, whatever the "
                    "benchmark")  # fmt: skip
    span = duration((times[-1] - times[0]).total_seconds())
    cards[2].metric("Scores", points.height, f"over {span}", **plain)
    drop = newest_drop(scores, higher_is_better=higher)
    speed = adaptation_speed(drop[1], drop[0], higher_is_better=higher) if drop else None
    cards[3].metric("Adaptation speed", number(speed, 3), adaptation(drop, speed), **plain,
                    help="1 divided by the number of scores, after the newest drop of more than 5 %, until one is back "
                    "within 5 % of the score before: 1 is at once")  # fmt: skip
    show_verdict(DRIFT[found.direction], sentence(found, benchmark))
    with st.container(border=True):
        st.markdown(
            f"**Score on {escape(benchmark)}** over time{'' if higher else ' (lower is better)'}, and its trend"
        )
        drawn = newest.select(pl.col("created_at").alias("at"), "score", "version")
        show_chart(_drift_spec(is_dark()), {"points": drawn, "trend": trend(found, times[0], times[-1])},
                   key="learning-drift", alt=f"{points.height} scores over {span}, {found.direction}"
                   .replace("_", " "))  # fmt: skip
        note = f"the newest {MOST_POINTS:,} of {points.height:,} scores count" if points.height > MOST_POINTS else ""
        show_behind(points, query, key="learning-drift", note=note, alt="Scores over time")
    show_rules(DRIFT, note="The slope is `scipy.stats.theilslopes` of score over days, with its 95 % interval.")


def signed(value: float, digits: int = 3) -> str:
    """Return a number with its sign; zero has none."""
    return f"{value:+.{digits}g}" if round(value, 9) else "0"


def interval(found: Drift) -> str | None:
    """Say the interval of a slope."""
    return (
        None if found.low is None or found.high is None else f"{signed(found.low, 2)} to {signed(found.high, 2)} (95 %)"
    )


def adaptation(drop: tuple[float, list[float | None]] | None, speed: float | None) -> str:
    """Say how the newest drop ended."""
    if drop is None:
        return "no drop of more than 5 %"
    if speed is None:
        return f"not back at {number(drop[0], 3)} yet"
    updates = round(1 / speed)
    return f"back after {updates} score{'' if updates == 1 else 's'}"


def sentence(found: Drift, benchmark: str) -> str:
    """Say a drift in one plain sentence (Markdown)."""
    name, rate = escape(benchmark), found.rate
    if rate is None:
        points = f"{found.points} usable score{'' if found.points == 1 else 's'}"
        return f"{points} on {name}: a drift needs three, over a day or more."
    if found.direction == "stable":
        return f"On {name} the score drifts neither way: a slope of zero fits its {found.points} scores as well."
    way = "better" if found.direction == "improving" else "worse"
    return f"On {name} the agent gets {way} by {number(abs(rate), 3)} a day, over {found.points} scores."


def trend(found: Drift, start: datetime, end: datetime) -> pl.DataFrame:
    """Return both ends of the line of a drift, or no row."""
    schema: dict[str, Any] = {"at": pl.Datetime("us"), "score": pl.Float64}
    if found.slope is None or found.intercept is None:
        return pl.DataFrame(schema=schema)
    ends = [found.intercept, found.intercept + found.slope * ((end - start) / DAY)]
    return pl.DataFrame({"at": [start, end], "score": ends}, schema=schema)


@st.cache_data(max_entries=2, show_spinner=False)
def _forgetting_spec(dark: bool) -> Spec:
    return forgetting(dark=dark)


@st.cache_data(max_entries=2, show_spinner=False)
def _drift_spec(dark: bool) -> Spec:
    return drifting(dark=dark)
