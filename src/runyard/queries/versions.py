"""Versions of an agent: scores, reliability and verdict against the version before."""

from __future__ import annotations

from runyard.queries.query import Query, where


def choices() -> Query:
    """Return what can be chosen among: workspace, agent and benchmark, the newest first."""
    return Query(
        "SELECT\n"
        "  r.workspace_id AS workspace, v.agent_id AS agent, b.benchmark_name AS benchmark,\n"
        "  count(*) AS n, max(v.created_at) AS newest_at\n"
        "FROM model_versions AS v\n"
        "LEFT JOIN benchmarks AS b ON b.model_version_id = v.id\n"
        "LEFT JOIN runs AS r ON r.id = v.run_id\n"
        "GROUP BY ALL\n"
        "ORDER BY newest_at DESC NULLS LAST, n DESC, workspace, agent, benchmark"
    )


def history(agent: str, *, benchmark: str | None = None, workspace: str | None = None) -> Query:
    """Return the versions of an agent, oldest first: their scores on a benchmark, and those without any score."""
    clause, arguments = where(
        ("agent_id = ?", agent),
        ("workspace_id = ?", workspace),
        ("(benchmark_name = ? OR benchmark_name IS NULL)", benchmark),
    )
    return Query(
        f"SELECT *\nFROM version_history\n{clause}ORDER BY version_date NULLS FIRST, version_id, benchmark_name",
        arguments,
    )
