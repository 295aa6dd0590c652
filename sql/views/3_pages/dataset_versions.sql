-- One row is a version of a data set, with the trainings that learnt from it.
-- grain: id
-- A version that only a journal of another yard knows has no row here.
WITH used AS (
  SELECT
    t.dataset_id,
    count(*) AS trainings,
    max(t.started_at) AS last_trained_at,
    count(DISTINCT t.agent_id) AS agents
  FROM training_sessions AS t
  GROUP BY t.dataset_id
)
SELECT
  d.id,
  d.name,
  d.path,
  d.format,
  d.sha256,
  d.size_bytes,
  d.rows,
  d.schema,
  d.classes,
  d.split,
  d.created_at,
  coalesce(u.trainings, 0) AS trainings, -- Runs that learnt from this version.
  coalesce(u.agents, 0) AS agents, -- Agents with such a run.
  u.last_trained_at -- When the newest of them began, UTC; NULL where there is none.
FROM datasets AS d
LEFT JOIN used AS u ON u.dataset_id = d.id
