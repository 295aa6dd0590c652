"""Steps of one run: the loss inside its epochs."""

from __future__ import annotations

from uuid import UUID

from runyard.queries.query import Query


def of_run(run_id: UUID, *, points: int = 400) -> Query:
    """Return the mean training loss of equal stretches of steps, at most about `points` of them."""
    return Query(
        "SELECT max(epoch) AS epoch, max(step) AS step, avg(train_loss) AS step_loss\n"
        "FROM (SELECT *, max(step) OVER () AS last_step FROM run_steps WHERE session_id = ?)\n"
        "GROUP BY step // greatest(last_step // ?, 1)\n"
        "ORDER BY step",
        (run_id, points),
    )
