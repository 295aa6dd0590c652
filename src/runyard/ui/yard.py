"""The yard of this server: opened once per process, read through a cache keyed on the data version."""

from __future__ import annotations

from threading import Lock

import polars as pl
import streamlit as st

from runyard.core.settings import Settings
from runyard.queries.query import Query
from runyard.runtime import Runtime, open_runtime

# One runtime per yard for the pages and the server's ticker together: a process has one lease on a store.
_OPENED: dict[str, Runtime] = {}
_OPENING = Lock()


def yard(*, create: bool = False) -> Runtime:
    """Return the runtime of the yard that this process serves; the server's start also makes what is missing.

    Raises:
        RunyardError: there is no yard, or it cannot be read; `sentences` says so on the page.
    """
    home = str(Settings.from_env().home)
    with _OPENING:
        if home not in _OPENED:
            _OPENED[home] = open_runtime(home, create=create)
        return _OPENED[home]


def frame(rt: Runtime, query: Query) -> pl.DataFrame:
    """Return a query's answer at the present data version; asked once per version, shared by all sessions."""
    return _frame(str(rt.yard.home), rt.store.version, query, rt)


@st.cache_resource(max_entries=256, show_spinner=False)
def _frame(home: str, version: int, query: Query, _rt: Runtime) -> pl.DataFrame:
    return query.frame(_rt)


def is_dark() -> bool:
    """Return whether the reader's theme is dark."""
    return st.context.theme.type == "dark"
