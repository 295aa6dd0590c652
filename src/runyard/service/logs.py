"""Reading a run's log: the text its process printed, kept in its folder."""

from __future__ import annotations

from uuid import UUID

from runyard.core.errors import NotFound
from runyard.runtime import Runtime

_TAIL_BYTES = 1 << 20


def tail(rt: Runtime, run_id: UUID, *, lines: int = 200, search: str = "") -> list[str]:
    """Return the last lines of a run's log, without colour codes; `search` keeps those that contain it.

    A search looks at the whole log, the plain tail at its last MiB.

    Raises:
        NotFound: the run has no log (yet).
    """
    path = rt.yard.run(run_id).log
    try:
        with path.open("rb") as file:
            if not search:
                file.seek(max(0, path.stat().st_size - _TAIL_BYTES))
            text = file.read().decode(errors="replace")
    except FileNotFoundError:
        raise NotFound("This run has no log yet.", hint="It appears when its process starts.") from None
    found = [line.rsplit("\r", 1)[-1] for line in text.splitlines()]
    if search:
        found = [line for line in found if search.lower() in line.lower()]
    return found[-lines:]
