-- One row is a model version and one benchmark, as in model_version_comparison, with the run that made it.
-- grain: version_id, benchmark_name
-- The score itself may be lower-is-better; the delta is positive when things got better.
WITH directions AS (
  SELECT
    v.agent_id,
    b.benchmark_name,
    bool_and(b.higher_is_better) AS higher_is_better
  FROM model_versions AS v
  JOIN benchmarks AS b ON b.model_version_id = v.id
  GROUP BY v.agent_id, b.benchmark_name
)
SELECT
  c.*,
  d.higher_is_better,
  v.run_id,
  r.name AS run_name, -- The name of the run that made it.
  r.workspace_id
FROM model_version_comparison AS c
LEFT JOIN model_versions AS v ON v.agent_id = c.agent_id AND v.id = c.version_id
LEFT JOIN runs AS r ON r.id = v.run_id
LEFT JOIN directions AS d ON d.agent_id = c.agent_id AND d.benchmark_name = c.benchmark_name
