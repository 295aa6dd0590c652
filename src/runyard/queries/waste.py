"""What ended runs spent for nothing, and what early stopping would have saved."""

from __future__ import annotations

from typing import Literal

from runyard.queries.query import Query

Grouping = Literal["agent_id", "workspace_id", "month"]
_PARTS = {"agent_id": "agent_id", "workspace_id": "workspace_id", "month": "strftime(month, '%Y-%m')"}


def of_runs() -> Query:
    """Return the waste of every ended training run."""
    return Query(
        "SELECT session_id AS id, wasted_epochs, wasted_compute_hours, wasted_cost_usd\nFROM overtraining_waste"
    )


def lines(by: Grouping) -> Query:
    """Return the bill: per agent, workspace or month what went into failed, cancelled, repeated runs and long tails.

    Over all lines `spent_*` is what the finished runs cost.
    """
    return Query(
        "SELECT\n"
        f"  coalesce({_PARTS[by]}, 'unknown') AS part,\n"
        "  line,\n"
        "  sum(runs)::BIGINT AS runs,\n"
        "  sum(epochs)::BIGINT AS epochs,\n"
        "  sum(hours) AS hours,\n"
        "  sum(usd) AS usd,\n"
        "  sum(spent_hours) AS spent_hours,\n"
        "  sum(spent_usd) AS spent_usd\n"
        "FROM waste_lines\n"
        "GROUP BY part, line\n"
        "ORDER BY part, line"
    )


def rules() -> Query:
    """Return every early-stopping rule of the grid with what it would have saved and cost over all runs."""
    return Query("SELECT *\nFROM waste_best_rule\nORDER BY min_delta, patience")


def of_rule(patience: int, min_delta: float, *, by: Grouping) -> Query:
    """Return what one rule would have saved and cost, per agent, workspace or month."""
    return Query(
        "SELECT\n"
        f"  coalesce({_PARTS[by]}, 'unknown') AS part,\n"
        "  sum(runs)::BIGINT AS runs,\n"
        "  sum(stopped_runs)::BIGINT AS stopped_runs,\n"
        "  sum(costly_runs)::BIGINT AS costly_runs,\n"
        "  sum(saved_epochs)::BIGINT AS epochs,\n"
        "  sum(saved_hours) AS hours,\n"
        "  sum(saved_usd) AS usd\n"
        "FROM waste_by_month\n"
        "WHERE patience = ? AND min_delta = ?\n"
        "GROUP BY part\n"
        "ORDER BY part",
        (patience, min_delta),
    )


def savings() -> Query:
    """Return what early stopping with each run's own patience would have saved, per agent and workspace."""
    return Query(
        "SELECT\n"
        "  agent_id, workspace_id, runs,\n"
        "  unnecessary_epochs::BIGINT AS unnecessary_epochs,\n"
        "  potential_savings_hours, potential_savings_usd\n"
        "FROM potential_savings\n"
        "ORDER BY potential_savings_usd DESC NULLS LAST, unnecessary_epochs DESC NULLS LAST, agent_id, workspace_id"
    )


def offenders(*, limit: int = 25) -> Query:
    """Return the ended runs that went on longest after their best epoch, by dollars, then hours, then epochs."""
    return Query(
        "SELECT\n"
        "  waste.session_id AS id, run.name, waste.agent_id, waste.status, waste.waste_category,\n"
        "  waste.best_epoch, waste.total_epochs, waste.wasted_epochs, waste.wasted_fraction,\n"
        "  waste.wasted_compute_hours, waste.wasted_cost_usd, waste.patience, waste.es_saved_epochs, waste.es_regret\n"
        "FROM overtraining_waste AS waste\n"
        "LEFT JOIN runs AS run ON run.id = waste.session_id\n"
        "WHERE waste.wasted_epochs > 0\n"
        "ORDER BY waste.wasted_cost_usd DESC NULLS LAST, waste.wasted_compute_hours DESC NULLS LAST,\n"
        "  waste.wasted_epochs DESC, waste.session_id\n"
        "LIMIT ?",
        (limit,),
    )


def efficiency() -> Query:
    """Return how soon each run was as good as done, on how much data, and how well it used its device and batches."""
    return Query(
        "SELECT\n"
        "  used.session_id AS id, run.name, used.agent_id, run.status,\n"
        "  score.total_epochs, used.convergence_epoch, used.convergence_efficiency,\n"
        "  used.examples_until_convergence::BIGINT AS examples_until_convergence,\n"
        "  used.tokens_until_convergence::BIGINT AS tokens_until_convergence,\n"
        "  used.resource_utilization, used.underutilized,\n"
        "  used.tokens_per_second, used.compute_efficiency, used.valid, used.flops_basis,\n"
        "  batch.big_batch AS batch_size, batch.critical_batch_size, batch.batch_size_verdict,\n"
        "  batch.steps_over_minimum, batch.examples_over_minimum\n"
        "FROM run_efficiency AS used\n"
        "JOIN run_scores AS score ON score.session_id = used.session_id\n"
        "LEFT JOIN batch_sizes AS batch ON batch.session_id = used.session_id\n"
        "LEFT JOIN runs AS run ON run.id = used.session_id\n"
        "ORDER BY used.convergence_efficiency NULLS LAST, used.session_id"
    )
