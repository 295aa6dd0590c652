"""How fast earlier runs were: what the time of the next one is reckoned from."""

from __future__ import annotations

from runyard.queries.query import Query

MOST_RUNS = 20


def of_kind(*, model_type: str, base_model: str | None, method: str, on_gpu: bool) -> Query:
    """Return tokens and examples a second, and the seconds outside the epochs, of the newest completed runs like one.

    Alike are runs of the same model and method on the same sort of device.
    """
    return Query(
        "WITH alike AS (\n"
        "  SELECT r.id, r.ended_at, s.gpu_hours * 3600 / coalesce(r.accelerators, 1) AS wall_seconds\n"
        "  FROM runs AS r\n"
        "  JOIN training_sessions AS s ON s.id = r.id\n"
        "  WHERE r.status = 'completed' AND r.attempt = 1\n"
        "    AND r.config ->> '$.model.model_type' = ?\n"
        "    AND coalesce(r.config ->> '$.model.base_model', '') = ?\n"
        "    AND r.config ->> 'method' = ?\n"
        "    AND (r.device LIKE 'cuda%') = ?\n"
        "  ORDER BY r.ended_at DESC, r.id DESC\n"
        f"  LIMIT {MOST_RUNS}\n"
        ")\n"
        "SELECT\n"
        "  safe_divide(sum(e.tokens), sum(e.epoch_seconds)) AS tokens_per_second,\n"
        "  safe_divide(sum(e.samples), sum(e.epoch_seconds)) AS samples_per_second,\n"
        "  greatest(0, any_value(a.wall_seconds) - sum(e.epoch_seconds)) AS overhead_seconds\n"
        "FROM alike AS a\n"
        "JOIN training_epochs AS e ON e.session_id = a.id\n"
        "GROUP BY a.id, a.ended_at\n"
        "ORDER BY a.ended_at DESC, a.id",
        (model_type, base_model or "", method, on_gpu),
    )
