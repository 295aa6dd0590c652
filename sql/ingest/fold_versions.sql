-- Makes the versions, benchmarks and transfers of the runs in the variable `touched` again, after fold_progress. Numbers and
-- parents are then set for all versions of their agents, since a run that is heard of late may come before others.
-- A run gets its number when it is queued, so one that fails leaves a gap.

DELETE FROM model_versions WHERE run_id IN getvariable('touched');

INSERT INTO model_versions BY NAME
WITH saved AS (
  SELECT run_id, attempt, arg_min(body, (logged_at, journal, line_offset)) AS ended
  FROM run_events
  WHERE run_id IN getvariable('touched') AND kind = 'ended'
  GROUP BY run_id, attempt
),
measured AS (
  SELECT e.session_id, to_json(map(list(m.name ORDER BY m.name), list(m.value ORDER BY m.name))) AS metrics
  FROM epochs AS e
  JOIN training_sessions AS t ON t.id = e.session_id
  JOIN runs AS r ON r.id = e.session_id
  JOIN (
    -- What came in the line of an epoch has its time.
    SELECT session_id, attempt, logged_at, name, max(finite_or_null(value)) AS value
    FROM metrics
    WHERE session_id IN getvariable('touched')
    GROUP BY session_id, attempt, logged_at, name
    HAVING max(finite_or_null(value)) IS NOT NULL
  ) AS m ON m.session_id = e.session_id AND m.attempt = e.attempt AND m.logged_at = e.logged_at
  WHERE e.session_id IN getvariable('touched')
    AND e.epoch = CASE
      WHEN TRY_CAST(r.config ->> '$.evaluation.save_best_model' AS BOOLEAN) THEN t.best_epoch
      ELSE t.completed_epochs
    END
  GROUP BY e.session_id
)
SELECT
  r.id,
  r.agent_id,
  r.id AS run_id,
  concat('runs/', r.id, '/', s.ended ->> 'model_path') AS path,
  s.ended ->> 'model_sha256' AS sha256,
  TRY_CAST(s.ended ->> 'model_bytes' AS BIGINT) AS size_bytes,
  t.parameters,
  r.config ->> '$.model.model_type' AS architecture,
  m.metrics,
  r.ended_at AS created_at
FROM runs AS r
JOIN training_sessions AS t ON t.id = r.id
JOIN saved AS s ON s.run_id = r.id AND s.attempt = r.attempt
LEFT JOIN measured AS m ON m.session_id = r.id
WHERE r.id IN getvariable('touched')
  AND r.status = 'completed'
  AND is_numbered(r.kind, r.parent_run_id, r.queued_at, r.launched_by)
  AND s.ended ->> 'model_path' IS NOT NULL;

DELETE FROM benchmark_executions WHERE run_id IN getvariable('touched');

INSERT INTO benchmark_executions BY NAME
SELECT
  TRY_CAST(e.body ->> 'id' AS UUID) AS id,
  r.agent_id,
  TRY_CAST(e.body ->> 'model_version_id' AS UUID) AS model_version_id,
  e.body ->> 'benchmark_name' AS benchmark_name,
  TRY_CAST(e.body ->> 'higher_is_better' AS BOOLEAN) AS higher_is_better,
  TRY_CAST(e.body ->> 'accuracy_score' AS DOUBLE) AS accuracy_score,
  TRY_CAST(e.body ->> 'speed_score' AS DOUBLE) AS speed_score,
  TRY_CAST(e.body ->> 'efficiency_score' AS DOUBLE) AS efficiency_score,
  e.body ->> 'metric' AS metric,
  r.id AS run_id,
  TRY_CAST(e.body ->> 'n_examples' AS BIGINT) AS n_examples,
  e.logged_at AS created_at
FROM run_events AS e
JOIN runs AS r ON r.id = e.run_id
WHERE e.run_id IN getvariable('touched') AND e.kind = 'benchmark' AND r.parent_run_id IS NULL;

DELETE FROM transfer_learning_sessions WHERE id IN getvariable('touched');

