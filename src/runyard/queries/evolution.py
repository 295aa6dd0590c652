"""Trainings of an agent in order: how each scored, how that compares, and what changed in its setup."""

from __future__ import annotations

from uuid import UUID

from runyard.queries.query import Query, where


def choices() -> Query:
    """Return what can be chosen among: workspace, agent and benchmark, the newest first."""
    return Query(
        "SELECT\n"
        "  s.workspace_id AS workspace, s.agent_id AS agent, b.benchmark_name AS benchmark,\n"
        "  any_value(b.n) AS n, max(s.completed_at) AS newest_at\n"
        "FROM training_sessions AS s\n"
        "LEFT JOIN runs AS r ON r.id = s.id\n"
        "LEFT JOIN (\n"
        "  SELECT agent_id, benchmark_name, count(*) AS n FROM benchmarks GROUP BY ALL\n"
        ") AS b ON b.agent_id = s.agent_id\n"
        "WHERE s.status = 'completed' AND s.completed_at IS NOT NULL AND r.parent_run_id IS NULL\n"
        "GROUP BY ALL\n"
        "ORDER BY newest_at DESC, n DESC NULLS LAST, workspace, agent, benchmark"
    )


def timeline(agent: str, *, benchmark: str | None = None, workspace: str | None = None) -> Query:
    """Return the completed trainings of an agent, oldest first: scores on a benchmark, and those without any score."""
    clause, arguments = where(
        ("agent_id = ?", agent),
        ("workspace_id = ?", workspace),
        ("(benchmark_name = ? OR benchmark_name IS NULL)", benchmark),
    )
    return Query(
        f"SELECT *\nFROM evolution_timeline\n{clause}ORDER BY training_date, session_id, benchmark_name", arguments
    )


def changes(agent: str, session_id: UUID) -> Query:
    """Return the settings in which a training differs from the agent's training before, one row each."""
    return Query(
        "SELECT change.setting, change.before, change.after\n"
        "FROM (\n"
        "  SELECT unnest(changes) AS change\n"
        "  FROM config_changes\n"
        "  WHERE agent_id = ? AND session_id = ?\n"
        ")\n"
        "ORDER BY change.setting",
        (agent, session_id),
    )
