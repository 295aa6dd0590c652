-- One row is one use of a model in production, with the version that it was, however that was named.
-- grain: execution_id
-- Of several versions of an agent with one name it is the newest. Those that name no version by id are looked up apart, so
-- that a filter on the version reaches the scan of all others.
WITH versions AS (
  SELECT
    agent_id,
    version,
    arg_max(id, (created_at, id)) AS id
  FROM model_versions
  GROUP BY agent_id, version
)
SELECT
  execution_id,
  agent_id,
  model_version_id,
  user_id,
  status,
  finite_or_null(latency_ms) AS latency_ms,
  created_at
FROM agent_executions
WHERE model_version_id IS NOT NULL
UNION ALL
SELECT
  e.execution_id,
  e.agent_id,
  v.id AS model_version_id,
  e.user_id,
  e.status,
  finite_or_null(e.latency_ms) AS latency_ms,
  e.created_at
FROM agent_executions AS e
LEFT JOIN versions AS v ON v.agent_id = e.agent_id AND v.version = e.model_version
WHERE e.model_version_id IS NULL
