"""Which run a hook logs to: the one it is given, the one that is open, or one of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runyard import sdk
from runyard.logged_run import Run, Status


class Attached:
    """What the hooks share; options are those of `init`, for a run of its own."""

    def __init__(self, run: Run | None = None, **options: Any) -> None:
        super().__init__()
        self._given = run
        self._options = options
        self._run: Run | None = None
        self._is_own = False

    def _begin(self, config: Mapping[str, Any], **options: Any) -> Run:
        """Find the run, or start one of its own with this config; what the caller said himself counts more."""
        found = self._given or sdk.current()
        if found is None:
            mine = {**options, **self._options}
            mine["config"] = {
                **{name: value for name, value in config.items() if value is not None},
                **mine.pop("config", {}),
            }
            found = sdk.init(**mine)
            self._is_own = True
        self._run = found
        return found

    def _open(self) -> Run | None:
        """Return the run while it can be logged to."""
        return None if self._run is None or self._run.has_ended else self._run

    def _end(self, status: Status = "completed") -> None:
        """End a run of its own; whoever made the run ends any other."""
        if self._is_own and (run := self._open()):
            run.finish("cancelled" if status == "completed" and run.should_stop else status)
