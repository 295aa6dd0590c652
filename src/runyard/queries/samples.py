"""What a language model answered to held-out prompts."""

from __future__ import annotations

from uuid import UUID

from runyard.queries.query import Query


def of_run(run_id: UUID) -> Query:
    """Return the prompts of a run with the answers before and after its training; no row of other models."""
    return Query(
        "SELECT number, prompt, expected, answer_before, answer_after, steps\n"
        "FROM run_samples\n"
        "WHERE session_id = ?\n"
        "ORDER BY number",
        (run_id,),
    )
