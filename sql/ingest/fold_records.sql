-- Makes the rows of the records in the table `touched_records` again from recorded_events: of each field what was said last.
-- Like fold_runs it depends on the events alone, not on the order in which journals were read.

CREATE OR REPLACE TEMP TABLE recorded AS
SELECT
  e.record_id,
  e.kind,
  e.logged_at,
  e.body,
  (e.logged_at, e.journal, e.line_offset) AS place
FROM recorded_events AS e
WHERE e.record_id IN (SELECT id FROM touched_records);

DELETE FROM agent_executions WHERE execution_id IN (SELECT record_id FROM recorded WHERE kind = 'execution');

INSERT INTO agent_executions BY NAME
SELECT
  record_id AS execution_id,
  coalesce(arg_max(body ->> 'agent', place), 'default') AS agent_id,
  CAST(arg_max(body ->> 'model_version_id', place) AS UUID) AS model_version_id,
  arg_max(body ->> 'version', place) AS model_version,
  arg_max(body ->> 'user', place) AS user_id,
  arg_max(body ->> 'status', place) AS status,
  arg_max(CAST(body ->> 'latency_ms' AS DOUBLE), place) AS latency_ms,
  arg_max(body -> 'inputs', place) AS inputs,
  coalesce(make_timestamp(arg_max(CAST(body ->> 'created_at' AS BIGINT), place)), min(logged_at)) AS created_at
FROM recorded
WHERE kind = 'execution'
GROUP BY record_id;

DELETE FROM feedback_events WHERE id IN (SELECT record_id FROM recorded WHERE kind = 'feedback');

INSERT INTO feedback_events BY NAME
SELECT
  record_id AS id,
  coalesce(arg_max(body ->> 'agent', place), 'default') AS agent_id,
  CAST(arg_max(body ->> 'model_version_id', place) AS UUID) AS model_version_id,
  arg_max(body ->> 'version', place) AS model_version,
  arg_max(body ->> 'user', place) AS user_id,
  arg_max(body ->> 'item', place) AS item_id,
  arg_max(CAST(body ->> 'is_positive' AS BOOLEAN), place) AS is_positive,
  arg_max(CAST(body ->> 'was_correct_before' AS BOOLEAN), place) AS was_correct_before,
  arg_max(CAST(body ->> 'was_correct_after' AS BOOLEAN), place) AS was_correct_after,
  coalesce(make_timestamp(arg_max(CAST(body ->> 'created_at' AS BIGINT), place)), min(logged_at)) AS created_at
FROM recorded
WHERE kind = 'feedback'
GROUP BY record_id;

DELETE FROM learning_updates WHERE id IN (SELECT record_id FROM recorded WHERE kind = 'update');

INSERT INTO learning_updates BY NAME
SELECT
  record_id AS id,
  coalesce(arg_max(body ->> 'agent', place), 'default') AS agent_id,
  arg_max(body ->> 'from_version', place) AS from_version,
  arg_max(body ->> 'to_version', place) AS to_version,
  arg_max(body ->> 'status', place) AS status,
  arg_max(CAST(body ->> 'examples' AS BIGINT), place) AS examples,
  arg_max(body ->> 'reason', place) AS reason,
  make_timestamp(arg_max(CAST(body ->> 'started_at' AS BIGINT), place)) AS started_at,
  coalesce(make_timestamp(arg_max(CAST(body ->> 'completed_at' AS BIGINT), place)), min(logged_at)) AS completed_at
FROM recorded
WHERE kind = 'update'
GROUP BY record_id;

DELETE FROM task_scores WHERE id IN (SELECT record_id FROM recorded WHERE kind = 'task_score');

INSERT INTO task_scores BY NAME
SELECT
  record_id AS id,
  coalesce(arg_max(body ->> 'agent', place), 'default') AS agent_id,
  arg_max(CAST(body ->> 'update_index' AS INTEGER), place) AS update_index,
  arg_max(body ->> 'task', place) AS task,
  arg_max(CAST(body ->> 'task_index' AS INTEGER), place) AS task_index,
  arg_max(CAST(body ->> 'score' AS DOUBLE), place) AS score,
  arg_max(CAST(body ->> 'higher_is_better' AS BOOLEAN), place) AS higher_is_better,
  coalesce(make_timestamp(arg_max(CAST(body ->> 'scored_at' AS BIGINT), place)), min(logged_at)) AS scored_at
FROM recorded
WHERE kind = 'task_score'
GROUP BY record_id;

DELETE FROM datasets WHERE record_id IN (SELECT record_id FROM recorded WHERE kind = 'dataset');

INSERT INTO datasets BY NAME
SELECT
  record_id,
  arg_max(body ->> 'version', place) AS id,
  arg_max(body ->> 'name', place) AS name,
  arg_max(body ->> 'path', place) AS path,
  arg_max(body ->> 'format', place) AS format,
  arg_max(body ->> 'sha256', place) AS sha256,
  arg_max(CAST(body ->> 'size_bytes' AS BIGINT), place) AS size_bytes,
  arg_max(CAST(body ->> 'rows' AS BIGINT), place) AS rows,
  arg_max(body -> 'columns', place) AS schema,
  arg_max(body -> 'classes', place) AS classes,
  arg_max(body -> 'split', place) AS split,
  min(logged_at) AS created_at
FROM recorded
WHERE kind = 'dataset'
GROUP BY record_id;
