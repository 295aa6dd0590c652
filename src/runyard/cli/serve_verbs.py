"""`serve` and `demo`: the dashboard, and something to look at in it."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from runyard.cli.errors import DONE, FAILED, INTERRUPTED
from runyard.cli.output import Format, say, write_rows
from runyard.cli.progress import ENDED, follow
from runyard.cli.session import opened
from runyard.core.errors import Conflict

if TYPE_CHECKING:
    from uuid import UUID

    from runyard.runtime import Runtime

PortOption = Annotated[int, typer.Option("--port", "-p", min=1, max=65535, help="The port to listen on.")]
HostOption = Annotated[str, typer.Option("--host", help="The address to listen on; there is no login.")]
# Read by the libraries at import: allocators and thread pools sized for a dashboard on somebody's own machine.
_FRUGAL = {
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "MALLOC_ARENA_MAX": "2",
    "OPENBLAS_NUM_THREADS": "1",
    "POLARS_MAX_THREADS": "2",
}
_PUMP_SECONDS = 2.0
_ENDING_SECONDS = 30.0  # a step and a checkpoint; then the table says what is still running


def add_to(app: typer.Typer) -> None:
    """Register the verbs of this module."""
    app.command()(serve)
    app.command()(demo)


def serve(
    context: typer.Context,
    port: PortOption = 8501,
    host: HostOption = "127.0.0.1",
    with_demo: Annotated[bool, typer.Option("--demo", help="Launch the demo if the yard is empty.")] = False,
) -> None:
    """Serve the dashboard until Ctrl-C.

    It listens on this machine alone unless --host says otherwise, since it has no login. Makes the yard if there is
    none. One server per yard: a second one says where the first is. Runs survive the server, and the server needs
    no run. Nothing is fetched from outside.
    """
    if any(name not in os.environ for name in _FRUGAL):  # glibc reads its own only when a process begins
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], {**_FRUGAL, **os.environ})
    from runyard.store.arrow import spare_pandas

    spare_pandas()
    from runyard.ui import server

    server.serve(context.obj, host=host, port=port, demo=with_demo)


def demo(
    context: typer.Context,
    serving: Annotated[bool, typer.Option("--serve/--no-serve", help="Serve, or run it here with bars.")] = True,
    port: PortOption = 8501,
    host: HostOption = "127.0.0.1",
) -> int:
    """Train the demo's models and show them.

    They are real: a CNN on watch series that overtrains, and language models on food reviews. Launches them in the
    background if the yard is empty, and serves the dashboard. With --no-serve the demo runs in the foreground,
    again if need be, with a bar for each run and a table of results at the end; Ctrl-C cancels its runs.
    """
    if serving:
        serve(context, port=port, host=host, with_demo=True)
        return DONE
    from runyard.service.demo import assets, launch_demo

    with opened(context, create=True) as rt:
        run_ids = launch_demo(rt)
        if note := assets(rt).note:
            say(note)
        return _follow_demo(rt, run_ids)


def _follow_demo(rt: Runtime, run_ids: list[UUID]) -> int:
    from runyard.queries import progress

    code = DONE
    try:
        follow(rt, run_ids, is_over=lambda: False, on_look=_pump_now_and_then(rt))
    except KeyboardInterrupt:
        code = INTERRUPTED
        _cancel_all(rt, run_ids)
        deadline = time.monotonic() + _ENDING_SECONDS
        follow(rt, run_ids, is_over=lambda: time.monotonic() > deadline)
    rt.store.ingest(verb="demo", wait_seconds=5.0, snapshot=True)
    found = progress.results(run_ids).frame(rt)
    write_rows(found.to_dicts(), found.columns, Format.table, shown=found.columns[1:])
    return code or (DONE if all(status == "completed" for status in found["status"]) else FAILED)


def _pump_now_and_then(rt: Runtime) -> Callable[[], None]:
    from runyard.service.pump import pump

    last = 0.0

    def look() -> None:
        nonlocal last
        if time.monotonic() - last >= _PUMP_SECONDS:
            pump(rt)
            last = time.monotonic()

    return look


def _cancel_all(rt: Runtime, run_ids: list[UUID]) -> None:
    """Cancel what has not ended, the waiting ones first, or each end would start the next."""
    from runyard.service import runs

    say("Cancelling the demo's runs.")
    for run_id in reversed(run_ids):
        try:
            if runs.state(rt, run_id).status not in ENDED:
                runs.cancel(rt, str(run_id), by="cli")
        except Conflict:  # it ended in the meantime
            continue
