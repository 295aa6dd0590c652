"""What "Compare models" shows of a comparison: how far it is, who leads and how surely, every model in a table."""

from __future__ import annotations

from typing import Any

import polars as pl
import streamlit as st

from runyard.charts.ranking import ranking
from runyard.charts.spec import Spec
from runyard.queries.query import Query
from runyard.queries.ranking import ranked, summary
from runyard.ui.figure import show_behind, show_chart
from runyard.ui.openable import show_openable
from runyard.ui.text import escape
from runyard.ui.yard import is_dark

Row = dict[str, Any]
TITLES = {"val_loss": "validation loss", "accuracy": "accuracy", "f1_macro": "F1 (macro)"}
_COLUMNS: dict[str, Any] = {
    "place": st.column_config.NumberColumn("Place", width=60),
    "model_name": st.column_config.TextColumn("Model", width=170),
    "details": 76,
    "words": st.column_config.TextColumn("Verdict", width=210),
    "mean": st.column_config.NumberColumn("Mean", format="%.4g", width=80),
    "low": st.column_config.NumberColumn("95 % from", format="%.4g", width=84),
    "high": st.column_config.NumberColumn("to", format="%.4g", width=84),
    "seeds": st.column_config.NumberColumn("Seeds", help="Completed runs, one for each seed", width=64),
    "p": st.column_config.NumberColumn(
        "p", format="%.3g", help="Against the best, Holm's; ties from 0.05 on", width=70
    ),
    "parameters": st.column_config.NumberColumn("Weights", format="localized", width=90),
    "minutes": st.column_config.NumberColumn("Compute (min)", format="%.3g", width=110),
    "progress": st.column_config.ProgressColumn("Done", format="percent", min_value=0.0, max_value=1.0, width=90),
}


def show_ranking(models: pl.DataFrame, query: Query) -> str | None:
    """Show the ranking of a comparison; returns the id of the run that was asked for by a click just now."""
    rows = ranked(models)
    first = rows[0]
    done, runs = sum(row["completed"] for row in rows), sum(row["runs"] for row in rows)
    is_open = any(row["open_runs"] for row in rows)
    if is_open:
        share = sum(row["progress"] * row["runs"] for row in rows) / runs
        st.progress(min(share, 1.0), text=f"{100 * share:.0f} % · {done} of {runs} runs are through")
    _show_cards(rows, done, runs)
    metric = TITLES.get(first["metric"], first["metric"])
    if any(row["mean"] is not None for row in rows):
        st.info(escape(summary(rows)), icon=":material/leaderboard:")
        drawn = _drawn(rows)
        show_chart(
            _spec(metric, drawn.height, is_dark()),
            {"models": drawn},
            key="comparison-chart",
            alt=f"{metric} of {drawn.height} models with 95 % intervals, the best first: {rows[0]['model_name']}",
        )
    if any(row["datasets"] > 1 for row in rows) or models["dataset_id"].drop_nulls().n_unique() > 1:
        st.warning("The data were changed while the comparison ran: its models did not learn from the same examples.",
                   icon=":material/warning:")  # fmt: skip
    if ended := sum(row["ended_early"] for row in rows):
        st.warning(f"{ended} of {runs} runs failed or were cancelled and count for nothing.", icon=":material/error:")
    table = _table(rows)
    alt = "Models of the comparison in order, with mean, interval and verdict"
    opened = show_openable(table, _COLUMNS, run_ids=table["first_run"], key="comparison", alt=alt)
    show_behind(models, query, key="comparison", alt="Models of the comparison with the results of their runs")
    return opened


def _show_cards(rows: list[Row], done: int, runs: int) -> None:
    cards = st.columns(4)
    same: Any = {"border": True, "height": "stretch"}
    best = rows[0] if rows[0]["mean"] is not None else None
    metric = str(TITLES.get(rows[0]["metric"], rows[0]["metric"]))
    cards[0].metric("Best so far" if done < runs else "Best", escape(best["model_name"]) if best else "–", **same)
    cards[1].metric(metric.capitalize(), f"{best['mean']:.4g}" if best else "–", _span(best), delta_color="off",
                    delta_arrow="off", **same)  # fmt: skip
    ties = sum(bool(row["ties"]) for row in rows[1:])
    cards[2].metric(
        "Ties with the best", ties, help="Models that cannot be told from the best at the 5 % level", **same
    )
    cards[3].metric("Runs", f"{done} of {runs}", **same)


def _span(best: Row | None) -> str | None:
    return f"{best['low']:.3g} to {best['high']:.3g}" if best and best["low"] is not None else None


def verdict(row: Row) -> str:
    """Say how a model stands, in a few words."""
    if row["mean"] is None:
        return "no result" if not row["open_runs"] else "not through yet"
    words = {True: "indistinguishable from the best", False: "worse than the best", None: "one run: not known"}[
        row["ties"]
    ]
    words = "the best" if row["place"] == 1 else words
    return f"baseline, {words}" if row["is_baseline"] else words


def _role(row: Row) -> str:
    if row["place"] == 1:
        return "best"
    if row["is_baseline"]:
        return "baseline"
    return {True: "indistinguishable from the best", False: "worse", None: "not known"}[row["ties"]]


def _drawn(rows: list[Row]) -> pl.DataFrame:
    shown = [row for row in rows if row["mean"] is not None]
    return pl.DataFrame(
        {
            "label": [f"{row['place']}. {row['model_name']}" for row in shown],
            "mean": [row["mean"] for row in shown],
            "low": [row["low"] for row in shown],
            "high": [row["high"] for row in shown],
            "role": [_role(row) for row in shown],
            "words": [verdict(row) for row in shown],
        },
        schema_overrides={"mean": pl.Float64, "low": pl.Float64, "high": pl.Float64},
    )


def _table(rows: list[Row]) -> pl.DataFrame:
    names = [name for name in _COLUMNS if name not in ("details", "words", "minutes")]
    found = [
        {**{name: row[name] for name in names}, "first_run": row["first_run"], "words": verdict(row),
         "minutes": None if row["compute_hours"] is None else 60 * row["compute_hours"]}
        for row in rows
    ]  # fmt: skip
    numbers = dict.fromkeys(("mean", "low", "high", "p", "minutes"), pl.Float64)
    return pl.DataFrame(found, schema_overrides=numbers, infer_schema_length=None)


@st.cache_data(max_entries=32, show_spinner=False)
def _spec(x_title: str, rows: int, dark: bool) -> Spec:
    return ranking(x_title=x_title, rows=rows, dark=dark)
