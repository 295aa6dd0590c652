"""The attempts of a run and the checkpoints that it wrote."""

from __future__ import annotations

from uuid import UUID

from runyard.queries.query import Query


def of_run(run_id: UUID) -> Query:
    """Return the attempts of a run, first to last, with what of each was abandoned."""
    return Query("SELECT *\nFROM run_attempt_facts\nWHERE run_id = ?\nORDER BY attempt", (run_id,))


def checkpoints(run_id: UUID) -> Query:
    """Return the steps at which a run wrote a checkpoint, newest first."""
    return Query("SELECT *\nFROM run_checkpoints\nWHERE run_id = ?\nORDER BY step DESC", (run_id,))
