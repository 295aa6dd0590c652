"""Agents that go on learning: what they keep of old tasks, where their scores drift, what users and updates say."""

from __future__ import annotations

from runyard.queries.query import Query


def choices() -> Query:
    """Return what can be chosen among: agent, its workspaces and its benchmarks, the newest first.

    Task scores, feedback, updates and uses belong to an agent, not to a benchmark: theirs is NULL.
    """
    return Query(
        "SELECT w.workspace_id AS workspace, a.agent, a.benchmark, count(*) AS n, max(a.moment) AS newest_at\n"
        "FROM (\n"
        "  SELECT agent_id AS agent, benchmark_name AS benchmark, created_at AS moment FROM benchmarks\n"
        "  UNION ALL\n"
        "  SELECT agent_id, NULL, scored_at FROM task_results\n"
        "  UNION ALL\n"
        "  SELECT agent_id, NULL, created_at FROM feedback_events\n"
        "  UNION ALL\n"
        "  SELECT agent_id, NULL, coalesce(completed_at, started_at) FROM learning_updates\n"
        "  UNION ALL\n"
        "  SELECT agent_id, NULL, created_at FROM agent_executions\n"
        ") AS a\n"
        "LEFT JOIN (\n"
        "  SELECT DISTINCT agent_id, workspace_id FROM training_sessions\n"
        ") AS w ON w.agent_id = a.agent\n"
        "WHERE a.agent IS NOT NULL\n"
        "GROUP BY ALL\n"
        "ORDER BY newest_at DESC NULLS LAST, n DESC, workspace, agent, benchmark"
    )


def matrix(agent: str) -> Query:
    """Return R[i][j] of an agent, a row per update and task: the score, and that it had when the task was learned."""
    return Query(
        "SELECT\n"
        "  update_index, task_index,\n"
        "  max_by(task, update_index) OVER (PARTITION BY task_index) AS task,\n"
        "  score, higher_is_better,\n"
        "  goodness - max(CASE WHEN update_index = task_index THEN goodness END)\n"
        "    OVER (PARTITION BY task_index) AS since_learned,\n"
        "  scored_at\n"
        "FROM task_results\n"
        "WHERE agent_id = ?\n"
        "ORDER BY update_index, task_index",
        (agent,),
    )


def scores(agent: str) -> Query:
    """Return the continual-learning scores of an agent: one row, or none without task scores."""
    return Query("SELECT *\nFROM continual_learning\nWHERE agent_id = ?", (agent,))


def benchmark_scores(agent: str, benchmark: str) -> Query:
    """Return the usable scores of an agent on a benchmark over time, oldest first, with the version that was judged."""
    return Query(
        "SELECT b.created_at, v.version, b.accuracy_score AS score, b.higher_is_better\n"
        "FROM benchmarks AS b\n"
        "LEFT JOIN model_versions AS v ON v.id = b.model_version_id\n"
        "WHERE b.agent_id = ? AND b.benchmark_name = ?\n"
        "  AND b.accuracy_score IS NOT NULL AND b.created_at IS NOT NULL\n"
        "ORDER BY b.created_at, b.id",
        (agent, benchmark),
    )


def feedback(agent: str) -> Query:
    """Return what users said of an agent: one row, or none without feedback."""
    return Query("SELECT *\nFROM feedback_ratios\nWHERE agent_id = ?", (agent,))


def updates(agent: str) -> Query:
    """Return the online updates of an agent, newest first."""
    return Query(
        "SELECT\n"
        "  coalesce(completed_at, started_at) AS updated_at, status, from_version, to_version, examples, reason, id\n"
        "FROM learning_updates\n"
        "WHERE agent_id = ?\n"
        "ORDER BY updated_at DESC NULLS LAST, id DESC",
        (agent,),
    )


def outcomes(agent: str, *, limit: int) -> Query:
    """Return the newest ended uses of an agent's models, oldest first, and whether each failed."""
    return Query(
        "SELECT created_at, status, status <> 'success' AS failed\n"
        "FROM (\n"
        "  SELECT created_at, execution_id, status\n"
        "  FROM executions\n"
        "  WHERE agent_id = ? AND created_at IS NOT NULL\n"
        "    AND status IN ('success', 'failed', 'error', 'timeout')\n"
        "  ORDER BY created_at DESC, execution_id DESC\n"
        "  LIMIT ?\n"
        ") AS newest\n"
        "ORDER BY created_at, execution_id",
        (agent, limit),
    )


def input_drift(agent: str) -> Query:
    """Return how far each input feature of an agent's uses has moved, the farthest first."""
    return Query(
        "SELECT feature, psi, input_drift, n_older, n_newer, newer_since\n"
        "FROM input_drift\n"
        "WHERE agent_id = ?\n"
        "ORDER BY psi DESC NULLS LAST, feature",
        (agent,),
    )
