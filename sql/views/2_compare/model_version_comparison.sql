-- One row is a model version and one benchmark: its scores and its reliability in use, against those of its parent.
-- grain: version_id, benchmark_name
-- Benchmarks and executions are aggregated apart and joined one to one, so that neither multiplies the other. Each part
-- carries the agent of the version (an execution need not name one), so that a filter on agent_id reaches all scans.
WITH scored AS (
  SELECT
    v.agent_id,
    v.id AS version_id,
    b.benchmark_name,
    bool_and(b.higher_is_better) AS higher_is_better,
    count(b.accuracy_score) AS n_benchmarks,
    finite_or_null(avg(b.accuracy_score)) AS accuracy,
    finite_or_null(avg(b.speed_score)) AS speed,
    finite_or_null(avg(b.efficiency_score)) AS efficiency
  FROM model_versions AS v
  JOIN benchmarks AS b ON b.model_version_id = v.id
  GROUP BY v.agent_id, v.id, b.benchmark_name
),
used AS (
  SELECT
    v.agent_id,
    v.id AS version_id,
    count(*) AS execution_count,
    count(DISTINCT e.user_id) AS unique_users,
    safe_divide(
      count(*) FILTER (WHERE e.status = 'success'),
      count(*) FILTER (WHERE e.status IN ('success', 'failed', 'error', 'timeout'))
    ) AS success_rate
  FROM model_versions AS v
  JOIN executions AS e ON e.model_version_id = v.id
  GROUP BY v.agent_id, v.id
),
parents AS (
  SELECT
    child.agent_id,
    child.id AS version_id,
    parent.id AS parent_id
  FROM model_versions AS child
  JOIN model_versions AS parent
    ON parent.agent_id = child.agent_id AND parent.version = child.parent_version AND parent.id <> child.id
  QUALIFY row_number() OVER (
    PARTITION BY child.agent_id, child.id
    ORDER BY
      coalesce(parent.created_at <= child.created_at, false) DESC,
      parent.created_at DESC NULLS LAST,
      parent.id DESC
  ) = 1
),
compared AS (
  SELECT
    v.agent_id,
    v.id AS version_id, -- The version.
    v.version AS current_version, -- Its name.
    v.parent_version AS previous_version, -- The name of its parent.
    v.created_at AS version_date, -- When it was made, UTC.
    s.benchmark_name,
    coalesce(s.n_benchmarks, 0) AS n_benchmarks, -- How many finite accuracy scores it has.
    s.accuracy AS current_accuracy, -- Its mean accuracy score.
    before.accuracy AS previous_accuracy, -- The mean accuracy score of its parent.
    finite_or_null(gain(s.accuracy, before.accuracy, s.higher_is_better)) AS accuracy_delta, -- Current minus previous, turned so that positive is better.
    s.speed AS avg_speed, -- Mean speed, examples per second.
    s.efficiency AS avg_efficiency, -- Mean efficiency, examples per CPU second.
    coalesce(u.execution_count, 0) AS execution_count, -- How often it was used.
    coalesce(u.unique_users, 0) AS unique_users, -- By how many users.
    u.success_rate AS current_success_rate, -- success / uses that came to an end and were not cancelled, 0 to 1.
    used_before.success_rate AS previous_success_rate, -- current_success_rate of its parent.
    u.success_rate - used_before.success_rate AS reliability_delta, -- Current minus previous success rate.
    t.workspace_id
  FROM model_versions AS v
  LEFT JOIN training_sessions AS t ON t.agent_id = v.agent_id AND t.id = v.run_id
  LEFT JOIN scored AS s ON s.agent_id = v.agent_id AND s.version_id = v.id
  LEFT JOIN parents AS p ON p.agent_id = v.agent_id AND p.version_id = v.id
  LEFT JOIN scored AS before
    ON before.agent_id = v.agent_id
    AND before.version_id = p.parent_id
    AND before.benchmark_name = s.benchmark_name
  LEFT JOIN used AS u ON u.agent_id = v.agent_id AND u.version_id = v.id
  LEFT JOIN used AS used_before ON used_before.agent_id = v.agent_id AND used_before.version_id = p.parent_id
)
SELECT
  * EXCLUDE (workspace_id),
  version_label(previous_version, accuracy_delta, reliability_delta, workspace_id) AS version_assessment -- initial_version, insufficient_data, regression, mixed_results, major_improvement (> 0.05), improvement, no_change.
FROM compared
