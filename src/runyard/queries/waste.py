"""What ended runs spent after their best epoch."""

from __future__ import annotations

from runyard.queries.query import Query


def of_runs() -> Query:
    """Return the waste of every ended training run."""
    return Query(
        "SELECT session_id AS id, wasted_epochs, wasted_compute_hours, wasted_cost_usd\nFROM overtraining_waste"
    )
