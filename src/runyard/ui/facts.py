"""A small table of names and values, as a box on a page."""

from __future__ import annotations

import html
from typing import Any

import streamlit as st

from runyard.ui.text import escape

_FACT = (
    '<tr style="font-size:.875rem;border-bottom:1px solid rgba(128,128,128,.25)">'
    '<th scope="row" style="text-align:left;font-weight:400;opacity:.7;padding:.3rem .5rem;width:42%">{}</th>'
    '<td style="padding:.3rem .5rem;overflow-wrap:anywhere">{}</td></tr>'
)


def show_facts(title: str, facts: dict[str, Any]) -> None:
    """Show a small table of names and values; a user's strings are shown, not read.

    HTML of our own, since `st.table` imports pandas, which is 50 MB.
    """
    shown = ((name, "–" if value in (None, "") else value) for name, value in facts.items())
    rows = "".join(_FACT.format(html.escape(str(name)), html.escape(str(value))) for name, value in shown)
    with st.container(border=True, height="stretch"):
        st.markdown(f"**{escape(title)}**")
        st.html(f'<table aria-label="{html.escape(title)}" style="width:100%;border-collapse:collapse">{rows}</table>')
