"""What the Presets page shows: cards, what is changed for this machine, own presets, how good the estimates were."""

from __future__ import annotations

from uuid import UUID

import polars as pl
import streamlit as st

from runyard.core.errors import RunyardError
from runyard.core.ids import new_id
from runyard.presets.preset import Preset
from runyard.presets.recommend import Recommended
from runyard.queries import situation
from runyard.runtime import Runtime
from runyard.service import presets
from runyard.ui.errors import show_error
from runyard.ui.figure import as_arrow, show_sql
from runyard.ui.text import escape
from runyard.ui.yard import frame

_CARDS_IN_A_ROW = 2
_METHODS = {"lora": "LoRA", "full": "full fine-tuning", "frozen": "head only"}
_HERE = {
    "fits": ("fits this machine", "green", ":material/check:"),
    "reduced": ("made smaller here", "orange", ":material/compress:"),
    "too_large": ("too large here", "red", ":material/block:"),
}


def show_cards(ranked: list[Recommended], chosen: str) -> str | None:
    """Show a card for each preset, the most fitting first; returns the one that was picked just now."""
    picked = None
    for start in range(0, len(ranked), _CARDS_IN_A_ROW):
        for column, one in zip(st.columns(_CARDS_IN_A_ROW), ranked[start : start + _CARDS_IN_A_ROW], strict=False):
            with column.container(border=True, height="stretch"):
                if _show_card(one, is_chosen=one.preset.name == chosen, is_first=one is ranked[0]):
                    picked = one.preset.name
    return picked


def _show_card(one: Recommended, *, is_chosen: bool, is_first: bool) -> bool:
    preset, (word, colour, icon) = one.preset, _HERE[one.verdict]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader(escape(preset.title), anchor=False, width="content")
        if is_first:
            st.badge("recommended", icon=":material/star:", color="blue")
        st.badge(word, icon=icon, color=colour)  # type: ignore[arg-type]
    st.markdown(escape(preset.description))
    facts = (
        (":material/tune:", _METHODS.get(preset.type, preset.type)),
        (":material/schedule:", preset.estimated_time or "time not known"),
        (
            ":material/memory:",
            f"{preset.memory_requirements_gb:g} GB" if preset.memory_requirements_gb else "not known",
        ),
        (":material/school:", preset.difficulty),
    )
    st.markdown(" &nbsp; ".join(f"{icon} {escape(value)}" for icon, value in facts))
    if preset.recommended_uses:
        st.markdown(f"For **{escape(', '.join(preset.recommended_uses))}**")
    st.caption(f"{escape(one.why)} {escape(preset.hardware.note)}")
    st.space("stretch")
    with st.container(horizontal=True):
        label = "Chosen" if is_chosen else "Choose"
        clicked = st.button(label, key=f"preset-{preset.name}", type="primary" if is_chosen else "secondary",
                            icon=":material/check:" if is_chosen else None)  # fmt: skip
        if preset.from_run:
            _offer_origin(preset)
    return clicked


def _offer_origin(preset: Preset) -> None:
    if st.button("Its run", key=f"preset-run-{preset.name}", icon=":material/description:", type="tertiary"):
        st.switch_page("page/run.py", query_params={"id": str(preset.from_run)})


def show_changes(found: presets.Plan) -> None:
    """Say what was changed for this machine, and why; then what else would help."""
    changes = found.fitted.changes
    if not changes:
        st.markdown("Nothing has to be changed for this machine.")
    for change in changes:
        name = change.setting.rpartition(".")[2].replace("_", " ")
        values = f"{_value(change.before)} → **{_value(change.after)}**"
        st.markdown(f":material/tune: {escape(name).capitalize()}: {values} — {escape(change.why)}.")
    for hint in found.fitted.hints:
        st.markdown(f":material/lightbulb: {escape(hint)}")


def start_button(rt: Runtime, found: presets.Plan, names: tuple[str, str, str], *, ready: bool) -> UUID | None:
    """Show the button that starts the run; a double click starts it once. Returns its id once it is queued."""
    state = st.session_state
    draft: UUID | None = state.get("presets-draft")
    if draft is None or (state.get("presets-started") == draft and not state.get(f"presets-start-{draft}")):
        draft = state["presets-draft"] = new_id()
    clicked = st.button("Start", type="primary", icon=":material/rocket_launch:", key=f"presets-start-{draft}",
                        disabled=not ready, width="stretch")  # fmt: skip
    if not clicked:
        return None
    run_id = presets.start(rt, *names, launched_by="page", run_id=draft)
    state["presets-started"] = draft
    return run_id


def show_scores(rt: Runtime) -> None:
    """Show how good the estimates were so far, for each preset."""
    query = situation.estimates()
    table = frame(rt, query)
    if table.is_empty():
        return
    st.subheader("How good the estimates were", anchor=False)
    shares = ("seconds_inside_share", "memory_inside_share")
    shown = table.with_columns(
        pl.col("preset").fill_null("none: own settings"), *(pl.col(name) * 100 for name in shares)
    )
    ratio = st.column_config.NumberColumn(format="%.2f ×")
    share = st.column_config.NumberColumn(format="%.0f %%")
    st.dataframe(
        as_arrow(shown),
        lazy=False,
        key="preset-estimates",
        hide_index=True,
        placeholder="–",
        alt="Estimates against what came of them, a row for each preset",
        column_config={
            "preset": "Preset",
            "runs": "Runs",
            "timed_runs": "Timed",
            "seconds_inside_share": {**share, "label": "Time in range"},
            "median_seconds_ratio": {**ratio, "label": "Time ×"},
            "measured_runs": "Measured",
            "memory_inside_share": {**share, "label": "Memory in range"},
            "median_memory_ratio": {**ratio, "label": "Memory ×"},
        },
    )
    st.caption(
        "× is what it took over what was expected, the median; in range: the share that lay in the range said before. "
        "Time is held against runs that went their whole way, memory against those on a CPU."
    )
    with st.expander("SQL", icon=":material/database:"):
        show_sql(query)


def offer_delete(rt: Runtime, preset: Preset) -> None:
    """Offer to delete an own preset."""
    label = "Delete this preset"
    if preset.from_run and st.button(label, icon=":material/delete:", key="preset-delete", type="tertiary"):
        try:
            presets.delete_preset(rt, preset.name)
        except RunyardError as error:
            show_error(error)
            return
        st.query_params.pop("preset", None)
        st.rerun()


def offer_save(rt: Runtime, run_id: UUID) -> None:
    """Offer to keep how a run was trained as a preset."""
    with st.popover("Save as preset", icon=":material/bookmark_add:"), st.form("save-preset", border=False):
        name = st.text_input("Name", max_chars=60, placeholder="my-preset", key="save-preset-name")
        about = st.text_input("What it is for", max_chars=200, key="save-preset-about")
        if st.form_submit_button("Save preset", type="primary"):
            try:
                saved = presets.save_preset(rt, name, str(run_id), description=about)
            except RunyardError as error:
                show_error(error)
                return
            st.toast(f"Preset {escape(saved.name)} is saved.", icon=":material/bookmark_added:")


def _value(value: object) -> str:
    return {True: "on", False: "off"}.get(value, escape(value)) if isinstance(value, bool) else escape(value)
