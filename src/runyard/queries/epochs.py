"""Epochs of one run: losses, rates, speed."""

from __future__ import annotations

from uuid import UUID

from runyard.queries.query import Query
from runyard.queries.thinned import MOST_ROWS, thinned

LOSSES = ("train_loss", "val_loss", "val_metric")  # the best epoch of each stays in a thinned curve


def of_run(run_id: UUID) -> Query:
    """Return the epochs of a run in order."""
    return Query("SELECT * EXCLUDE (session_id)\nFROM run_epochs\nWHERE session_id = ?\nORDER BY epoch", (run_id,))


def curve(run_id: UUID, *values: str, between: tuple[float, float] | None = None, most: int = MOST_ROWS) -> Query:
    """Return epoch and values of a run, thinned for a chart; `points` counts the epochs that have one of them."""
    return thinned("run_epochs", run_id, "epoch", values, between=between, most=most)
