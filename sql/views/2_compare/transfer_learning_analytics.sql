-- One row is a transfer and one benchmark: what starting from another agent's model gained, and what it saved.
-- grain: transfer_id, benchmark_name
-- The regular baseline is the median of the target agent's completed trainings from scratch. The thresholds on the gain
-- assume scores between 0 and 1.
WITH transfers AS (
  SELECT
    *,
    finite_or_null(training_time_hours) AS hours,
    CAST(training_cost_usd AS DOUBLE) AS cost_usd,
    status = 'completed' AND completed_at IS NOT NULL AS is_completed
  FROM transfer_learning_sessions
),
finished AS (
  SELECT id, agent_id, started_at, completed_at FROM training_sessions WHERE status = 'completed'
  UNION ALL
  SELECT id, target_agent_id, started_at, completed_at FROM transfer_learning_sessions WHERE status = 'completed'
),
-- A later training of the agent, once completed, owns the benchmarks from then on.
taken_over AS (
  SELECT t.id, min(f.completed_at) AS from_time
  FROM transfers AS t
  JOIN finished AS f
    ON f.agent_id = t.target_agent_id AND f.id <> t.id AND f.started_at >= t.completed_at
  WHERE t.is_completed
  GROUP BY t.id
),
measured AS (
  SELECT * FROM benchmarks WHERE accuracy_score IS NOT NULL
),
before_it AS (
  SELECT
    t.id,
    m.benchmark_name,
    arg_max(m.accuracy_score, (m.created_at, m.id)) AS accuracy,
    arg_max(m.higher_is_better, (m.created_at, m.id)) AS higher_is_better
  FROM transfers AS t
  JOIN measured AS m ON m.agent_id = t.target_agent_id AND m.created_at <= t.started_at
  GROUP BY t.id, m.benchmark_name
),
after_it AS (
  SELECT
    t.id,
    m.benchmark_name,
    arg_min(m.accuracy_score, (m.created_at, m.id)) AS accuracy,
    arg_min(m.higher_is_better, (m.created_at, m.id)) AS higher_is_better
  FROM transfers AS t
  LEFT JOIN taken_over AS o ON o.id = t.id
  JOIN measured AS m
    ON m.agent_id = t.target_agent_id AND m.created_at >= t.completed_at AND m.created_at > t.started_at
  WHERE t.is_completed AND (o.from_time IS NULL OR m.created_at < o.from_time)
  GROUP BY t.id, m.benchmark_name
),
paired AS (
  SELECT
    coalesce(b.id, a.id) AS id,
    coalesce(b.benchmark_name, a.benchmark_name) AS benchmark_name,
    b.accuracy AS accuracy_before,
    a.accuracy AS accuracy_after,
    finite_or_null(gain(a.accuracy, b.accuracy, coalesce(a.higher_is_better, b.higher_is_better))) AS accuracy_gain
  FROM before_it AS b
  FULL JOIN after_it AS a ON a.id = b.id AND a.benchmark_name = b.benchmark_name
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
  GROUP BY s.agent_id
),
judged AS (
  SELECT
    t.id AS transfer_id,
    t.target_agent_id,
    t.source_agent_id,
    t.knowledge_domain,
    t.transfer_method,
    t.layers_transferred,
    t.fine_tuning_epochs,
    p.benchmark_name,
    p.accuracy_before,
    p.accuracy_after,
    p.accuracy_gain,
    coalesce(r.n_regular_sessions, 0) AS n_regular_sessions,
    r.regular_training_time,
    t.hours AS transfer_training_time,
    CASE WHEN t.is_completed THEN r.regular_training_time - t.hours END AS time_saved,
    r.regular_cost,
    t.cost_usd AS transfer_cost,
    CASE WHEN t.is_completed THEN r.regular_cost - t.cost_usd END AS cost_saved
  FROM transfers AS t
  LEFT JOIN paired AS p ON p.id = t.id
  LEFT JOIN regular AS r ON r.agent_id = t.target_agent_id
)
SELECT
  *,
  safe_divide(accuracy_gain, transfer_training_time) AS efficiency_score,
  100 * safe_divide(time_saved, regular_training_time) AS time_reduction_pct,
  100 * safe_divide(cost_saved, regular_cost) AS cost_reduction_pct,
  transfer_label(accuracy_gain, 100 * safe_divide(time_saved, regular_training_time)) AS transfer_effectiveness
FROM judged
