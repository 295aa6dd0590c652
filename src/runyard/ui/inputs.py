"""One form field as one Streamlit widget, and what was typed as a plain value."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import streamlit as st

from runyard.ui.fields import FormField

_NUMBERS = r"^\s*-?\d+(\.\d+)?(\s*,\s*-?\d+(\.\d+)?)*\s*$"


def show_input(entry: FormField, value: Any, *, key: str, choices: list[str], labels: Mapping[str, str]) -> Any:
    """Show the widget of a field and return its value; an empty field is None."""
    common: dict[str, Any] = {"help": entry.help or None, "key": key}
    hollow: dict[str, Any] = {"placeholder": "empty" if entry.optional else "a number"}
    match entry.widget:
        case "toggle":
            st.space("small")
            return st.toggle(entry.title, value=bool(value), **common)
        case "choice":
            index = choices.index(str(value)) if str(value) in choices else 0
            shown = st.selectbox(
                entry.title,
                choices,
                index=index,
                format_func=lambda word: labels.get(word, word),
                disabled=len(choices) == 1,
                **common,
            )
            return shown if shown in choices else choices[index]
        case "integer":
            low, high = _whole(entry.minimum), _whole(entry.maximum)
            return st.number_input(entry.title, low, high, _whole(value), 1, **hollow, **common)
        case "number":
            least, most = _real(entry.minimum), _real(entry.maximum)
            return st.number_input(
                entry.title, least, most, _real(value), _step(entry, value), "%g", **hollow, **common
            )
        case "words":
            chosen = [str(word) for word in value or ()]
            options = list(dict.fromkeys([*choices, *chosen]))
            free = not entry.choices
            return st.multiselect(entry.title, options, chosen, accept_new_options=free, placeholder="none", **common)
        case "numbers":
            text = ", ".join(format(number, "g") for number in value or ())
            rule = (_NUMBERS, "Numbers with commas between them")
            return _numbers(st.text_input(entry.title, text, validate=rule, **common) or "")
        case "json":
            written = None if value is None else json.dumps(value, default=lambda part: part.model_dump(mode="json"))
            return _json(st.text_input(entry.title, written, **hollow, **common))
        case _:
            return _text(entry, value, common)


def _text(entry: FormField, value: Any, common: dict[str, Any]) -> str | None:
    text = st.text_input(
        entry.title,
        None if value is None else str(value),
        max_chars=entry.longest,
        required=entry.required,
        placeholder="empty" if entry.optional else None,
        validate=(entry.pattern, f"must match {entry.pattern}") if entry.pattern else None,
        **common,
    )
    return text or None


def _step(entry: FormField, value: Any) -> float:
    """Return a step of the value's own size, or a tenth of it on a log scale."""
    exponent = int(f"{float(value or 0.1):e}".partition("e")[2])
    return 10.0 ** (exponent - (1 if entry.log_scale else 0))


def _whole(value: Any) -> int | None:
    return None if value is None else int(value)


def _real(value: Any) -> float | None:
    return None if value is None else float(value)


def _numbers(text: str) -> list[int | float] | str:
    """Return the numbers of a list; a text that is none goes on as it is, for the validation to name."""
    try:
        return [float(part) if "." in part else int(part) for part in text.split(",") if part.strip()]
    except ValueError:
        return text


def _json(text: str | None) -> Any:
    try:
        return json.loads(text) if text else None
    except json.JSONDecodeError:
        return text
