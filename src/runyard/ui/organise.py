"""Keeping a run in order: its name, tags, group and note, and putting it away, with a way back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from runyard.core.clock import now
from runyard.queries import runs
from runyard.runtime import Runtime
from runyard.service import order
from runyard.ui.errors import sentences
from runyard.ui.run_view import ACTIVE, Row
from runyard.ui.text import age, escape
from runyard.ui.yard import frame

_DELETING = "organise-deleting"


def show_labels(rt: Runtime, run: Row) -> None:
    """Show what somebody put on the run: group, tags, note, and that it was put away, with the way back."""
    if run["deleted_at"] is not None:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.warning(
                f"Deleted {age(run['deleted_at'], now())}: it stands in no list, total or comparison. Nothing that was "
                "logged is lost.",
                icon=":material/delete:",
            )
            if st.button("Undo", icon=":material/undo:", key="run-undelete"):
                _change(rt, lambda: order.undelete(rt, [str(run["id"])], by="page"))
    words = [
        (run["run_group"], ":material/folder:", "blue"),
        *((tag, ":material/sell:", "gray") for tag in run["tags"] or ()),
    ]
    if any(word for word, _, _ in words):
        with st.container(horizontal=True):
            for word, icon, colour in words:
                if word:
                    st.badge(escape(word), icon=icon, color=colour)  # type: ignore[arg-type]
    if run["note"]:
        st.caption(escape(run["note"]))


def show_put_away(run: Row) -> None:
    """Show a badge when the run was archived or deleted."""
    if run["deleted_at"] is not None:
        st.badge("deleted", icon=":material/delete:", color="red")
    elif run["archived_at"] is not None:
        st.badge("archived", icon=":material/archive:", color="gray")


def show_organise(rt: Runtime, run: Row) -> None:
    """Offer to change what the run is called and labelled with, and to put it away."""
    with st.popover("Organise", icon=":material/label:", key="run-organise"):
        _show_form(rt, run)
        ref = str(run["id"])
        if st.session_state.get(_DELETING) == ref and run["deleted_at"] is None:
            _confirm_delete(rt, ref)
            return
        with st.container(horizontal=True):
            if run["archived_at"] is None:
                if st.button(
                    "Archive", icon=":material/archive:", key="run-archive", help="Leaves it out of run lists"
                ):
                    _change(rt, lambda: order.archive(rt, [ref], by="page"))
            elif st.button("Unarchive", icon=":material/unarchive:", key="run-unarchive"):
                _change(rt, lambda: order.unarchive(rt, [ref], by="page"))
            if run["deleted_at"] is None:
                st.button(
                    "Delete …",
                    icon=":material/delete:",
                    key="run-delete",
                    disabled=run["status"] in ACTIVE,
                    help="It has to have ended" if run["status"] in ACTIVE else None,
                    on_click=_ask_to_delete,
                    args=(ref,),
                )


def _show_form(rt: Runtime, run: Row) -> None:
    known = frame(rt, runs.labels()).row(0, named=True)
    tags, group = list(run["tags"] or ()), run["run_group"]
    # With what is stored in the key, a form never shows what somebody else has changed meanwhile.
    stored = hash((run["id"], run["name"], *tags, group, run["note"]))
    with st.form(f"organise-{stored}", border=False):
        name = st.text_input("Name", run["name"] or "", key=f"organise-name-{stored}")
        chosen = st.multiselect(
            "Tags", sorted({*known["tags"], *tags}), tags, key=f"organise-tags-{stored}", accept_new_options=True,
            placeholder="Choose or write one",
        )  # fmt: skip
        # Set this way and not by its index, since only a box that begins empty can be emptied.
        st.session_state.setdefault(f"organise-group-{stored}", group)
        grouped = st.selectbox(
            "Group", sorted({*known["groups"], *([group] if group else [])}), None, key=f"organise-group-{stored}",
            accept_new_options=True, placeholder="Choose or write one",
        )  # fmt: skip
        note = st.text_area("Note", run["note"] or "", key=f"organise-note-{stored}", height=80)
        if st.form_submit_button("Save", type="primary"):
            _change(
                rt,
                lambda: _save(rt, run, name=name.strip(), tags=chosen, group=grouped or "", note=note.strip()),
            )


def _save(rt: Runtime, run: Row, *, name: str, tags: list[str], group: str, note: str) -> None:
    ref, before = str(run["id"]), set(run["tags"] or ())
    if name != (run["name"] or ""):
        order.rename(rt, ref, name, by="page")
    if set(tags) != before:
        order.tag(rt, [ref], add=sorted({*tags} - before), remove=sorted(before - {*tags}), by="page")
    if group != (run["run_group"] or ""):
        order.group(rt, [ref], group, by="page")
    if note != (run["note"] or ""):
        order.note(rt, [ref], note, by="page")


def _ask_to_delete(ref: str | None) -> None:
    st.session_state[_DELETING] = ref


def _confirm_delete(rt: Runtime, ref: str) -> None:
    """Ask in the popover itself, which would lie over a dialog."""
    st.warning(
        "It and what is part of it leave all lists, totals and comparisons. This can be undone; only its checkpoints "
        "are freed for good by the next `runyard gc`.",
        icon=":material/delete:",
    )
    with st.container(horizontal=True):
        st.button("Keep it", key="delete-keep", on_click=_ask_to_delete, args=(None,))
        if st.button("Delete", type="primary", key="delete-confirm"):
            _ask_to_delete(None)
            _change(rt, lambda: order.delete(rt, [ref], by="page"))


def _change(rt: Runtime, act: Callable[[], Any]) -> None:
    """Do it and show the page anew, with what it changed; what stands in the way is said in its place."""
    with sentences():
        act()
        rt.store.ingest(verb="organise", wait_seconds=5.0, snapshot=True)
        st.rerun()
