"""Reading a run's log: the text its process printed, kept in its folder."""

from __future__ import annotations

import re
from collections import deque
from io import TextIOWrapper
from uuid import UUID

from runyard.core.errors import NotFound
from runyard.runtime import Runtime

_TAIL_BYTES = 1 << 20
_COLOUR = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")


def tail(rt: Runtime, run_id: UUID, *, lines: int = 200, search: str = "") -> list[str]:
    """Return the last lines of a run's log, without colour codes; `search` keeps those that contain it.

    Of a line that was written over again and again, such as a progress bar, it is the last state.

    A search looks at the whole log, the plain tail at its last MiB.

    Raises:
        NotFound: the run has no log (yet).
    """
    path = rt.yard.run(run_id).log
    try:
        with path.open("rb") as file:
            if not search:
                file.seek(max(0, path.stat().st_size - _TAIL_BYTES))
            shown = map(_shown, TextIOWrapper(file, encoding="utf-8", errors="replace", newline="\n"))
            return list(deque((line for line in shown if search.lower() in line.lower()), maxlen=lines))
    except FileNotFoundError:
        raise NotFound("This run has no log yet.", hint="It appears when its process starts.") from None


def _shown(line: str) -> str:
    """Return what a terminal would show of a line at the end."""
    return _COLOUR.sub("", line).rstrip("\r\n").rpartition("\r")[2]
