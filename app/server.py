"""The web application: all pages in one ASGI app, behind the guard. `runyard serve` starts it."""

import logging
from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware

from runyard.core.errors import RunyardError
from runyard.ui.errors import show_error
from runyard.ui.security import Guard
from runyard.ui.server import hosts, lifespan

_LOG = logging.getLogger("runyard.page")


def say(error: Exception) -> bool:
    """Show what a page could not handle: a sentence for expected errors, and never a traceback."""
    if isinstance(error, RunyardError):
        show_error(error)
    else:
        _LOG.error("A page failed.", exc_info=error)
        st.error("This page failed; the server's log says why. Reload to try again.", icon=":material/error:")
    return True


app = st.App(
    Path(__file__).with_name("main.py"),
    lifespan=lifespan,
    middleware=[Middleware(Guard, hosts=hosts)],
    on_script_error=say,
)
