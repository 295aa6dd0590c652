"""What the Overview says about the demo: that it runs, and where stand-in data took the place of the real."""

from __future__ import annotations

import streamlit as st

from runyard.queries import runs
from runyard.runtime import Runtime
from runyard.service import demo
from runyard.ui.text import escape
from runyard.ui.yard import frame


def show_demo_notes(rt: Runtime) -> None:
    """Say that the demo runs while it does, and which of its data are stand-ins."""
    launched = frame(rt, runs.demo_runs()).row(0, named=True)
    if not launched["runs"]:
        return
    if launched["open_runs"]:
        done = launched["runs"] - launched["open_runs"]
        st.info(
            f"The demo trains real models on this machine: {done} of {launched['runs']} runs are done. "
            "Open one to see its curves.",
            icon=":material/play_circle:",
        )
    note = demo.assets(rt).note
    if note:
        st.warning(escape(note), icon=":material/inventory_2:")
