-- Makes the rows of the runs in the variable `touched` again from run_events. The result depends on the events alone, not
-- on the order in which journals were read: that is what `rebuild` and the crash tests rely on. Checkpoints and notices
-- say nothing about these rows, and are frequent.

-- Whose versions to number anew: a late word may make a run another agent's.
SET VARIABLE agents_before = (SELECT list(DISTINCT agent_id) FROM runs WHERE id IN getvariable('touched'));

DELETE FROM run_attempts WHERE run_id IN getvariable('touched');

INSERT INTO run_attempts BY NAME
WITH ordered AS (
  SELECT *, row_number() OVER (PARTITION BY run_id ORDER BY logged_at, journal, line_offset) AS seq
  FROM run_events
  WHERE run_id IN getvariable('touched') AND attempt IS NOT NULL AND kind NOT IN ('checkpoint', 'notice')
),
facts AS (
  SELECT
    run_id,
    attempt,
    coalesce(
      arg_max(TRY_CAST(body ->> 'pid' AS INTEGER), seq) FILTER (WHERE kind = 'started'),
      arg_max(TRY_CAST(body ->> 'pid' AS INTEGER), seq) FILTER (WHERE kind = 'spawned')
    ) AS pid,
    coalesce(
      arg_max(TRY_CAST(body ->> 'pid_created' AS DOUBLE), seq) FILTER (WHERE kind = 'started'),
      arg_max(TRY_CAST(body ->> 'pid_created' AS DOUBLE), seq) FILTER (WHERE kind = 'spawned')
    ) AS pid_created,
    coalesce(
      arg_max(body ->> 'host', seq) FILTER (WHERE kind = 'started'),
      arg_max(body ->> 'host', seq) FILTER (WHERE kind = 'spawned')
    ) AS host,
    min(logged_at) FILTER (WHERE kind IN ('spawned', 'started')) AS started_at,
    arg_min(body, seq) FILTER (WHERE kind = 'ended') AS ended,
    min(logged_at) FILTER (WHERE kind = 'ended') AS ended_at,
    arg_min(body, seq) FILTER (WHERE kind = 'lost') AS lost,
    count(*) FILTER (WHERE kind = 'cancel_requested') > 0 AS cancelling,
    arg_max(body -> 'changes', seq) FILTER (WHERE kind = 'queued') AS changes,
    arg_max(body ->> 'begun_by', seq) FILTER (WHERE kind = 'queued') AS begun_by,
    arg_max(body ->> 'cause', seq) FILTER (WHERE kind = 'queued') AS cause,
    arg_max(body ->> 'verdict', seq) FILTER (WHERE kind = 'gave_up') AS verdict
  FROM ordered
  GROUP BY run_id, attempt
)
SELECT
  run_id,
  attempt,
  pid,
  pid_created,
  host,
  started_at,
  CASE
    WHEN ended IS NOT NULL THEN ended_at
    WHEN lost IS NOT NULL THEN greatest(make_timestamp(TRY_CAST(lost ->> 'last_seen' AS BIGINT)), started_at)
  END AS ended_at,
  CASE
    WHEN ended IS NOT NULL THEN ended ->> 'status'
    WHEN lost IS NOT NULL AND cancelling THEN 'cancelled'
    WHEN lost IS NOT NULL THEN 'failed'
    WHEN started_at IS NOT NULL THEN 'running'
    ELSE 'queued'
  END AS status,
  CASE
    WHEN ended ->> 'error_kind' IS NOT NULL THEN ended ->> 'error_kind'
    WHEN ended IS NULL AND lost IS NOT NULL AND NOT cancelling THEN 'lost'
  END AS reason,
  changes,
  begun_by,
  cause,
  TRY_CAST(ended ->> 'steps' AS BIGINT) AS steps,
  verdict
FROM facts;

DELETE FROM runs WHERE id IN getvariable('touched');

