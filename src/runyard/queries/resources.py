"""CPU and memory of one run's process over time."""

from __future__ import annotations

from uuid import UUID

from runyard.queries.query import Query


def of_run(run_id: UUID) -> Query:
    """Return the samples of a run's process in order: minutes since its start, CPU and GPU percent, memory in GB."""
    return Query(
        "SELECT minutes, cpu_percent, memory_gb, gpu_percent, logged_at\n"
        "FROM run_resources\n"
        "WHERE session_id = ?\n"
        "ORDER BY logged_at",
        (run_id,),
    )
