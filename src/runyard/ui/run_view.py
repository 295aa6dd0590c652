"""Pieces that the pages about one run share: its badge, cancelling, resuming, the way from page to page."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import polars as pl
import streamlit as st

from runyard.charts.theme import STATUS_BADGES
from runyard.core.errors import RunyardError
from runyard.queries import runs
from runyard.runtime import Runtime
from runyard.service import models
from runyard.service import runs as run_service
from runyard.ui.errors import show_error
from runyard.ui.text import escape, number
from runyard.ui.yard import frame

ACTIVE = ("queued", "running")
Row = dict[str, Any]


def run_named(rt: Runtime, ref: str | None) -> UUID | None:
    """Return the run a page's address names: id, unique prefix, name, `@latest`; None without a name.

    Raises:
        NotFound: there is no such run.
        Conflict: several fit.
    """
    if not ref:
        return None
    try:
        run_id = UUID(ref)
    except ValueError:
        return run_service.resolve(rt, ref)
    # A known id needs no look into the store itself, which every rerun of a page would otherwise take.
    return run_id if frame(rt, runs.report(run_id)).height else run_service.resolve(rt, ref)


def report(rt: Runtime, run_id: UUID) -> Row | None:
    """Return a run's report at the present data version; None when the snapshot does not know it yet."""
    return first_row(frame(rt, runs.report(run_id)))


def report_live(rt: Runtime, run_id: UUID) -> Row | None:
    """Return a run's report as the store has it now."""
    return first_row(runs.report(run_id).live(rt))


def first_row(found: pl.DataFrame) -> Row | None:
    """Return a report's one row with its id as a UUID."""
    return {**found.row(0, named=True), "id": UUID(found["id"][0])} if found.height else None


def show_status(status: str) -> None:
    """Show a status as a badge: colour, sign and word."""
    colour, icon = STATUS_BADGES.get(status, ("gray", ":material/help:"))
    st.badge(status, icon=icon, color=colour)  # type: ignore[arg-type]


def show_attempt(run: Row) -> None:
    """Say in a sentence why the run is at another attempt than its first."""
    if run["attempt_cause"]:
        cause = str(run["attempt_cause"])
        st.info(f"{escape(cause[:1].upper() + cause[1:])}.", icon=":material/replay:")


def show_failure(run: Row) -> None:
    """Say why a run failed and what to try."""
    if run["status"] == "failed":
        said = escape(run["error_message"] or "The run failed without a word; its log may know more.")
        hint = escape(" ".join(filter(None, (run["error_hint"], run.get("verdict")))))
        st.error(f"{said}\n\n{hint}" if hint else said, icon=":material/error:")


def show_actions(rt: Runtime, run: Row, *, key: str) -> None:
    """Offer what can be done with a run now: cancel it, resume it after it broke off, judge the model it saved."""
    if run["status"] in ACTIVE:
        asked = run.get("cancel_requested_at") is not None
        label = "Cancelling …" if asked else "Cancel run"
        if st.button(label, icon=":material/stop_circle:", key=f"{key}-cancel", disabled=asked):
            _confirm_cancel(rt, run["id"], run["name"])
    elif run["status"] in ("failed", "cancelled") and st.button(
        "Resume", icon=":material/resume:", key=f"{key}-resume", help="Go on from the last checkpoint"
    ):
        _resume(rt, run["id"])
    elif run["status"] == "completed" and rt.yard.run(run["id"]).model.is_dir():
        _offer_benchmark(rt, run["id"], key=key)


@st.dialog("Cancel this run?", icon=":material/stop_circle:")
def _confirm_cancel(rt: Runtime, run_id: UUID, name: str | None) -> None:
    st.markdown(
        f"**{escape(name or run_id)}** finishes its step, writes a checkpoint and stops. You can resume it later."
    )
    with st.container(horizontal=True, horizontal_alignment="right"):
        if st.button("Keep running", key="cancel-keep"):
            st.rerun()
        if st.button("Cancel run", type="primary", key="cancel-confirm"):
            try:
                run_service.cancel(rt, str(run_id), by="page")
            except RunyardError as error:
                show_error(error)
                return
            st.rerun()


def _offer_benchmark(rt: Runtime, run_id: UUID, *, key: str) -> None:
    words = "Judge the saved model again on what its training held out; the scores are added to the others"
    if not st.button("Benchmark", icon=":material/speed:", key=f"{key}-benchmark", help=words):
        return
    try:
        with st.spinner("The model is judged …"):
            judged = models.judge(rt, str(run_id))
    except RunyardError as error:
        show_error(error)
        return
    scores = ", ".join(f"{row['metric']} {number(row['accuracy_score'])}" for row in judged.rows)
    fate = "" if judged.recorded else " (not recorded: it is no version of its agent)"
    st.toast(scores + fate, icon=":material/speed:")


def _resume(rt: Runtime, run_id: UUID) -> None:
    try:
        resumed = run_service.resume(rt, str(run_id), by="page")
    except RunyardError as error:
        show_error(error)
        return
    st.switch_page("page/live.py", query_params={"run": str(resumed)})
