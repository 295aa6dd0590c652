-- One row is a completed training and one benchmark, as in model_performance_evolution, with what changed in its setup.
-- grain: session_id, benchmark_name
-- The score itself may be lower-is-better; the improvement is positive when things got better.
WITH directions AS (
  SELECT
    agent_id,
    benchmark_name,
    bool_and(higher_is_better) AS higher_is_better
  FROM benchmarks
  GROUP BY agent_id, benchmark_name
)
SELECT
  e.*,
  d.higher_is_better,
  s.workspace_id,
  s.training_type,
  r.name AS run_name, -- The name of the run.
  c.previous_session_id,
  before.name AS previous_run_name, -- The name of the run before.
  c.n_changes,
  list_transform(
    c.changes,
    lambda x: regexp_replace(x.setting, '^hyperparameters\.', '') || ': ' || coalesce(x.before, 'not set') || ' → ' || coalesce(x.after, 'not set')
  ) AS changes -- The settings that differ, each as one line.
FROM model_performance_evolution AS e
LEFT JOIN training_sessions AS s ON s.agent_id = e.agent_id AND s.id = e.session_id
LEFT JOIN runs AS r ON r.id = e.session_id
LEFT JOIN config_changes AS c ON c.agent_id = e.agent_id AND c.session_id = e.session_id
LEFT JOIN runs AS before ON before.id = c.previous_session_id
LEFT JOIN directions AS d ON d.agent_id = e.agent_id AND d.benchmark_name = e.benchmark_name
