-- One row is a completed training session and how its configuration differs from that of the agent's training before.
-- grain: session_id
-- Names, tags, agent and workspace are no difference. Lists are compared as a whole; a setting that is null is not set.
-- n_changes is NULL where a configuration is unknown, and for the first training. agent_id stands in every window and
-- join, so that a filter on it reaches the scan of training_sessions.
WITH trained AS (
  SELECT
    s.agent_id,
    s.id AS session_id,
    s.completed_at AS training_date,
    r.config
  FROM training_sessions AS s
  LEFT JOIN runs AS r ON r.id = s.id
  WHERE s.status = 'completed' AND s.completed_at IS NOT NULL AND r.parent_run_id IS NULL
),
neighbours AS (
  SELECT
    *,
    lag(session_id) OVER in_turn AS previous_session_id,
    lag(config) OVER in_turn AS previous_config
  FROM trained
  WINDOW in_turn AS (PARTITION BY agent_id ORDER BY training_date, session_id)
),
known AS (
  SELECT * FROM neighbours WHERE config IS NOT NULL AND previous_config IS NOT NULL
),
settings_of_both AS (
  SELECT
    k.agent_id,
    k.session_id,
    t.fullkey,
    t.type,
    NULL AS before,
    t.value ->> '$' AS after
  FROM known AS k, json_tree(k.config) AS t
  UNION ALL
  SELECT
    k.agent_id,
    k.session_id,
    t.fullkey,
    t.type,
    t.value ->> '$' AS before,
    NULL AS after
  FROM known AS k, json_tree(k.previous_config) AS t
),
differing AS (
  SELECT
    agent_id,
    session_id,
    substr(fullkey, 3) AS setting,
    max(before) AS before,
    max(after) AS after
  FROM settings_of_both
  WHERE type NOT IN ('OBJECT', 'NULL')
    AND NOT contains(fullkey, '[')
    AND split_part(fullkey, '.', 2) NOT IN ('name', 'tags', 'agent', 'workspace')
  GROUP BY agent_id, session_id, fullkey
  HAVING max(before) IS DISTINCT FROM max(after)
),
listed AS (
  SELECT
    agent_id,
    session_id,
    count(*) AS n_changes,
    list({'setting': setting, 'before': before, 'after': after} ORDER BY setting) AS changes
  FROM differing
  GROUP BY agent_id, session_id
)
SELECT
  n.agent_id,
  n.session_id,
  n.previous_session_id,
  n.training_date,
  CASE
    WHEN n.config IS NOT NULL AND n.previous_config IS NOT NULL THEN coalesce(c.n_changes, 0)
  END AS n_changes,
  c.changes
FROM neighbours AS n
LEFT JOIN listed AS c ON c.agent_id = n.agent_id AND c.session_id = n.session_id
