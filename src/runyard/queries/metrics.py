"""Metrics of one run: what each was at first, at last and at its best, and which values stand apart."""

from __future__ import annotations

from uuid import UUID

from runyard.queries.query import Query


def summary(run_id: UUID) -> Query:
    """Return one row per metric of a run: first, last, smallest, largest and best value, and the best's step."""
    return Query("SELECT * EXCLUDE (session_id)\nFROM metric_summary\nWHERE session_id = ?\nORDER BY name", (run_id,))


def anomalies(run_id: UUID, *, limit: int) -> Query:
    """Return the values of a run's series that stand apart from their series or are not finite, in order."""
    return Query(
        "SELECT name, step, epoch, value, median, modified_z\n"
        "FROM metric_anomalies\n"
        "WHERE session_id = ? AND name NOT LIKE 'system/%' AND name NOT LIKE 'gradient_norm/%'\n"
        "ORDER BY name, step, epoch\n"
        "LIMIT ?",
        (run_id, limit),
    )
