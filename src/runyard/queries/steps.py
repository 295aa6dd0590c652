"""Steps of one run: the loss inside its epochs."""

from __future__ import annotations

from uuid import UUID

from runyard.queries.query import Query


def of_run(run_id: UUID, *, points: int = 400, between: tuple[float, float] | None = None) -> Query:
    """Return the mean training loss of equal stretches of steps, at most about `points` of them.

    Args:
        between: a range of epochs, to look closer: its stretches are shorter.
    """
    inside = " AND epoch BETWEEN ? AND ?" if between else ""
    return Query(
        "SELECT max(epoch) AS epoch, max(step) AS step, avg(train_loss) AS step_loss\n"
        "FROM (\n"
        "  SELECT *, max(step) OVER () - min(step) OVER () AS steps\n"
        f"  FROM run_steps\n  WHERE session_id = ?{inside}\n"
        ")\n"
        "GROUP BY step // greatest(steps // ?, 1)\n"
        "ORDER BY step",
        (run_id, *(between or ()), points),
    )
