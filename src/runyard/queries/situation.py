"""Where one run stands: the row that plain language and expert numbers are both made of."""

from __future__ import annotations

from uuid import UUID

from runyard.queries.query import Query


def of_run(run_id: UUID) -> Query:
    """Return the one row of a run; none where there is no such training."""
    return Query("SELECT *\nFROM run_situation\nWHERE session_id = ?", (run_id,))


def estimates() -> Query:
    """Return how good the estimates were, a row for each preset that runs were started from."""
    return Query(
        "SELECT *\nFROM preset_estimates\nORDER BY preset IS NULL, runs DESC, preset",
    )
