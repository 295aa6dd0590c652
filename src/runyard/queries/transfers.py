"""Trainings that started from another agent's model: what that gained and what it saved."""

from __future__ import annotations

from runyard.queries.query import Argument, Query, where


def choices() -> Query:
    """Return what can be chosen among: workspace, agent (source or target) and benchmark, the newest first."""
    return Query(
        "SELECT workspace, agent, benchmark, sum(n) AS n, max(started_at) AS newest_at\n"
        "FROM (\n"
        "  SELECT\n"
        "    r.workspace_id AS workspace, unnest([t.target_agent_id, t.source_agent_id]) AS agent,\n"
        "    b.benchmark_name AS benchmark, b.n, t.started_at\n"
        "  FROM transfer_learning_sessions AS t\n"
        "  LEFT JOIN runs AS r ON r.id = t.id\n"
        "  LEFT JOIN (\n"
        "    SELECT agent_id, benchmark_name, count(*) AS n FROM benchmarks GROUP BY ALL\n"
        "  ) AS b ON b.agent_id = t.target_agent_id\n"
        ")\n"
        "GROUP BY ALL\n"
        "ORDER BY newest_at DESC NULLS LAST, n DESC NULLS LAST, workspace, agent, benchmark"
    )


def report(*, agent: str | None = None, benchmark: str | None = None, workspace: str | None = None) -> Query:
    """Return the transfers to or from an agent, newest first: gains on a benchmark, and those without any score."""
    clause, arguments = _chosen(agent, benchmark, workspace)
    return Query(
        f"SELECT *\nFROM transfer_report\n{clause}"
        "ORDER BY started_at DESC NULLS LAST, transfer_id DESC, benchmark_name",
        arguments,
    )


def pairs(*, agent: str | None = None, benchmark: str | None = None, workspace: str | None = None) -> Query:
    """Return one row per source and target: transfers, those with a known gain, its mean, smallest and largest."""
    clause, arguments = _chosen(agent, benchmark, workspace)
    return Query(
        "SELECT\n"
        "  source_agent_id, target_agent_id,\n"
        "  count(DISTINCT transfer_id) AS transfers, count(accuracy_gain) AS judged,\n"
        "  avg(accuracy_gain) AS mean_gain, min(accuracy_gain) AS smallest_gain, max(accuracy_gain) AS largest_gain\n"
        f"FROM transfer_report\n{clause}"
        "GROUP BY source_agent_id, target_agent_id\n"
        "ORDER BY source_agent_id, target_agent_id",
        arguments,
    )


def _chosen(agent: str | None, benchmark: str | None, workspace: str | None) -> tuple[str, tuple[Argument, ...]]:
    return where(
        ("workspace_id = ?", workspace),
        ("? IN (source_agent_id, target_agent_id)", agent),
        ("(benchmark_name = ? OR benchmark_name IS NULL)", benchmark),
    )
