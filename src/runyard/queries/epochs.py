"""Epochs of one run: losses, rates, speed."""

from __future__ import annotations

from uuid import UUID

from runyard.queries.query import Query


def of_run(run_id: UUID) -> Query:
    """Return the epochs of a run in order."""
    return Query("SELECT * EXCLUDE (session_id)\nFROM run_epochs\nWHERE session_id = ?\nORDER BY epoch", (run_id,))
