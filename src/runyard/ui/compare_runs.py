"""Choosing the runs to compare: a table that is the legend too, a baseline, and the settings that differ."""

from __future__ import annotations

from contextlib import suppress
from typing import Any
from uuid import UUID

import polars as pl
import streamlit as st

from runyard.charts.compare import LETTERS, colours
from runyard.charts.theme import LIGHT
from runyard.queries import compare
from runyard.runtime import Runtime
from runyard.ui.address import take, tell
from runyard.ui.figure import as_arrow, show_behind
from runyard.ui.text import number
from runyard.ui.yard import frame, is_dark

Row = dict[str, Any]
CHOSEN, BASE = "compare-runs", "compare-base"
_FIRST = 3
_MOST_ROWS = 9


def runs_asked_for() -> list[UUID]:
    """Return the ids in the address, however old their runs are; what is no id is left out."""
    found = []
    for text in st.query_params.get("runs", "").split(",")[: len(LETTERS)]:
        with suppress(ValueError):
            found.append(UUID(text))
    return found


def choose_runs(table: pl.DataFrame) -> list[Row]:
    """Let the reader choose runs, in the table or by name; returns them in order, each with its letter."""
    known = {row["id"]: row for row in table.to_dicts()}
    trained = [key for key, row in known.items() if row["completed_epochs"]]

    def named(text: str) -> list[str]:
        return [key for key in dict.fromkeys(text.split(",")) if key in known] or trained[:_FIRST]

    take("runs", CHOSEN, named)
    st.session_state[CHOSEN] = [key for key in st.session_state[CHOSEN] if key in known][: len(LETTERS)]
    left, middle, right = st.columns([2, 3, 2])
    search = left.text_input(
        "Find", key="compare-search", placeholder="Name, agent or status", type="search", bind="query-params",
        help="Among the newest 300 runs, and those that the address names",
    )  # fmt: skip
    tags = middle.multiselect(
        "Tags",
        sorted({tag for row in known.values() for tag in row["tags"]}),
        key="compare-tags",
        bind="query-params",
        placeholder="Any tag",
        help="Runs that have all of these",
    )
    groups = right.multiselect(
        "Groups",
        sorted({row["run_group"] for row in known.values() if row["run_group"]}),
        key="compare-groups",
        bind="query-params",
        placeholder="Any group",
        help="Runs that somebody put into one of these",
    )
    place = st.container()
    chosen = st.multiselect(
        "Chosen runs",
        list(known),
        key=CHOSEN,
        max_selections=len(LETTERS),
        format_func=lambda key: known[key]["name"] or key[:8],
        placeholder="Choose runs here or in the table",
        on_change=_forget_selection,
    )
    tell("runs", CHOSEN, ",".join(chosen))
    letters = {key: LETTERS[at] for at, key in enumerate(chosen)}
    visible = [row for row in known.values() if _fits(row, search or "", tags, groups)]
    with place:
        if visible:
            _show_table(visible, letters)
        else:
            st.info("No run fits what you look for.", icon=":material/filter_alt_off:")
    return [{**known[key], "letter": letter, "id": UUID(key)} for key, letter in letters.items()]


def choose_baseline(chosen: list[Row]) -> Row:
    """Let the reader pin the run that the others are measured against; without a choice it is the first."""
    names = {str(run["id"]): f"{run['letter']} · {run['name'] or 'unnamed'}" for run in chosen}
    take("base", BASE, str)
    if st.session_state[BASE] not in names:
        st.session_state[BASE] = next(iter(names))
    picked = st.selectbox(
        "Baseline", list(names), format_func=lambda key: names[key], key=BASE,
        help="Its curve is the thick one; the others' best losses are shown against it",
    )  # fmt: skip
    tell("base", BASE, picked)
    base = next(run for run in chosen if str(run["id"]) == picked)
    for place, run in zip(st.columns(4), chosen, strict=False):
        place.metric(
            f"{run['letter']} best loss" + (", baseline" if run is base else ""),
            number(run["best_validation_loss"]),
            _against(run, base),
            delta_color="inverse",
            border=True,
        )
    return base


