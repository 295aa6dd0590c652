"""A run in plain language, and the same row as numbers for experts."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import streamlit as st

from runyard.queries import situation
from runyard.runtime import Runtime
from runyard.service.plain import told
from runyard.stats.plain import Plain, duration
from runyard.ui.facts import show_facts
from runyard.ui.text import escape, number, utc
from runyard.ui.yard import frame

Row = dict[str, Any]
_ICONS = {
    "waiting": ":material/hourglass_empty:",
    "preparing": ":material/build:",
    "training": ":material/model_training:",
    "checking": ":material/fact_check:",
    "saving": ":material/save:",
    "stopping": ":material/stop_circle:",
    "done": ":material/check_circle:",
    "failed": ":material/error:",
    "cancelled": ":material/cancel:",
}


def show_plain(rt: Runtime, run_id: UUID, *, key: str, live: bool = False) -> None:
    """Show how a run does in sentences, or on the switch the numbers that they are made of; nothing if it is none.

    Args:
        live: look at the store itself, for a run that is watched.
    """
    query = situation.of_run(run_id)
    rows = (query.live(rt) if live else frame(rt, query)).to_dicts()
    if not rows:
        return
    with st.container(border=True):
        words, switch = st.columns([4, 1])
        as_numbers = switch.toggle("Expert numbers", key=f"{key}-expert")
        with words:
            if as_numbers:
                _show_numbers(rows[0])
            else:
                _show_words(told(rt, rows[0]))


def _show_words(plain: Plain) -> None:
    time = [f"running for {duration(plain.elapsed_seconds)}"] if plain.elapsed_seconds and not plain.result else []
    time += [plain.remaining] if plain.remaining else []
    st.markdown(f"{_ICONS[plain.stage]} **{escape(plain.result or plain.status)}**")
    if time:
        st.markdown(f":material/schedule: {escape(', '.join(time).capitalize())}.")
    if plain.loss and not plain.result:
        st.markdown(f":material/trending_down: {escape(plain.loss)}")
    for worry in plain.worries:
        st.markdown(f":orange[:material/warning:] **{escape(worry.message)}** {escape(worry.advice)}")
    if plain.steps:
        st.markdown("What to do:\n" + "\n".join(f"{n}. {escape(step)}" for n, step in enumerate(plain.steps, 1)))


def _show_numbers(row: Row) -> None:
    left, right = st.columns(2)
    silence = row["stalled_after_seconds"]
    with left:
        show_facts("Progress", {
            "Status": row["status"], "Epochs": f"{row['completed_epochs']} of {row['total_epochs'] or '?'}",
            "Step": f"{number(row['step'])} of {number(row['total_steps'])}",
            "Last progress": utc(row["last_progress_at"]), "Stalled after silence of (s)": number(silence),
            "Epoch seconds: least, usual, most": ", ".join(
                number(row[name], 3)
                for name in ("fastest_epoch_seconds", "usual_epoch_seconds", "slowest_epoch_seconds")
            ),
            "Estimated seconds: low, usual, high": ", ".join(
                number(row[name], 3) for name in ("low_seconds", "estimated_seconds", "high_seconds")
            ),
        })  # fmt: skip
    with right:
        show_facts("Course", {
            "Monitor": row["monitor_metric"], "Before the training": number(row["untrained_value"]),
            "First": number(row["first_value"]),
            "Best": f"{number(row['best_value'])} (epoch {row['best_epoch'] or '–'})",
            "Last": number(row["last_value"]), "Evaluations since the best": number(row["evals_since_best"]),
            "Training loss": number(row["training_loss"]), "Course": row["loss_course"].replace("_", " "),
            "Memory (GB)": number(row["memory_gb"], 3),
        })  # fmt: skip
