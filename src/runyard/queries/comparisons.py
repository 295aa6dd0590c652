"""Comparisons of models: which there are, and how the models of one did."""

from __future__ import annotations

from uuid import UUID

from runyard.queries.query import Query


def listing(*, limit: int = 100) -> Query:
    """Return the comparisons, newest first: name, state, metric, how many models and runs, how much is done."""
    return Query(
        "SELECT\n"
        "  comparison_id, comparison_name, comparison_status, metric, queued_at,\n"
        "  count(*) AS models, sum(runs)::BIGINT AS runs, sum(completed)::BIGINT AS completed,\n"
        "  sum(open_runs)::BIGINT AS open_runs\n"
        "FROM comparison_models\n"
        "GROUP BY ALL\n"
        "ORDER BY queued_at DESC, comparison_id DESC\n"
        "LIMIT ?",
        (limit,),
    )


def models(comparison: UUID) -> Query:
    """Return a row for each model of a comparison, with the results of its runs."""
    return Query(
        "SELECT *\nFROM comparison_models\nWHERE comparison_id = ?\nORDER BY is_baseline, model_name, model",
        (comparison,),
    )


def known_configs(*, limit: int = 200) -> Query:
    """Return the newest configuration of each model that was trained, with its name; none of comparisons or scripts."""
    return Query(
        "SELECT name, config, queued_at\n"
        "FROM runs\n"
        "WHERE kind = 'train' AND parent_run_id IS NULL AND deleted_at IS NULL\n"
        "  AND launched_by NOT IN ('sdk', 'import') AND config IS NOT NULL\n"
        "QUALIFY row_number() OVER (PARTITION BY replicate_group ORDER BY queued_at DESC, id DESC) = 1\n"
        "ORDER BY queued_at DESC, name\n"
        "LIMIT ?",
        (limit,),
    )