def show_differences(rt: Runtime, chosen: list[Row], base: Row) -> None:
    """Show the settings that are not the same in all chosen runs, the baseline first."""
    st.subheader("Settings that differ", anchor=False)
    if len(chosen) < 2:
        st.caption("Choose a second run to see what is set otherwise.")
        return
    query = compare.differences([run["id"] for run in chosen])
    found = frame(rt, query)
    if found.is_empty():
        st.info("The configurations of these runs are the same but for their names.", icon=":material/check:")
        return
    ordered = [base, *(run for run in chosen if run is not base)]
    heads = {str(run["id"]): f"{run['letter']} · {run['name'] or 'unnamed'}" for run in ordered}
    pivoted = found.pivot("id", index="setting", values="value", aggregate_function="first")
    missing = [pl.lit(None, pl.String).alias(key) for key in heads if key not in pivoted.columns]
    wide = pivoted.with_columns(missing).select("setting", *heads)
    st.dataframe(
        as_arrow(wide),
        lazy=False,
        key="compare-differences",
        hide_index=True,
        placeholder="not set",
        column_config={"setting": "Setting", **heads},
        alt="Settings that differ between the chosen runs",
    )
    show_behind(found, query, key="compare-differences-behind", alt="Settings that differ, one row a run")


def _against(run: Row, base: Row) -> float | str | None:
    own, other = run["best_validation_loss"], base["best_validation_loss"]
    if run is base or own is None or other is None:
        return None
    return f"{own - other:+.3g}" + (f" ({100 * (own - other) / abs(other):+.1f} %)" if other else "")


def _fits(row: Row, search: str, tags: list[str], groups: list[str]) -> bool:
    words = f"{row['name'] or ''} {row['agent_id'] or ''} {row['status']}".lower()
    among = not groups or row["run_group"] in groups
    return among and search.lower() in words and set(tags) <= set(row["tags"])


def _show_table(visible: list[Row], letters: dict[str, str]) -> None:
    ids = [row["id"] for row in visible]
    shown = pl.DataFrame(visible, infer_schema_length=None).select(
        pl.col("id").replace_strict(letters, default=None, return_dtype=pl.String).alias("letter"),
        pl.col("name").fill_null("unnamed"),
        "status",
        "tags",
        *([pl.col("run_group").cast(pl.String)] if any(row["run_group"] for row in visible) else []),
        "agent_id",
        "best_validation_loss",
        "best_epoch",
        "completed_epochs",
        "minutes",
        "cost_usd",
    ).with_columns(pl.when(pl.col("letter").is_not_null()).then(pl.concat_list("letter")).alias("letter"))  # fmt: skip
    key = f"compare-table-{hash(tuple(ids))}-{st.session_state.get('compare-asked-anew', 0)}"
    st.dataframe(
        as_arrow(shown),
        lazy=False,
        key=key,
        hide_index=True,
        placeholder="",
        height="content" if shown.height <= _MOST_ROWS else 35 * (_MOST_ROWS + 1),
        selection_mode="multi-row",
        selection_default={"selection": {"rows": [at for at, run_id in enumerate(ids) if run_id in letters]}},
        on_select=lambda: _take_selection(key, ids),
        column_config=_columns(is_dark()),
        alt="Runs to choose from; chosen ones have the letter and the colour of their curve",
    )


def _take_selection(key: str, ids: list[str]) -> None:
    """Add the rows that were ticked, in the order of ticking, and drop those that were cleared."""
    ticked = [ids[at] for at in st.session_state[key].selection.rows if at < len(ids)]
    before = list(st.session_state.get(CHOSEN, []))
    kept = [run_id for run_id in before if run_id in ticked or run_id not in ids]
    st.session_state[CHOSEN] = [*kept, *(run_id for run_id in ticked if run_id not in kept)][: len(LETTERS)]


def _forget_selection() -> None:
    """Have the table start anew with what was chosen by name."""
    st.session_state["compare-asked-anew"] = st.session_state.get("compare-asked-anew", 0) + 1


def _columns(dark: bool) -> dict[str, Any]:
    return {
        "letter": st.column_config.MultiselectColumn("", options=list(LETTERS), color=colours(dark), width=44),
        "name": st.column_config.TextColumn("Run", width=150),
        "status": st.column_config.TextColumn("Status", width=86),
        "tags": st.column_config.MultiselectColumn("Tags", options=[], color=LIGHT.muted, width=106),
        "run_group": st.column_config.TextColumn("Group", help="Set by `runyard group` or Organise", width=70),
        "agent_id": st.column_config.TextColumn("Agent", width=80),
        "best_validation_loss": st.column_config.NumberColumn("Best", format="%.4g", help="Smallest validation loss",
                                                              width=66),
        "best_epoch": st.column_config.NumberColumn("at", help="Best epoch", width=44),
        "completed_epochs": st.column_config.NumberColumn("Epochs", width=64),
        "minutes": st.column_config.NumberColumn("Minutes", format="%.1f", width=70),
        "cost_usd": st.column_config.NumberColumn("USD", format="%.4f", width=70),
    }  # fmt: skip
