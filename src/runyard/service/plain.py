"""A run of the yard in plain language."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from runyard.core.clock import now
from runyard.core.errors import NotFound
from runyard.queries import situation
from runyard.runtime import Runtime
from runyard.stats.plain import Plain, in_plain_words


def tell(rt: Runtime, run_id: UUID) -> Plain:
    """Return how a run does, in words, as the store has it now.

    Raises:
        NotFound: it is no training.
    """
    rows = situation.of_run(run_id).live(rt).to_dicts()
    if not rows:
        raise NotFound(f"Run {run_id} is no training, or is new.", hint="Try again in a moment.")
    return told(rt, rows[0])


def told(rt: Runtime, row: dict[str, Any]) -> Plain:
    """Return a row of the view `run_situation` in words."""
    return in_plain_words(row, now(), memory_limit_gb=rt.settings.max_memory_mb * 1024**2 / 1e9)
