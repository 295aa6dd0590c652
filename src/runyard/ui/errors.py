"""Errors as sentences: what happened and how to mend it, one colour and icon per class, never a traceback."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import streamlit as st

from runyard.core.errors import Conflict, Corrupt, Denied, Invalid, NotFound, RunyardError, Unavailable
from runyard.ui.text import escape

# The page's table of errors; exit codes and HTTP statuses have theirs at their own face.
FACES: dict[type[RunyardError], tuple[Callable[..., Any], str]] = {
    NotFound: (st.info, ":material/search_off:"),
    Invalid: (st.warning, ":material/edit_note:"),
    Conflict: (st.warning, ":material/sync_problem:"),
    Unavailable: (st.warning, ":material/hourglass_empty:"),
    Denied: (st.error, ":material/lock:"),
    Corrupt: (st.error, ":material/broken_image:"),
    RunyardError: (st.error, ":material/error:"),
}


def show_error(error: RunyardError) -> None:
    """Show an expected error: message, every problem with place and allowed values, then the remedy."""
    face = next(base for base in type(error).__mro__ if base in FACES)
    alert, icon = FACES[face]
    problems = error.problems if isinstance(error, Invalid) else ()
    lines = [escape(error.message.partition("\n")[0] if problems else error.message)]
    if problems:
        lines += ["", *(_problem_line(p.path, p.message, p.allowed) for p in problems)]
    if error.hint:
        lines += ["", escape(error.hint)]
    alert("\n".join(lines), icon=icon)


def _problem_line(path: str, message: str, allowed: tuple[str, ...]) -> str:
    where = f"**{escape(path)}**: " if path else ""
    choices = f" (allowed: {escape(', '.join(allowed))})" if allowed else ""
    return f"- {where}{escape(message)}{choices}"


@contextmanager
def sentences() -> Iterator[None]:
    """Turn an expected error inside into its sentence; what follows inside is not run."""
    try:
        yield
    except RunyardError as error:
        show_error(error)
