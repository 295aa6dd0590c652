"""The yard of this server: opened once per process, read through a cache keyed on the data version."""

from __future__ import annotations

import polars as pl
import streamlit as st

from runyard.core.settings import Settings
from runyard.queries.query import Query
from runyard.runtime import Runtime, open_runtime


def yard() -> Runtime:
    """Return the runtime of the yard that this process serves.

    Raises:
        RunyardError: there is no yard, or it cannot be read; `sentences` says so on the page.
    """
    return _opened(str(Settings.from_env().home))


@st.cache_resource(max_entries=4, show_spinner=False)
def _opened(home: str) -> Runtime:
    # A failure is not cached: the next rerun tries again.
    return open_runtime(home)


def frame(rt: Runtime, query: Query) -> pl.DataFrame:
    """Return a query's answer at the present data version; asked once per version, shared by all sessions."""
    return _frame(str(rt.yard.home), rt.store.version, query, rt)


@st.cache_resource(max_entries=256, show_spinner=False)
def _frame(home: str, version: int, query: Query, _rt: Runtime) -> pl.DataFrame:
    return query.frame(_rt)


def is_dark() -> bool:
    """Return whether the reader's theme is dark."""
    return st.context.theme.type == "dark"
