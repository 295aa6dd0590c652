"""What pages say when the numbers they show are old: who is in the way, and how many events wait."""

from __future__ import annotations

import streamlit as st

from runyard.runtime import Runtime
from runyard.ui.text import duration, escape

_PATIENCE_SECONDS = 10.0  # an ingest comes every few seconds, and a short wait is none of the reader's business


def show_backlog(rt: Runtime) -> None:
    """Say how many events wait and why, once nobody could fold them for a while."""
    backlog = rt.store.backlog()
    if backlog.events and backlog.seconds > _PATIENCE_SECONDS:
        events = "1 event waits" if backlog.events == 1 else f"{backlog.events:,} events wait"
        why = escape(backlog.obstacle) if backlog.obstacle else "`runyard doctor` says why."
        st.warning(f"{events} for {duration(backlog.seconds)}. {why}", icon=":material/hourglass_empty:")
