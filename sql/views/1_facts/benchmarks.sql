-- One row is one benchmark execution with usable scores: not-finite ones are NULL, names and directions are filled in.
-- grain: id
SELECT
  id,
  agent_id,
  model_version_id,
  coalesce(benchmark_name, 'default') AS benchmark_name,
  coalesce(higher_is_better, true) AS higher_is_better,
  finite_or_null(accuracy_score) AS accuracy_score,
  finite_or_null(speed_score) AS speed_score,
  finite_or_null(efficiency_score) AS efficiency_score,
  created_at
FROM benchmark_executions
