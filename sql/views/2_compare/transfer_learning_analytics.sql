-- One row is a transfer and one benchmark: what starting from another agent's model gained, and what it saved.
-- grain: transfer_id, benchmark_name
-- The regular baseline is the median of the target agent's completed trainings from scratch. The thresholds on the gain
-- assume scores between 0 and 1. The target agent stands in every join, so that a filter on it reaches the scans.
WITH transfers AS (
  SELECT
    *,
    finite_or_null(training_time_hours) AS hours,
    CAST(training_cost_usd AS DOUBLE) AS cost_usd,
    status = 'completed' AS is_completed
  FROM transfer_learning_sessions
  WHERE id NOT IN (SELECT id FROM runs WHERE deleted_at IS NOT NULL)
),
finished AS (
  SELECT
    id,
    agent_id,
    started_at,
    completed_at
  FROM training_sessions
  WHERE status = 'completed' AND id NOT IN (SELECT id FROM runs WHERE deleted_at IS NOT NULL)
  UNION ALL
  SELECT
    id,
    target_agent_id AS agent_id,
    started_at,
    completed_at
  FROM transfer_learning_sessions
  WHERE status = 'completed' AND id NOT IN (SELECT id FROM runs WHERE deleted_at IS NOT NULL)
),
-- A later training of the agent, once completed, owns the benchmarks from then on.
taken_over AS (
  SELECT
    t.target_agent_id,
    t.id,
    min(f.completed_at) AS from_time
  FROM transfers AS t
  JOIN finished AS f
    ON f.agent_id = t.target_agent_id AND f.id <> t.id AND f.started_at >= t.completed_at
  WHERE t.is_completed
  GROUP BY t.target_agent_id, t.id
),
measured AS (
  SELECT * FROM benchmarks WHERE accuracy_score IS NOT NULL
),
scored AS (
  SELECT
    t.target_agent_id,
    t.id,
    m.benchmark_name,
    arg_max(m.accuracy_score, (m.created_at, m.id)) AS accuracy_before,
    NULL AS accuracy_after,
    arg_max(m.higher_is_better, (m.created_at, m.id)) AS higher_before,
    NULL AS higher_after
  FROM transfers AS t
  JOIN measured AS m ON m.agent_id = t.target_agent_id AND m.created_at <= t.started_at
  GROUP BY t.target_agent_id, t.id, m.benchmark_name
  UNION ALL
  SELECT
    t.target_agent_id,
    t.id,
    m.benchmark_name,
    NULL AS accuracy_before,
    arg_min(m.accuracy_score, (m.created_at, m.id)) AS accuracy_after,
    NULL AS higher_before,
    arg_min(m.higher_is_better, (m.created_at, m.id)) AS higher_after
  FROM transfers AS t
  LEFT JOIN taken_over AS o ON o.target_agent_id = t.target_agent_id AND o.id = t.id
  JOIN measured AS m
    ON m.agent_id = t.target_agent_id AND m.created_at >= t.completed_at AND m.created_at > t.started_at
  WHERE t.is_completed AND (o.from_time IS NULL OR m.created_at < o.from_time)
  GROUP BY t.target_agent_id, t.id, m.benchmark_name
),
paired AS (
  SELECT
    target_agent_id,
    id,
    benchmark_name,
    max(accuracy_before) AS accuracy_before,
    max(accuracy_after) AS accuracy_after,
    finite_or_null(
      gain(max(accuracy_after), max(accuracy_before), coalesce(bool_and(higher_after), bool_and(higher_before)))
    ) AS accuracy_gain
  FROM scored
  GROUP BY target_agent_id, id, benchmark_name
),
regular AS (
  SELECT
    s.agent_id,
    count(*) AS n_regular_sessions,
    median(hours_between(s.started_at, s.completed_at)) AS regular_training_time,
    median(CAST(s.training_cost_usd AS DOUBLE)) AS regular_cost
  FROM training_sessions AS s
  LEFT JOIN runs AS r ON r.id = s.id
  WHERE s.status = 'completed'
    AND s.training_type = 'from_scratch'
    AND s.completed_at > s.started_at
    AND r.parent_run_id IS NULL
    AND r.deleted_at IS NULL
  GROUP BY s.agent_id
),
judged AS (
  SELECT
    t.id AS transfer_id, -- The transfer, which is also its run.
    t.target_agent_id,
    t.source_agent_id,
    t.knowledge_domain,
    t.transfer_method,
    t.layers_transferred,
    t.fine_tuning_epochs,
    p.benchmark_name,
    p.accuracy_before, -- The target's latest score before it started.
    p.accuracy_after, -- The target's earliest score after it ended.
    p.accuracy_gain, -- After minus before, turned so that positive is better.
    coalesce(r.n_regular_sessions, 0) AS n_regular_sessions, -- The target's completed trainings from scratch.
    r.regular_training_time, -- Median of their hours.
    t.hours AS transfer_training_time, -- The hours of the transfer.
    CASE WHEN t.is_completed THEN r.regular_training_time - t.hours END AS time_saved, -- Regular minus transfer, hours; NULL unless it is completed.
    r.regular_cost, -- Median of their costs, dollars.
    t.cost_usd AS transfer_cost, -- The cost of the transfer, dollars.
    CASE WHEN t.is_completed THEN r.regular_cost - t.cost_usd END AS cost_saved, -- Regular minus transfer, dollars; NULL unless it is completed.
    s.workspace_id
  FROM transfers AS t
  LEFT JOIN paired AS p ON p.target_agent_id = t.target_agent_id AND p.id = t.id
  LEFT JOIN regular AS r ON r.agent_id = t.target_agent_id
  LEFT JOIN training_sessions AS s ON s.agent_id = t.target_agent_id AND s.id = t.id
)
SELECT
  * EXCLUDE (workspace_id),
  safe_divide(accuracy_gain, transfer_training_time) AS efficiency_score, -- accuracy_gain per hour of the transfer.
  finite_or_null(100 * safe_divide(time_saved, regular_training_time)) AS time_reduction_pct, -- time_saved in % of the regular time.
  finite_or_null(100 * safe_divide(cost_saved, regular_cost)) AS cost_reduction_pct, -- cost_saved in % of the regular cost.
  transfer_label(
    accuracy_gain, 100 * safe_divide(time_saved, regular_training_time), workspace_id
  ) AS transfer_effectiveness -- insufficient_data, highly_effective (> 0.1 and > 50 % time saved), effective (> 0.05, > 30 %), moderately_effective, ineffective.
FROM judged