INSERT INTO runs BY NAME
WITH ordered AS (
  SELECT *, row_number() OVER (PARTITION BY run_id ORDER BY logged_at, journal, line_offset) AS seq
  FROM run_events
  WHERE run_id IN getvariable('touched') AND kind NOT IN ('checkpoint', 'notice')
),
said AS (
  SELECT
    run_id,
    max(attempt) AS attempt,
    min(logged_at) FILTER (WHERE kind = 'queued') AS queued_at,
    arg_min(body, seq) FILTER (WHERE kind = 'queued') AS queued,
    arg_max(body, seq) FILTER (WHERE kind = 'queued') AS requeued,
    arg_max(body, seq) FILTER (WHERE kind = 'started') AS started,
    arg_max(body ->> 'name', seq) FILTER (WHERE kind = 'changed') AS new_name,
    arg_max(body -> 'tags', seq) FILTER (WHERE kind = 'changed') AS new_tags
  FROM ordered
  GROUP BY run_id
),
ends AS (
  SELECT
    run_id,
    attempt,
    arg_min(body, seq) FILTER (WHERE kind = 'ended') AS ended,
    arg_min(body, seq) FILTER (WHERE kind = 'lost') AS lost,
    min(logged_at) FILTER (WHERE kind = 'cancel_requested') AS cancel_requested_at
  FROM ordered
  GROUP BY run_id, attempt
),
firsts AS (
  SELECT run_id, min(started_at) AS started_at
  FROM run_attempts
  WHERE run_id IN getvariable('touched')
  GROUP BY run_id
)
SELECT
  s.run_id AS id,
  coalesce(s.queued ->> 'kind', 'train') AS kind,
  coalesce(s.new_name, s.queued ->> 'name') AS name,
  coalesce(a.status, 'queued') AS status,
  coalesce(s.queued ->> 'agent', 'default') AS agent_id,
  coalesce(s.queued ->> 'workspace', 'default') AS workspace_id,
  TRY_CAST(s.queued ->> 'parent' AS UUID) AS parent_run_id,
  TRY_CAST(s.queued ->> 'forked_from' AS UUID) AS forked_from,
  TRY_CAST(s.queued ->> 'forked_step' AS BIGINT) AS forked_step,
  coalesce(s.requeued -> 'config', s.queued -> 'config') AS config,
  coalesce(s.requeued ->> 'digest', s.queued ->> 'digest') AS config_digest,
  coalesce(s.requeued ->> 'group', s.queued ->> 'group') AS replicate_group,
  TRY_CAST(coalesce(s.requeued ->> 'seed', s.queued ->> 'seed') AS BIGINT) AS seed,
  TRY_CAST(coalesce(s.new_tags, s.queued -> 'tags') AS VARCHAR[]) AS tags,
  s.attempt,
  coalesce(s.started ->> 'host', a.host) AS host,
  a.pid,
  a.pid_created,
  s.started ->> 'device' AS device,
  TRY_CAST(s.started ->> 'accelerators' AS INTEGER) AS accelerators,
  coalesce(s.queued ->> 'command', s.started ->> 'command') AS command,
  coalesce(s.requeued ->> 'launched_by', s.queued ->> 'launched_by') AS launched_by,
  s.queued_at,
  f.started_at,
  a.ended_at,
  e.cancel_requested_at,
  a.reason AS error_kind,
  coalesce(
    e.ended ->> 'error_message',
    CASE WHEN a.reason = 'lost' THEN 'The process of the run is gone without a last word.' END
  ) AS error_message,
  coalesce(
    e.ended ->> 'error_hint',
    CASE WHEN a.reason = 'lost' THEN 'It was killed, ran out of memory, or the machine stopped. Resume it from its last checkpoint.' END
  ) AS error_hint,
  e.ended ->> 'error_details' AS error_details,
  coalesce(s.requeued -> 'git', s.started -> 'git') ->> 'commit' AS git_commit,
  TRY_CAST(coalesce(s.requeued -> 'git', s.started -> 'git') ->> 'dirty' AS BOOLEAN) AS git_dirty,
  s.started ->> 'python' AS python_version,
  s.started -> 'packages' AS package_versions
FROM said AS s
LEFT JOIN run_attempts AS a ON a.run_id = s.run_id AND a.attempt = s.attempt
LEFT JOIN ends AS e ON e.run_id = s.run_id AND e.attempt = s.attempt
LEFT JOIN firsts AS f ON f.run_id = s.run_id;

DELETE FROM training_sessions WHERE id IN getvariable('touched');

