"""A form made from a pydantic model: each field becomes the widget that fits it, with its bounds.

The browser's checks are a courtesy; whoever gets the values validates them again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any

import streamlit as st
from pydantic import BaseModel

from runyard.ui.fields import FormField, form_fields, kind_of
from runyard.ui.inputs import show_input


@dataclass(frozen=True)
class Form:
    """How a model is asked: `key` tells forms apart, `initial` fills fields, `allowed` narrows choices.

    Paths in `hidden`, and all below them, are not asked. A path with another word in `variants` than before is asked
    anew: a browser keeps what it shows for a widget of the same key.
    """

    key: str
    initial: Mapping[str, Any]
    allowed: Mapping[str, Sequence[str]] = field(default_factory=dict)
    hidden: frozenset[str] = frozenset()
    variants: Mapping[str, str] = field(default_factory=dict)

    def key_of(self, path: str) -> str:
        """Return the key of the widget of a path."""
        return f"{self.key}{self.variants.get(path, '')}/{path}"

    def start(self, path: str) -> Any:
        """Return the value the form starts with at a path; None where nothing is given."""
        value: Any = self.initial
        for key in path.split("."):
            value = value.get(key) if isinstance(value, Mapping) else None
        return value


@dataclass(frozen=True)
class _Question:
    entry: FormField
    caption: str
    advanced: bool


def ask(form: Form, model: type[BaseModel], *, prefix: str = "", flat: bool = False) -> dict[str, Any]:
    """Show the fields of a model and return their values, nested as in YAML below `prefix`.

    Basic fields come first, two in a row, the advanced ones in one expander below; `flat` shows all alike.
    """
    questions = list(_questions(form, model, prefix, "", False))
    values: dict[str, Any] = {}
    for question in _in_rows([q for q in questions if flat or not q.advanced]):
        _answer(form, question, prefix, values)
    advanced = [q for q in questions if q.advanced and not flat]
    if advanced:
        with st.expander(f"More options ({len(advanced)})"):
            for caption, group in groupby(advanced, lambda question: question.caption):
                if caption:
                    st.caption(caption)
                for question in _in_rows(list(group)):
                    _answer(form, question, prefix, values)
    return values


def chosen_kind(form: Form, entry: FormField) -> str:
    """Return the variant of a union that the form shows now."""
    start = form.start(f"{entry.path}.{entry.discriminator}")
    if start is None and entry.default is not None:
        start = getattr(entry.default, entry.discriminator)
    kinds = [kind_of(part, entry.discriminator) for part in entry.parts]
    now = st.session_state.get(form.key_of(f"{entry.path}.{entry.discriminator}"), start)
    return now if now in kinds else kinds[0]


def _questions(form: Form, model: type[BaseModel], prefix: str, caption: str, advanced: bool) -> Iterator[_Question]:
    for entry in form_fields(model, prefix):
        if entry.path in form.hidden:
            continue
        below = advanced or entry.advanced
        if entry.widget == "group":
            yield from _questions(form, entry.parts[0], f"{entry.path}.", entry.title, below)
        elif entry.widget == "union":
            kinds = {kind_of(part, entry.discriminator): part for part in entry.parts}
            kind = chosen_kind(form, entry)
            path = f"{entry.path}.{entry.discriminator}"
            asked = replace(entry, path=path, widget="choice", choices=tuple(kinds), default=kind)
            yield _Question(asked, caption, below)
            yield from _questions(form, kinds[kind], f"{entry.path}.", entry.title, below)
        else:
            yield _Question(entry, caption, below)


def _in_rows(questions: list[_Question]) -> Iterator[_Question]:
    """Yield each question with its column as the place to write to, two columns a row."""
    for start in range(0, len(questions), 2):
        for column, question in zip(st.columns(2), questions[start : start + 2], strict=False):
            with column:
                yield question


def _answer(form: Form, question: _Question, prefix: str, values: dict[str, Any]) -> None:
    entry = question.entry
    given = form.start(entry.path)
    labels = {kind_of(part, entry.discriminator): _said(part, entry.discriminator) for part in entry.parts}
    value = show_input(
        entry,
        entry.default if given is None else given,
        key=form.key_of(entry.path),
        choices=list(form.allowed.get(entry.path, entry.choices)),
        labels=labels,
    )
    *outer, name = entry.path.removeprefix(prefix).split(".")
    for part in outer:
        values = values.setdefault(part, {})
    values[name] = value


def _said(part: type[BaseModel], discriminator: str) -> str:
    """Return what a variant is called: a model by its description, a small part by its kind."""
    kind = kind_of(part, discriminator)
    said = part.model_fields[discriminator].description or ""
    return kind.replace("_", " ") if discriminator == "kind" or not said else said.rstrip(".")
