-- One row per training: where it stands and how it goes, in the few numbers and labels that plain language is made of.
-- grain: session_id
-- What an attempt did that a later one went back behind is left out, and what moves is the newest attempt.
-- Nothing here depends on the present moment: how long it has been silent is for the reader's clock to say.
WITH seen AS (
  SELECT
    session_id,
    count(*) FILTER (WHERE evaluated) AS n_evals,
    list(epoch) FILTER (WHERE evaluated) AS eval_epochs,
    arg_max_null(monitored IS NOT NULL, epoch) FILTER (WHERE evaluated) AS last_is_finite,
    arg_max(loss, epoch) FILTER (WHERE evaluated) AS last_loss,
    min(loss) AS best_loss,
    arg_min(epoch, (loss, epoch)) FILTER (WHERE loss IS NOT NULL) AS best_epoch,
    arg_min(loss, epoch) FILTER (WHERE loss IS NOT NULL) AS first_loss,
    max(epoch) AS last_epoch,
    arg_max(attempt, epoch) AS last_attempt,
    arg_max(logged_at, epoch) AS last_epoch_at,
    max(step) AS last_epoch_step,
    arg_max(train_loss, epoch) AS last_train_loss,
    arg_max(memory_gb, epoch) AS memory_gb,
    min(epoch_seconds) AS fastest_epoch_seconds,
    max(epoch_seconds) AS slowest_epoch_seconds,
    median(epoch_seconds) AS usual_epoch_seconds
  FROM epochs
  GROUP BY session_id
),
evaluated AS (
  SELECT
    *,
    coalesce(len(list_filter(eval_epochs, lambda epoch: epoch > best_epoch)), 0) AS evals_since_best
  FROM seen
),
gaps AS (
  SELECT
    session_id,
    attempt,
    step,
    value,
    logged_at,
    epoch_us(logged_at - lag(logged_at) OVER (PARTITION BY session_id, attempt ORDER BY logged_at, step)) / 1e6 AS pause
  FROM metric_points
  WHERE name = 'train/loss'
),
untrained AS (
  SELECT
    m.session_id,
    arg_max(finite_or_null(m.value), m.logged_at) AS untrained_value
  FROM metrics AS m
  JOIN training_sessions AS s ON s.id = m.session_id
  WHERE m.step = 0 AND m.name = 'validation/' || coalesce(s.monitor_metric, 'val_loss')
  GROUP BY m.session_id
),
inside AS (
  SELECT
    g.session_id,
    max(g.step) AS step,
    min(g.logged_at) FILTER (WHERE coalesce(g.attempt, 1) = coalesce(r.attempt, 1)) AS first_step_at,
    max(g.logged_at) FILTER (WHERE coalesce(g.attempt, 1) = coalesce(r.attempt, 1)) AS last_step_at,
    max(g.pause) AS longest_pause,
    arg_max_null(g.value, g.step) AS step_loss
  FROM gaps AS g
  JOIN runs AS r ON r.id = g.session_id
  GROUP BY g.session_id
)
SELECT
  r.id AS session_id, -- The run.
  r.name,
  r.status,
  r.workspace_id,
  r.queued_at,
  r.started_at,
  r.ended_at,
  s.total_epochs,
  coalesce(e.last_epoch, 0) AS completed_epochs, -- The largest finished epoch.
  s.total_steps,
  greatest(e.last_epoch_step, i.step) AS step, -- The last optimizer step that was logged.
  i.first_step_at, -- When the newest attempt logged its first step, UTC.
  greatest(
    i.last_step_at, CASE WHEN coalesce(e.last_attempt, 1) = coalesce(r.attempt, 1) THEN e.last_epoch_at END
  ) AS last_progress_at, -- When the newest attempt last got on, UTC; NULL: not yet.
  stalled_after_seconds(i.longest_pause, r.workspace_id) AS stalled_after_seconds, -- Silence from which it counts as stalled.
  coalesce(e.n_evals, 0) AS n_evals, -- Evaluations.
  s.monitor_metric,
  s.monitor_mode,
  u.untrained_value, -- The monitored value before the first step; NULL where nobody looked: language models do.
  oriented_loss(e.first_loss, s.monitor_mode) AS first_value, -- The first usable monitored value.
  oriented_loss(e.best_loss, s.monitor_mode) AS best_value, -- The best monitored value.
  e.best_epoch, -- The earliest epoch with it.
  oriented_loss(e.last_loss, s.monitor_mode) AS last_value, -- The last usable monitored value.
  coalesce(i.step_loss, e.last_train_loss) AS training_loss, -- Of the last logged step, else of the last epoch.
  e.evals_since_best, -- Evaluations after the best one.
  loss_course(
    e.n_evals,
    e.last_is_finite,
    generalization_loss_pct(e.last_loss, e.best_loss),
    e.best_loss,
    e.last_loss,
    e.evals_since_best,
    r.workspace_id
  ) AS loss_course, -- too_early, falling, not_falling, getting_worse or unusable.
  coalesce(s.memory_peak_gb, e.memory_gb) AS memory_gb, -- Resident memory, GB: the peak once that is known.
  memory_course(
    coalesce(s.memory_peak_gb, e.memory_gb),
    TRY_CAST(r.config ->> '$.resources.memory_limit_gb' AS DOUBLE),
    r.workspace_id
  ) AS memory_course, -- enough or tight against the limit of its configuration; unknown without one.
  threshold(r.workspace_id, 'memory_tight_share', 0.9) AS memory_tight_share, -- Share of a limit above which memory is tight.
  e.fastest_epoch_seconds, -- Of the epochs so far.
  e.usual_epoch_seconds, -- Their median.
  e.slowest_epoch_seconds, -- Of the epochs so far.
  s.early_stopping_triggered,
  r.cancel_requested_at,
  r.error_kind,
  r.error_message,
  r.error_hint,
  x.estimated_seconds,
  x.low_seconds,
  x.high_seconds
FROM runs AS r
LEFT JOIN sessions AS s ON s.id = r.id
LEFT JOIN evaluated AS e ON e.session_id = r.id
LEFT JOIN untrained AS u ON u.session_id = r.id
LEFT JOIN inside AS i ON i.session_id = r.id
LEFT JOIN estimates AS x ON x.run_id = r.id
WHERE r.kind = 'train'
