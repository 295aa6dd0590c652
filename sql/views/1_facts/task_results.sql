-- One row is an agent's score on a task after an update: the newest of repeated ones; a not-finite one is NULL.
-- grain: agent_id, update_index, task_index
-- It is R[i][j] of continual learning: update i, task j; update 0 is the untrained model.
SELECT
  agent_id,
  update_index,
  task_index,
  task,
  finite_or_null(score) AS score,
  coalesce(higher_is_better, true) AS higher_is_better,
  CASE WHEN coalesce(higher_is_better, true) THEN 1 ELSE -1 END * finite_or_null(score) AS goodness, -- The score turned so that larger is better.
  update_id,
  scored_at
FROM task_scores
WHERE update_index IS NOT NULL AND task_index IS NOT NULL
QUALIFY row_number() OVER (
  PARTITION BY agent_id, update_index, task_index
  ORDER BY scored_at DESC NULLS LAST, update_id DESC NULLS LAST, score DESC NULLS LAST
) = 1
