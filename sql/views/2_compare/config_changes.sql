-- One row is a completed training session and how its configuration differs from that of the agent's training before.
-- grain: session_id
-- Names, tags, agent and workspace are no difference. Lists are compared as a whole; a setting that is null is not set.
-- n_changes is NULL where a configuration is unknown, and for the first training.
WITH trained AS (
  SELECT
    s.agent_id,
    s.id AS session_id,
    s.completed_at AS training_date,
    map_from_entries(list_filter(
      settings_of(r.config),
      lambda setting: json_type(setting.value) <> 'NULL'
        AND split_part(setting.key, '.', 1) NOT IN ('name', 'tags', 'agent', 'workspace')
    )) AS settings
  FROM training_sessions AS s
  LEFT JOIN runs AS r ON r.id = s.id
  WHERE s.status = 'completed' AND s.completed_at IS NOT NULL AND r.parent_run_id IS NULL AND r.deleted_at IS NULL
),
neighbours AS (
  SELECT
    *,
    lag(session_id) OVER in_turn AS previous_session_id,
    lag(settings) OVER in_turn AS previous_settings
  FROM trained
  WINDOW in_turn AS (PARTITION BY agent_id ORDER BY training_date, session_id)
),
compared AS (
  SELECT
    agent_id,
    session_id,
    previous_session_id,
    training_date,
    CASE
      WHEN settings IS NOT NULL AND previous_settings IS NOT NULL THEN list_filter(
        list_transform(
          list_sort(list_distinct(list_concat(map_keys(previous_settings), map_keys(settings)))),
          lambda setting: {
            'setting': setting,
            'before': previous_settings[setting] ->> '$',
            'after': settings[setting] ->> '$'
          }
        ),
        lambda change: change.before IS DISTINCT FROM change.after
      )
    END AS changes
  FROM neighbours
)
SELECT
  agent_id,
  session_id, -- The training.
  previous_session_id, -- The agent's completed training before it.
  training_date, -- When it was completed, UTC.
  len(changes) AS n_changes, -- How many settings differ; NULL: unknown, or there was none before.
  changes -- Each setting that differs, with its value before and after.
FROM compared
