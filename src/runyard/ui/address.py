"""What the address says for widgets whose labels are no names: run ids, where `bind` would write a run's words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st


def take(parameter: str, key: str, read: Callable[[str], Any]) -> None:
    """Set a widget's state from the address, before the widget is made.

    Only when there is none yet, or when the address was changed by somebody else: a link, the back button.
    """
    said = st.query_params.get(parameter, "")
    if key not in st.session_state or said != st.session_state.get(f"{key}-said", said):
        st.session_state[key] = read(said)


def tell(parameter: str, key: str, text: str) -> None:
    """Write a widget's state into the address, after the widget is made."""
    st.session_state[f"{key}-said"] = text
    if st.query_params.get(parameter, "") != text:
        st.query_params[parameter] = text
