"""How far runs have come: what progress bars show, from the store itself while they run."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from runyard.queries.query import Query


def of_runs(run_ids: Sequence[UUID]) -> Query:
    """Return one row per run: epochs and steps done of those planned, the latest losses, how it ended.

    Steps inside the present epoch come from the metrics that the present attempt has logged.
    """
    marks = ", ".join("?" for _ in run_ids)
    return Query(
        "SELECT\n"
        "  run.id, run.name, run.status, run.attempt, run.error_message, run.error_hint,\n"
        "  session.completed_epochs, session.total_epochs, session.total_steps,\n"
        "  greatest(session.completed_steps, logged.step) AS completed_steps,\n"
        "  session.final_training_loss, session.final_validation_loss, session.best_epoch\n"
        "FROM runs AS run\n"
        "LEFT JOIN training_sessions AS session ON session.id = run.id\n"
        "LEFT JOIN (\n"
        "  SELECT session_id, attempt, max(step) AS step\n"
        "  FROM metrics\n"
        f"  WHERE session_id IN ({marks})\n"
        "  GROUP BY session_id, attempt\n"
        ") AS logged ON logged.session_id = run.id AND logged.attempt = run.attempt\n"
        f"WHERE run.id IN ({marks})\n"
        "ORDER BY run.queued_at, run.id",
        (*run_ids, *run_ids),
    )


def results(run_ids: Sequence[UUID]) -> Query:
    """Return one row per run: best loss, accuracy at the best epoch, epochs, what was wasted, hours."""
    marks = ", ".join("?" for _ in run_ids)
    return Query(
        "SELECT\n"
        "  run.id, run.name, run.status,\n"
        "  session.best_validation_loss,\n"
        "  score.value AS accuracy,\n"
        "  session.completed_epochs AS epochs,\n"
        "  session.best_epoch,\n"
        "  waste.wasted_epochs,\n"
        "  session.gpu_hours AS compute_hours\n"
        "FROM runs AS run\n"
        "LEFT JOIN training_sessions AS session ON session.id = run.id\n"
        "LEFT JOIN overtraining_waste AS waste ON waste.session_id = run.id\n"
        "LEFT JOIN metric_points AS score\n"
        "  ON score.session_id = run.id AND score.name = 'accuracy' AND score.epoch = session.best_epoch\n"
        f"WHERE run.id IN ({marks})\n"
        "ORDER BY run.queued_at, run.id",
        tuple(run_ids),
    )
