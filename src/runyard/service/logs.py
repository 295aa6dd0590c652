"""Reading a run's log: the text its process printed, kept in its folder; what is old of it, compressed."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from io import TextIOWrapper
from typing import Any
from uuid import UUID

import zstandard

from runyard.core.errors import NotFound
from runyard.core.paths import RunFolder
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
    folder = rt.yard.run(run_id)
    if not folder.log.exists() and not folder.old_log.exists():
        raise NotFound("This run has no log yet.", hint="It appears when its process starts.")
    shown = map(_shown, _lines(folder, whole=bool(search)))
    return list(deque((line for line in shown if search.lower() in line.lower()), maxlen=lines))


def _lines(folder: RunFolder, *, whole: bool) -> Iterator[str]:
    """Yield the lines of a log; what is compressed comes first, and alone where nothing was logged since."""
    if folder.old_log.exists() and (whole or not folder.log.exists()):
        with folder.old_log.open("rb") as file:
            yield from _text(zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True))
    if folder.log.exists():
        with folder.log.open("rb") as file:
            if not whole:
                file.seek(max(0, folder.log.stat().st_size - _TAIL_BYTES))
            yield from _text(file)


def _text(file: Any) -> TextIOWrapper:
    return TextIOWrapper(file, encoding="utf-8", errors="replace", newline="\n")


def _shown(line: str) -> str:
    """Return what a terminal would show of a line at the end."""
    return _COLOUR.sub("", line).rstrip("\r\n").rpartition("\r")[2]
