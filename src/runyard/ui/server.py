"""The server: Streamlit's options in one place, the yard's ticker, one server per yard, a port that is free."""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import runpy
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import anyio

from runyard.charts.theme import streamlit_theme
from runyard.core.errors import Conflict, RunyardError
from runyard.core.paths import Yard, resource
from runyard.core.settings import Settings
from runyard.runtime import Runtime
from runyard.service.demo import launch_demo_if_empty
from runyard.service.pump import pump
from runyard.service.retention import tidy
from runyard.ui.security import hosts_of
from runyard.ui.yard import yard

HOST = "127.0.0.1"
hosts: set[str] = set()  # what the guard lets in beside loopback; the app is loaded after `serve` has filled it
_LOG = logging.getLogger("runyard.server")


def options(port: int, host: str = HOST) -> dict[str, object]:
    """Return Streamlit's options by dotted name: bound to one address, quiet, themed in both modes."""
    return {
        "server.address": host,
        "server.port": port,
        "server.headless": True,
        "server.fileWatcherType": "none",
        "server.maxUploadSize": 50,
        "server.enableXsrfProtection": True,
        "server.enableCORS": True,
        "browser.gatherUsageStats": False,
        "browser.serverAddress": HOST,
        "client.toolbarMode": "viewer",
        "client.showErrorDetails": "none",
        "client.showErrorLinks": False,
        **streamlit_theme(),
    }


def serve(home: str | Path | None = None, *, host: str = HOST, port: int = 8501, demo: bool = False) -> None:
    """Serve the dashboard of a yard until stopped.

    Args:
        demo: launch the demo first if the yard has never seen a run.

    Raises:
        Conflict: the port is taken, or another server has this yard.
        RunyardError: the yard cannot be made or read.
    """
    settings = Settings.from_env(home)
    os.environ["RUNYARD_HOME"] = str(settings.home)
    rt = yard(create=True)
    with only_server(rt.yard, port, host):
        ensure_free(port, host)
        if demo:
            launch_demo_if_empty(rt)
        hosts.update(hosts_of(host))
        app: Any = runpy.run_path(str(resource("app") / "server.py"))["app"]
        app.run(config=options(port, host))


@asynccontextmanager
async def lifespan(_app: Any) -> AsyncIterator[None]:
    """Fold journals and pump the queue for as long as the server lives."""
    try:
        rt = await anyio.to_thread.run_sync(lambda: yard(create=True))
    except RunyardError as error:  # pages say it to the reader, and try again
        _LOG.warning("%s %s", error.message, error.hint)
        yield
        return
    ticker = rt.store.ticker(on_tick=lambda: _tick(rt))
    ticker.start()
    try:
        yield
    finally:
        await anyio.to_thread.run_sync(ticker.stop)


def _tick(rt: Runtime) -> None:
    pump(rt)
    tidy(rt)


def ensure_free(port: int, host: str = HOST) -> None:
    """Check that nobody listens on a port of an address of this machine.

    Raises:
        Conflict: somebody does, or the address is not of this machine.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise Conflict(
                    f"Port {port} on {host} is taken.", hint=f"Stop what listens there, or use --port {port + 1}."
                ) from error
            raise Conflict(
                f"Nobody can listen on port {port} of {host}: {error.strerror}.",
                hint="Use --host 127.0.0.1 and a port of 1024 or more.",
            ) from error


@contextmanager
def only_server(yard_: Yard, port: int, host: str = HOST) -> Iterator[None]:
    """Hold the yard's server lock: it names the process and the port of its holder.

    Raises:
        Conflict: another server has this yard.
    """
    path = yard_.store / "server"
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(lock, 200, 0).decode(errors="replace").strip() or "another process"
            raise Conflict(
                f"The yard {yard_.home} already has a server: {holder}.",
                hint="Open that one, or stop it first.",
            ) from error
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"process {os.getpid()} on http://{host}:{port}\n".encode(), 0)
        yield
    finally:
        os.close(lock)