INSERT INTO training_sessions BY NAME
WITH said AS (
  SELECT
    run_id,
    arg_max(body, (logged_at, journal, line_offset)) FILTER (WHERE kind = 'planned') AS planned,
    arg_max(body, (logged_at, journal, line_offset)) FILTER (WHERE kind = 'ended') AS ended,
    bool_or(kind = 'early_stop' OR (kind = 'ended' AND coalesce(TRY_CAST(body ->> 'early_stopped' AS BOOLEAN), false))) AS early_stopped,
    max(TRY_CAST(body ->> 'cpu_seconds' AS DOUBLE)) FILTER (WHERE kind = 'ended') AS cpu_seconds,
    max(TRY_CAST(body ->> 'memory_peak_gb' AS DOUBLE)) FILTER (WHERE kind = 'ended') AS memory_peak_gb,
    max(body ->> 'energy_meters') FILTER (WHERE kind = 'ended') AS energy_meters
  FROM run_events
  WHERE run_id IN getvariable('touched') AND kind NOT IN ('checkpoint', 'notice')
  GROUP BY run_id
),
hours AS (
  -- greatest() passes over NULL: an attempt without a start has no hours, not none.
  SELECT
    run_id,
    sum(greatest(0, epoch_us(ended_at - started_at))) FILTER (WHERE started_at IS NOT NULL) / 3.6e9 AS wall_hours
  FROM run_attempts
  WHERE run_id IN getvariable('touched')
  GROUP BY run_id
),
energy AS (
  -- An attempt that nobody metered makes the whole unknown, not smaller.
  SELECT a.run_id, CASE WHEN count(e.kwh) = count(*) THEN sum(e.kwh) END AS energy_kwh
  FROM run_attempts AS a
  LEFT JOIN (
    SELECT run_id, attempt, max(finite_or_null(TRY_CAST(body ->> 'energy_kwh' AS DOUBLE))) AS kwh
    FROM run_events
    WHERE run_id IN getvariable('touched') AND kind = 'ended'
    GROUP BY run_id, attempt
  ) AS e ON e.run_id = a.run_id AND e.attempt = a.attempt
  WHERE a.run_id IN getvariable('touched') AND a.started_at IS NOT NULL
  GROUP BY a.run_id
),
priced AS (
  SELECT
    r.id,
    h.wall_hours * coalesce(r.accelerators, 1) AS gpu_hours,
    p.usd_per_hour
  FROM runs AS r
  LEFT JOIN hours AS h ON h.run_id = r.id
  ASOF LEFT JOIN prices AS p ON p.device = r.device AND p.valid_from <= r.started_at
  WHERE r.id IN getvariable('touched') AND is_terminal(r.status)
)
SELECT
  r.id,
  r.agent_id,
  r.workspace_id,
  r.config ->> 'training_type' AS training_type,
  json_merge_patch(
    coalesce(r.config -> 'hyperparameters', '{}'::JSON),
    CASE
      WHEN coalesce(TRY_CAST(r.config ->> '$.optimization.early_stopping.enabled' AS BOOLEAN), false)
        THEN json_object('early_stopping_patience', r.config -> '$.optimization.early_stopping.patience')
      ELSE '{}'::JSON
    END
  ) AS hyperparameters,
  coalesce(r.config ->> '$.optimization.early_stopping.monitor', 'val_loss') AS monitor_metric,
  coalesce(r.config ->> '$.optimization.early_stopping.mode', 'min') AS monitor_mode,
  r.started_at,
  r.ended_at AS completed_at,
  r.status,
  coalesce(s.planned ->> 'base_model', r.config ->> '$.model.base_model') AS base_model,
  s.planned ->> 'dataset_id' AS dataset_id,
  TRY_CAST(s.planned ->> 'dataset_size' AS BIGINT) AS dataset_size,
  coalesce(TRY_CAST(s.planned ->> 'total_epochs' AS INTEGER), TRY_CAST(r.config ->> '$.hyperparameters.epochs' AS INTEGER)) AS total_epochs,
  TRY_CAST(s.planned ->> 'total_steps' AS BIGINT) AS total_steps,
  TRY_CAST(s.planned ->> 'parameters' AS BIGINT) AS parameters,
  TRY_CAST(s.planned ->> 'trainable_parameters' AS BIGINT) AS trainable_parameters,
  TRY_CAST(s.planned ->> 'layers' AS INTEGER) AS layers,
  TRY_CAST(s.planned ->> 'attention_heads' AS INTEGER) AS attention_heads,
  TRY_CAST(s.planned ->> 'head_size' AS INTEGER) AS head_size,
  TRY_CAST(s.planned ->> 'sequence_length' AS INTEGER) AS sequence_length,
  TRY_CAST(s.ended ->> 'steps' AS BIGINT) AS completed_steps,
  TRY_CAST(s.ended ->> 'tokens' AS BIGINT) AS total_tokens_processed,
  s.ended ->> 'model_path' AS model_path,
  s.ended ->> 'model_sha256' AS model_sha256,
  s.early_stopped AS early_stopping_triggered,
  s.memory_peak_gb,
  s.cpu_seconds / 3600 AS cpu_hours,
  CASE WHEN is_terminal(r.status) THEN n.energy_kwh END AS energy_kwh,
  CASE WHEN is_terminal(r.status) AND n.energy_kwh IS NOT NULL THEN s.energy_meters END AS energy_meters,
  p.gpu_hours,
  TRY_CAST(p.gpu_hours * p.usd_per_hour AS DECIMAL(18, 6)) AS training_cost_usd,
  r.error_details
FROM runs AS r
JOIN said AS s ON s.run_id = r.id
LEFT JOIN priced AS p ON p.id = r.id
LEFT JOIN energy AS n ON n.run_id = r.id
WHERE r.id IN getvariable('touched') AND r.kind = 'train';
