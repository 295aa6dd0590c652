"""The Samples tab of a run: what its language model answered to held-out prompts, before and after the training."""

from __future__ import annotations

import html
import json
from typing import Any

import streamlit as st

from runyard.queries import samples
from runyard.runtime import Runtime
from runyard.ui.figure import as_arrow, show_sql
from runyard.ui.text import number
from runyard.ui.yard import frame

_SIDE = (
    '<div style="opacity:.7;font-size:.8rem">{}</div>'
    '<div style="white-space:pre-wrap;overflow-wrap:anywhere;font-size:.9rem;line-height:1.45">{}</div>'
)


def answers_prompts(run: dict[str, Any]) -> bool:
    """Say whether a run trains a language model: no other has samples."""
    model = json.loads(run["config"] or "{}").get("model")
    return isinstance(model, dict) and model.get("model_type") == "causal_lm"


def show_samples(rt: Runtime, run: dict[str, Any]) -> None:
    """Show each prompt with the answer of the data, and those of the model before and after, side by side."""
    query = samples.of_run(run["id"])
    table = frame(rt, query)
    if table.is_empty():
        st.info(
            "No prompt was answered yet: some are before the first step and at the end (evaluation.samples).",
            icon=":material/chat:",
        )
        return
    for row in table.to_dicts():
        with st.container(border=True):
            _show_text(f"Prompt {row['number']}", row["prompt"])
            before, after, expected = st.columns(3)
            after_steps = f"After {number(row['steps'])} steps" if row["steps"] is not None else "After the training"
            for column, title, text in (
                (before, "Before the training", row["answer_before"]),
                (after, after_steps, row["answer_after"]),
                (expected, "The data's answer", row["expected"]),
            ):
                with column:
                    _show_text(title, text)
    with st.expander("Table", icon=":material/table:"):
        st.dataframe(as_arrow(table), lazy=False, key="run-samples", hide_index=True, alt="Prompts and answers")
        show_sql(query)


def _show_text(title: str, text: str | None) -> None:
    """Show a text of a model or a user as it is: nothing in it is read as markup."""
    shown = "–" if text is None else html.escape(text) or "<i>nothing</i>"
    st.html(_SIDE.format(html.escape(title), shown))
