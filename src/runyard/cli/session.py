"""Opening the yard of a command, and closing it; each command also keeps the queue moving."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import typer

from runyard.cli.output import say
from runyard.core.errors import Unavailable

if TYPE_CHECKING:
    from runyard.runtime import Runtime


@contextmanager
def opened(context: typer.Context, *, create: bool = False, pumped: bool = True) -> Iterator[Runtime]:
    """Yield the runtime of the yard that the command line names.

    Args:
        create: make the yard if there is none: for verbs that write.
        pumped: fold what waits, mark lost runs and start queued ones first, since a killed run does that for nobody.

    Raises:
        NotFound: there is no yard, and it shall not be made.
        Corrupt: a newer version wrote it, or it is damaged.
    """
    from runyard.runtime import open_runtime
    from runyard.service.pump import pump

    rt = open_runtime(context.obj, create=create)
    try:
        if pumped:
            with suppress(Unavailable, PermissionError):
                pump(rt)
        yield rt
    finally:
        rt.close()


def fold(rt: Runtime, *, verb: str) -> None:
    """Fold in what waits before reading; say so if the data are older than what is journalled."""
    from runyard.service.sql import fold as fold_in

    if note := fold_in(rt, verb=verb):
        say(note)
