"""What is known of a run before it starts: the list of what was looked at, and the estimate."""

from __future__ import annotations

from collections.abc import Iterable

import streamlit as st

from runyard.presets.estimate import Estimate
from runyard.service.preflight import Check
from runyard.stats.plain import duration
from runyard.ui.text import escape

_SIGNS = {
    "ok": ":green[:material/check_circle:]",
    "warning": ":orange[:material/warning:]",
    "failed": ":red[:material/cancel:]",
}


def show_checks(checks: Iterable[Check]) -> None:
    """Show each check in a line with its sign; what is not in order comes with its remedy."""
    lines = []
    for check in checks:
        remedy = f"  \n*{escape(check.remedy)}*" if check.remedy and check.state != "ok" else ""
        lines.append(f"{_SIGNS[check.state]} **{escape(check.name)}** · {escape(check.message)}{remedy}")
    st.markdown("\n\n".join(lines))


def show_estimate(found: Estimate) -> None:
    """Show how long a run will take and how much memory, with their ranges and what they follow from."""
    memory = found.memory
    if found.seconds is None or found.seconds_low is None or found.seconds_high is None:
        time = "Time not known"
    else:
        time = f"About **{duration(found.seconds)}** ({duration(found.seconds_low)} to {duration(found.seconds_high)})"
    st.markdown(
        f":material/schedule: {time}  \n"
        f":material/memory: About **{memory.total:.1f} GB** of memory ({memory.low:.1f} to {memory.high:.1f} GB)"
    )
    parts = {
        "program": memory.process,
        "weights": memory.weights,
        "gradients": memory.gradients,
        "optimizer": memory.optimizer,
        "activations": memory.activations,
    }
    said = ", ".join(f"{name} {_size(value)}" for name, value in parts.items())
    st.caption(f"Time: from {escape(found.basis)}. Memory: {said}.")


def _size(gigabytes: float) -> str:
    return f"{gigabytes:.1f} GB" if gigabytes >= 0.1 else f"{1000 * gigabytes:.0f} MB"
