"""The attempts of a run: why each was begun, what it changed, what was abandoned; and checkpoints to go back to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import polars as pl
import streamlit as st

from runyard.config.nested import differences, from_pairs
from runyard.core.errors import RunyardError
from runyard.queries import attempts, runs
from runyard.runtime import Runtime
from runyard.service import branches
from runyard.service.checkpoints import abandoned_steps, on_disk
from runyard.ui.errors import show_error
from runyard.ui.figure import as_arrow, show_sql
from runyard.ui.run_view import ACTIVE, show_status
from runyard.ui.text import dollars, duration, escape, number
from runyard.ui.yard import frame

Row = dict[str, Any]
_NUMBER = st.column_config.NumberColumn
_MOST_SHOWN = 20


def show_attempts_tab(rt: Runtime, run: Row) -> None:
    """Show the attempts, where the run was forked from, and its checkpoints."""
    if run["forked_from"]:
        _show_origin(rt, run)
    query = attempts.of_run(run["id"])
    rows = frame(rt, query).to_dicts()
    st.markdown("**Attempts**")
    with st.container(border=True):
        for row in rows[-_MOST_SHOWN:]:
            _show_attempt(row)
    if len(rows) > _MOST_SHOWN:
        st.caption(f"The last {_MOST_SHOWN} of {len(rows)}; the statement below has all.")
    if abandoned := sum(row["abandoned_epochs"] for row in rows):
        seconds = sum(row["abandoned_seconds"] for row in rows)
        usd = sum(row["abandoned_usd"] or 0.0 for row in rows)
        st.caption(
            f"Abandoned: {abandoned} epoch{'' if abandoned == 1 else 's'} that a later attempt went back behind or did "
            f"again, {duration(seconds)}, {dollars(usd)}. They stay in the tables and count in no curve."
        )
    if run["verdict"]:
        st.caption(escape(run["verdict"]))
    with st.expander("SQL", icon=":material/database:"):
        show_sql(query)
    show_checkpoints(rt, run)


def show_checkpoints(rt: Runtime, run: Row) -> None:
    """List what checkpoints were written, and offer to go on from one that is there."""
    query = attempts.checkpoints(run["id"])
    table = frame(rt, query)
    st.markdown("**Checkpoints**")
    if table.is_empty():
        st.info("No checkpoint was written yet.", icon=":material/hourglass_empty:")
        return
    folder = rt.yard.run(run["id"])
    kept = on_disk(folder)
    there, aside, best = (
        {checkpoint.step for checkpoint in kept},
        abandoned_steps(folder),
        kept[-1].best if kept else "",
    )
    shown = [
        {
            "Step": row["step"],
            "Epoch": row["epoch"],
            "Validation loss": row["val_loss"],
            "Written (UTC)": row["written_at"],
            "Size (MB)": None if row["bytes"] is None else row["bytes"] / 1e6,
            "Attempt": row["attempt"],
            "State": _state(row["step"], there, aside, best),
        }
        for row in table.to_dicts()
    ]
    st.dataframe(
        as_arrow(pl.DataFrame(shown, infer_schema_length=None)),
        lazy=False,
        key="run-checkpoints",
        hide_index=True,
        placeholder="",
        height=min(35 * (len(shown) + 1) + 3, 320),
        alt="Checkpoints of the run, newest first",
        column_config={
            "Written (UTC)": st.column_config.DatetimeColumn(format="YYYY-MM-DD HH:mm:ss"),
            "Size (MB)": _NUMBER(format="%.2f"),
            "Validation loss": _NUMBER(format="%.5g"),
        },
    )
    _offer(rt, run, sorted(there, reverse=True), {row["step"]: row["epoch"] for row in table.to_dicts()})


def _offer(rt: Runtime, run: Row, steps: list[int], epochs: dict[int, int]) -> None:
    if not steps or run["deleted_at"] is not None:
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.selectbox(
            "Go on from",
            steps,
            format_func=lambda step: f"step {step:,}, epoch {epochs.get(step, '?')}",
            key="run-from",
            width=260,
        )
        words = "A new run that starts from this checkpoint, with its optimizer and its place in the data"
        if st.button("Fork", icon=":material/fork_right:", key="run-fork", help=words):
            _ask_fork(rt, run, chosen)
        words = "Take this run back to the checkpoint and go on from there; what came after it counts as abandoned"
        if st.button(
            "Rewind", icon=":material/history:", key="run-rewind", help=words, disabled=run["status"] in ACTIVE
        ):
            _ask_rewind(rt, run, chosen)


@st.dialog("Fork a new run", icon=":material/fork_right:")
def _ask_fork(rt: Runtime, run: Row, step: int) -> None:
    st.markdown(f"A new run starts from **{escape(run['name'] or run['id'])}** at step {step:,}.")
    pairs = _ask_changes()
    if st.button("Start the fork", type="primary", key="fork-confirm"):
        try:
            changes = from_pairs(pairs, where="change")
            made = branches.fork(rt, str(run["id"]), by="page", at=str(step), changes=changes)
        except RunyardError as error:
            show_error(error)
            return
        st.switch_page("page/live.py", query_params={"run": str(made)})


@st.dialog("Rewind this run", icon=":material/history:")
def _ask_rewind(rt: Runtime, run: Row, step: int) -> None:
    st.markdown(
        f"**{escape(run['name'] or run['id'])}** goes back to step {step:,} and on from there, as a new attempt. "
        "Later epochs stay in the tables as abandoned."
    )
    pairs = _ask_changes()
    if st.button("Rewind", type="primary", key="rewind-confirm"):
        try:
            changes = from_pairs(pairs, where="change")
            branches.rewind(rt, str(run["id"]), by="page", to=str(step), changes=changes)
        except RunyardError as error:
            show_error(error)
            return
        st.switch_page("page/live.py", query_params={"run": str(run["id"])})


def _ask_changes() -> list[str]:
    text = st.text_area(
        "Changes, one a line",
        key="branch-changes",
        placeholder="hyperparameters.learning_rate=1e-4",
        help="KEY=VALUE, as in the YAML; nothing for the same configuration.",
    )
    return [line for line in (text or "").splitlines() if line.strip()]


def _show_origin(rt: Runtime, run: Row) -> None:
    source = frame(rt, runs.config_of(UUID(str(run["forked_from"]))))
    name, config = source.row(0) if source.height else (str(run["forked_from"]), None)
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"Forked from **{escape(name)}** at step {run['forked_step']:,}", width="content")
            if source.height and st.button("Open it", icon=":material/arrow_outward:", key="run-origin"):
                st.switch_page("page/run.py", query_params={"id": str(run["forked_from"])})
        if config:
            different = list(_different(json.loads(config), json.loads(run["config"] or "{}")))
            st.caption("  \n".join(different) or "With the same configuration.")


def _different(before: Row, after: Row) -> Iterator[str]:
    for path, old, new in differences(before, after):
        if path != "name":
            yield f"{escape(path)}: {escape(_said(old))} → {escape(_said(new))}"


def _show_attempt(row: Row) -> None:
    """Show an attempt in a line or two: how it ended, why it was begun and what it changed, what came of it."""
    told = row["begun_by"] == "recovery"  # whose words say what was changed
    changes = [] if told else [f"{path} {_said(new)}" for path, _, new in differences({}, _changes(row))]
    about = [duration(None if row["hours"] is None else row["hours"] * 3600), _epochs(row["epochs"])]
    if row["abandoned_epochs"]:
        about.append(f"{row['abandoned_epochs']} abandoned")
    name, words, numbers = st.columns([1.6, 5, 2.4], vertical_alignment="center")
    with name.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{row['attempt']}**", width="content")
        show_status(row["status"])
    cause = str(row["cause"] or "launched").split(": ", 1)[-1]
    words.markdown(escape(cause[:1].upper() + cause[1:]) + (f" · {escape(', '.join(changes))}" if changes else ""))
    why = f"{row['reason'].replace('_', ' ')} · " if row["reason"] else ""
    numbers.caption(escape(why + " · ".join(about)))


def _changes(row: Row) -> Row:
    found: Row = json.loads(row["changes"] or "{}")
    return found


def _epochs(count: int) -> str:
    return f"{count} epoch{'' if count == 1 else 's'}"


def _said(value: Any) -> str:
    return number(value) if isinstance(value, int | float) and not isinstance(value, bool) else str(value)


def _state(step: int, there: set[int], aside: set[int], best: str) -> str:
    if step not in there:
        return "abandoned" if step in aside else "cleaned up"
    return "kept, best epoch" if best and step == int(best[5:]) else "kept"
