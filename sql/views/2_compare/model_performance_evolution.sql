-- One row is a completed training session and one benchmark: how it scored after the training, against the score before.
-- grain: session_id, benchmark_name
-- A benchmark belongs to the last session of its agent (and of its version, when that is known) that was completed at
-- most 24 hours before it. agent_id stands in every join and window, so that a filter on it reaches the scans.
WITH trained AS (
  SELECT
    s.agent_id,
    s.id AS session_id,
    s.workspace_id,
    s.model_version,
    s.completed_at AS training_date,
    finite_or_null(s.best_validation_loss) AS best_validation_loss
  FROM training_sessions AS s
  LEFT JOIN runs AS r ON r.id = s.id
  WHERE s.status = 'completed' AND s.completed_at IS NOT NULL AND r.parent_run_id IS NULL
    AND r.deleted_at IS NULL
),
measured AS (
  SELECT b.*, v.version, v.id IS NOT NULL AS has_version
  FROM benchmarks AS b
  LEFT JOIN model_versions AS v ON v.id = b.model_version_id
),
by_version AS (
  SELECT agent_id, model_version, training_date, max(session_id) AS session_id FROM trained GROUP BY ALL
),
by_agent AS (
  SELECT agent_id, training_date, max(session_id) AS session_id FROM trained GROUP BY ALL
),
belonging AS (
  SELECT t.session_id, m.*
  FROM (FROM measured WHERE has_version) AS m
  ASOF JOIN by_version AS t
    ON t.agent_id = m.agent_id AND t.model_version = m.version AND t.training_date <= m.created_at
  WHERE m.created_at < t.training_date + INTERVAL 24 HOUR
  UNION ALL BY NAME
  SELECT t.session_id, m.*
  FROM (FROM measured WHERE NOT has_version) AS m
  ASOF JOIN by_agent AS t
    ON t.agent_id = m.agent_id AND t.training_date <= m.created_at
  WHERE m.created_at < t.training_date + INTERVAL 24 HOUR
),
scored AS (
  SELECT
    agent_id,
    session_id,
    benchmark_name,
    bool_and(higher_is_better) AS higher_is_better,
    count(accuracy_score) AS n_benchmarks,
    finite_or_null(avg(accuracy_score)) AS post_training_accuracy,
    finite_or_null(avg(speed_score)) AS post_training_speed
  FROM belonging
  GROUP BY agent_id, session_id, benchmark_name
),
compared AS (
  SELECT
    t.*,
    s.benchmark_name,
    s.higher_is_better,
    coalesce(s.n_benchmarks, 0) AS n_benchmarks,
    s.post_training_accuracy,
    s.post_training_speed,
    last_value(s.post_training_accuracy IGNORE NULLS) OVER before_it AS prev_accuracy,
    last_value(s.post_training_speed IGNORE NULLS) OVER before_it AS prev_speed
  FROM trained AS t
  LEFT JOIN scored AS s ON s.agent_id = t.agent_id AND s.session_id = t.session_id
  WINDOW before_it AS (
    PARTITION BY t.agent_id, s.benchmark_name
    ORDER BY t.training_date, t.session_id
    ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
  )
),
improved AS (
  SELECT
    *,
    finite_or_null(gain(post_training_accuracy, prev_accuracy, higher_is_better)) AS accuracy_improvement,
    finite_or_null(
      100 * safe_divide(gain(post_training_accuracy, prev_accuracy, higher_is_better), abs(prev_accuracy))
    ) AS accuracy_improvement_pct,
    finite_or_null(post_training_speed - prev_speed) AS speed_improvement,
    finite_or_null(100 * safe_divide(post_training_speed - prev_speed, abs(prev_speed))) AS speed_improvement_pct
  FROM compared
)
SELECT
  agent_id,
  session_id, -- The training.
  model_version,
  training_date, -- When it was completed, UTC.
  benchmark_name,
  n_benchmarks, -- How many finite accuracy scores it has.
  best_validation_loss,
  post_training_accuracy, -- Mean accuracy score after the training.
  post_training_speed, -- Mean speed after the training, examples per second.
  prev_accuracy, -- post_training_accuracy of the last training before it that has one.
  prev_speed, -- post_training_speed of the last training before it that has one.
  accuracy_improvement, -- After minus before, turned so that positive is better.
  accuracy_improvement_pct, -- accuracy_improvement in % of the score before.
  speed_improvement, -- After minus before, examples per second.
  speed_improvement_pct, -- speed_improvement in % of the speed before.
  improvement_label(
    post_training_accuracy, prev_accuracy, accuracy_improvement, accuracy_improvement_pct, workspace_id
  ) AS improvement_category, -- no_benchmark, baseline, significant_ (> 10 %), moderate_ (> 5 %) or slight_improvement, no_change, degradation.
  finite_or_null(
    avg(accuracy_improvement_pct) OVER (
      PARTITION BY agent_id, benchmark_name
      ORDER BY training_date, session_id
      ROWS BETWEEN 4 PRECEDING AND CURRENT ROW
    )
  ) AS rolling_avg_improvement -- Mean accuracy_improvement_pct of this training and the 4 before.
FROM improved