INSERT INTO transfer_learning_sessions BY NAME
WITH said AS (
  SELECT
    run_id,
    arg_max(body, (logged_at, journal, line_offset)) AS body,
    max(logged_at) AS logged_at
  FROM run_events
  WHERE run_id IN getvariable('touched') AND kind = 'transferred'
  GROUP BY run_id
),
before AS (
  SELECT run_id, min(start) AS start
  FROM (SELECT run_id, body, unnest(TRY_CAST(body -> 'benchmarks' AS JSON[])) AS start FROM said)
  WHERE start ->> 'metric' = body ->> 'metric'
  GROUP BY run_id
),
after AS (
  SELECT run_id, benchmark_name, arg_min(accuracy_score, (created_at, id)) AS score
  FROM benchmark_executions
  WHERE run_id IN getvariable('touched') AND model_version_id = run_id
  GROUP BY run_id, benchmark_name
)
SELECT
  r.id,
  r.agent_id AS target_agent_id,
  s.body ->> 'source_agent' AS source_agent_id,
  TRY_CAST(s.body ->> 'source_run' AS UUID) AS source_run_id,
  s.body ->> 'source_dataset' AS knowledge_domain,
  r.config ->> 'method' AS transfer_method,
  TRY_CAST(s.body ->> 'layers' AS INTEGER) AS layers_transferred,
  TRY_CAST(s.body ->> 'tensors' AS BIGINT) AS tensors_transferred,
  TRY_CAST(s.body ->> 'parameters' AS BIGINT) AS parameters_transferred,
  TRY_CAST(s.body ->> 'head' AS BOOLEAN) AS head_transferred,
  CASE WHEN is_terminal(r.status) THEN t.completed_epochs END AS fine_tuning_epochs,
  hours_between(r.started_at, r.ended_at) AS training_time_hours,
  t.training_cost_usd,
  s.logged_at AS started_at,
  r.ended_at AS completed_at,
  r.status,
  s.body ->> 'metric' AS metric,
  TRY_CAST(b.start ->> 'accuracy_score' AS DOUBLE) AS score_before,
  a.score AS score_after
FROM said AS s
JOIN runs AS r ON r.id = s.run_id
JOIN training_sessions AS t ON t.id = r.id
LEFT JOIN before AS b ON b.run_id = r.id
LEFT JOIN after AS a ON a.run_id = r.id AND a.benchmark_name = b.start ->> 'benchmark_name'
WHERE r.parent_run_id IS NULL;

UPDATE model_versions AS v
SET version = n.version, parent_version = n.parent_version
FROM (
  WITH numbered AS (
    SELECT
      id,
      agent_id,
      started_at,
      CAST(row_number() OVER (PARTITION BY agent_id ORDER BY queued_at, id) AS VARCHAR) AS version
    FROM runs
    WHERE (
        agent_id IN getvariable('agents_before')
        OR agent_id IN (SELECT agent_id FROM runs WHERE id IN getvariable('touched'))
      )
      AND is_numbered(kind, parent_run_id, queued_at, launched_by)
  ),
  made AS (
    SELECT v.agent_id, v.created_at, arg_max(n.version, v.id) AS version
    FROM model_versions AS v
    JOIN numbered AS n ON n.id = v.run_id
    GROUP BY v.agent_id, v.created_at
  )
  SELECT n.id, n.version, coalesce(source.version, made.version) AS parent_version
  FROM numbered AS n
  LEFT JOIN transfer_learning_sessions AS t ON t.id = n.id
  LEFT JOIN numbered AS source ON source.id = t.source_run_id AND source.agent_id = n.agent_id
  ASOF LEFT JOIN made ON made.agent_id = n.agent_id AND made.created_at <= n.started_at
) AS n
WHERE v.run_id = n.id
  AND (v.version, v.parent_version) IS DISTINCT FROM (n.version, n.parent_version);

UPDATE training_sessions AS t
SET model_version = v.version
FROM model_versions AS v
WHERE v.run_id = t.id
  AND (
    v.agent_id IN getvariable('agents_before')
    OR v.agent_id IN (SELECT agent_id FROM runs WHERE id IN getvariable('touched'))
  )
  AND t.model_version IS DISTINCT FROM v.version;

-- What a transfer scored before its first step is the `before` of an agent that had no version yet; otherwise that is
-- what its current version scored. Whether it had one may turn out late, so this is done for the agents, too.
CREATE OR REPLACE TEMP TABLE starts AS
SELECT
  TRY_CAST(start ->> 'id' AS UUID) AS id,
  target_agent_id AS agent_id,
  source_run_id AS model_version_id,
  start ->> 'benchmark_name' AS benchmark_name,
  TRY_CAST(start ->> 'higher_is_better' AS BOOLEAN) AS higher_is_better,
  TRY_CAST(start ->> 'accuracy_score' AS DOUBLE) AS accuracy_score,
  start ->> 'metric' AS metric,
  run_id,
  TRY_CAST(start ->> 'n_examples' AS BIGINT) AS n_examples,
  logged_at AS created_at
FROM (
  SELECT t.target_agent_id, t.source_run_id, e.run_id, e.logged_at, unnest(TRY_CAST(e.body -> 'benchmarks' AS JSON[])) AS start
  FROM transfer_learning_sessions AS t
  JOIN run_events AS e ON e.run_id = t.id AND e.kind = 'transferred' AND e.logged_at = t.started_at
  WHERE t.target_agent_id IN getvariable('agents_before')
    OR t.target_agent_id IN (SELECT agent_id FROM runs WHERE id IN getvariable('touched'))
)
WHERE TRY_CAST(start ->> 'id' AS UUID) IS NOT NULL;

DELETE FROM benchmark_executions WHERE id IN (SELECT id FROM starts);

INSERT INTO benchmark_executions BY NAME
SELECT * FROM starts AS s
WHERE NOT EXISTS (
  FROM model_versions AS v
  WHERE v.agent_id = s.agent_id AND v.run_id <> s.run_id AND v.created_at <= s.created_at
);
