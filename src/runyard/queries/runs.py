"""Runs: the list, the totals, one run's report and what happened to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal
from uuid import UUID

from runyard.queries.query import Argument, Query

Kept = Literal["listed", "archived", "deleted", "all"]
_KEPT = {
    "listed": ("archived_at IS NULL", "deleted_at IS NULL"),
    "archived": ("archived_at IS NOT NULL", "deleted_at IS NULL"),
    "deleted": ("deleted_at IS NOT NULL",),
    "all": (),
}


def listing(
    *,
    limit: int = 200,
    statuses: Sequence[str] = (),
    agent: str | None = None,
    tag: str | None = None,
    group: str | None = None,
    kept: Kept = "listed",
) -> Query:
    """List the newest runs first: one row per run with progress and cost; of some states, one agent, tag or group only.

    Args:
        kept: neither archived nor deleted ones unless asked for; `all` has them, too.
    """
    conditions = [*_KEPT[kept]]
    arguments: list[Argument] = [*statuses]
    if statuses:
        conditions.append(f"status IN ({', '.join('?' for _ in statuses)})")
    for condition, value in (("agent_id = ?", agent), ("list_contains(tags, ?)", tag), ("run_group = ?", group)):
        if value is not None:
            conditions.append(condition)
            arguments.append(value)
    where = f"WHERE {' AND '.join(conditions)}\n" if conditions else ""
    arguments.append(limit)
    return Query(f"SELECT *\nFROM run_overview\n{where}ORDER BY queued_at DESC, id DESC\nLIMIT ?", tuple(arguments))


def listing_with_waste(listed: Query) -> Query:
    """Return a `listing` with the waste of its runs in one statement: the one to show to people.

    The page asks for the listing and `waste.of_runs` instead, since its totals need the waste of all runs anyway.
    """
    inner = listed.sql.replace("\n", "\n  ")
    return Query(
        "SELECT run.*, waste.wasted_epochs, waste.wasted_compute_hours, waste.waste_category\n"
        f"FROM (\n  {inner}\n) AS run\n"
        "LEFT JOIN overtraining_waste AS waste ON waste.session_id = run.id\n"
        "ORDER BY run.queued_at DESC, run.id DESC",
        listed.arguments,
    )


def labels() -> Query:
    """Return one row: the tags and the groups of runs in use, and how many runs were put away."""
    return Query(
        "SELECT\n"
        "  coalesce(list_sort(list_distinct(flatten(list(tags) FILTER (WHERE deleted_at IS NULL)))), []) AS tags,\n"
        "  coalesce(list_sort(list_distinct(list(run_group) FILTER (WHERE deleted_at IS NULL))), []) AS groups,\n"
        "  count(*) FILTER (WHERE archived_at IS NOT NULL OR deleted_at IS NOT NULL) AS put_away\n"
        "FROM runs"
    )


def totals() -> Query:
    """Return one row: runs by state, compute hours and dollars spent, over all workspaces."""
    return Query(
        "SELECT\n"
        "  coalesce(sum(runs), 0)::BIGINT AS runs,\n"
        "  coalesce(sum(running_runs), 0)::BIGINT AS running_runs,\n"
        "  coalesce(sum(queued_runs), 0)::BIGINT AS queued_runs,\n"
        "  coalesce(sum(completed_runs), 0)::BIGINT AS completed_runs,\n"
        "  coalesce(sum(failed_runs), 0)::BIGINT AS failed_runs,\n"
        "  coalesce(sum(cancelled_runs), 0)::BIGINT AS cancelled_runs,\n"
        "  sum(compute_hours) AS compute_hours,\n"
        "  sum(cost_usd)::DOUBLE AS cost_usd\n"
        "FROM workspace_totals"
    )


def loss_histories(run_ids: Sequence[UUID]) -> Query:
    """Return the sparkline losses of the named runs."""
    marks = ", ".join("?" for _ in run_ids)
    return Query(f"SELECT *\nFROM run_loss_history\nWHERE session_id IN ({marks})", tuple(run_ids))


def names(*, limit: int = 200) -> Query:
    """List id, name and status of the newest runs, running ones first: what a picker offers."""
    return Query(
        "SELECT id, name, status, queued_at\n"
        "FROM runs\n"
        "WHERE archived_at IS NULL AND deleted_at IS NULL AND kind = 'train'\n"
        "ORDER BY status = 'running' DESC, status = 'queued' DESC, queued_at DESC, id DESC\n"
        "LIMIT ?",
        (limit,),
    )


def report(run_id: UUID) -> Query:
    """Return the one row of a run's report; no row when there is no such run."""
    return Query("SELECT *\nFROM run_report\nWHERE id = ?", (run_id,))


def timeline(run_id: UUID) -> Query:
    """Return what happened to a run, oldest first."""
    return Query(
        "SELECT logged_at, kind, attempt, what, hint\n"
        "FROM run_timeline\n"
        "WHERE run_id = ?\n"
        "ORDER BY logged_at, journal, line_offset",
        (run_id,),
    )


def demo_runs() -> Query:
    """Return how many runs the demo launched and how many of them are not ended yet."""
    return Query(
        "SELECT\n"
        "  count(*) AS runs,\n"
        "  count(*) FILTER (WHERE status IN ('queued', 'running')) AS open_runs\n"
        "FROM runs\n"
        "WHERE launched_by = 'demo'"
    )


def config_of(run_id: UUID) -> Query:
    """Return name and configuration (JSON text) of one run."""
    return Query("SELECT name, config\nFROM runs\nWHERE id = ?", (run_id,))


def classes(run_id: UUID) -> Query:
    """Return the examples of each class in each part of a run's data; no row where there are no classes."""
    return Query(
        "SELECT class AS name, if(part = 'train', 'training', part) AS part, examples AS count\n"
        "FROM run_classes\n"
        "WHERE run_id = ?\n"
        "ORDER BY part, count DESC, name",
        (run_id,),
    )


def bill(run_id: UUID) -> Query:
    """Return what a run's epochs cost together and what the rest cost: hours, dollars, kWh; no row before its end."""
    return Query(
        "SELECT\n"
        "  CASE WHEN epoch IS NULL THEN 'rest' ELSE 'epochs' END AS part,\n"
        "  sum(hours) AS hours, sum(usd) AS usd, sum(kwh) AS kwh\n"
        "FROM epoch_costs\n"
        "WHERE session_id = ?\n"
        "GROUP BY part\n"
        "ORDER BY part",
        (run_id,),
    )
