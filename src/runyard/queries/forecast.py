"""Finished runs that a forecast of another one is measured on."""

from __future__ import annotations

from uuid import UUID

from runyard.queries.query import Query

MOST_RUNS = 50


def earlier(run_id: UUID) -> Query:
    """Return the usable evaluations of the newest runs of the same agent and metric that had completed before this one.

    `loss` is turned so that smaller is better; last_epoch is the last that was finished, evaluated or not.
    """
    return Query(
        "SELECT c.session_id AS id, c.epoch, c.loss, c.last_epoch\n"
        "FROM (\n"
        "  SELECT s.id, s.completed_at\n"
        "  FROM training_sessions AS s\n"
        "  JOIN training_sessions AS own\n"
        "    ON own.agent_id = s.agent_id AND s.completed_at <= own.started_at\n"
        "    AND coalesce(own.monitor_metric, 'val_loss') = coalesce(s.monitor_metric, 'val_loss')\n"
        "    AND coalesce(own.monitor_mode, 'min') = coalesce(s.monitor_mode, 'min')\n"
        "  WHERE own.id = ? AND s.status = 'completed'\n"
        "  ORDER BY s.completed_at DESC, s.id DESC\n"
        f"  LIMIT {MOST_RUNS}\n"
        ") AS finished\n"
        "JOIN (\n"
        "  SELECT session_id, epoch, loss, max(epoch) OVER (PARTITION BY session_id) AS last_epoch\n"
        "  FROM curves\n"
        ") AS c ON c.session_id = finished.id\n"
        "WHERE c.loss IS NOT NULL\n"
        "ORDER BY finished.completed_at DESC, id, c.epoch",
        (run_id,),
    )
