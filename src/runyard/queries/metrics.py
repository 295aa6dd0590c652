"""Metrics of one run: what each was at first, at last and at its best."""

from __future__ import annotations

from uuid import UUID

from runyard.queries.query import Query


def summary(run_id: UUID) -> Query:
    """Return one row per metric of a run: first, last, smallest, largest and best value, and the best's step."""
    return Query("SELECT * EXCLUDE (session_id)\nFROM metric_summary\nWHERE session_id = ?\nORDER BY name", (run_id,))
