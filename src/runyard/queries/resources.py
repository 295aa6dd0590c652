"""CPU and memory of one run's process over time."""

from __future__ import annotations

from uuid import UUID

from runyard.queries.query import Query
from runyard.queries.thinned import thinned


def of_run(run_id: UUID) -> Query:
    """Return the samples of a run's process: minutes since its start, CPU and GPU percent, memory in GB, speed."""
    return Query(
        "SELECT minutes, cpu_percent, memory_gb, gpu_percent, samples_per_second, tokens_per_second, logged_at\n"
        "FROM run_resources\n"
        "WHERE session_id = ?\n"
        "ORDER BY logged_at",
        (run_id,),
    )


def curve(run_id: UUID, value: str, *, between: tuple[float, float] | None = None) -> Query:
    """Return one of the columns over minutes, thinned for a chart; `points` counts the samples that have it."""
    return thinned("run_resources", run_id, "minutes", (value,), between=between)
