-- One row is one value of one curve of a run: an epoch's column (source epoch) or a logged metric (source metric).
-- grain: session_id, source, name, step, epoch
-- `minutes` is running time, without the pauses between attempts; `usd` is what that time cost at the price of the start,
-- which is the one that an ended run's cost was made of.
WITH attempts AS (
  SELECT
    run_id,
    attempt,
    min(started_at) AS started_at,
    coalesce(
      sum(greatest(0, hours_between(min(started_at), max(ended_at)))) OVER (
        PARTITION BY run_id ORDER BY attempt ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
      ),
      0
    ) AS hours_before
  FROM run_attempts
  GROUP BY run_id, attempt
),
rates AS (
  SELECT
    run.id,
    run.started_at,
    coalesce(run.accelerators, 1) * coalesce(
      safe_divide(session.training_cost_usd, session.gpu_hours),
      CAST(price.usd_per_hour AS DOUBLE)
    ) AS usd_per_hour
  FROM runs AS run
  LEFT JOIN training_sessions AS session ON session.id = run.id
  ASOF LEFT JOIN prices AS price ON price.device = run.device AND price.valid_from <= run.started_at
),
logged AS (
  SELECT
    session_id,
    'epoch' AS source,
    unnest(['train_loss', 'val_loss', 'val_metric', 'learning_rate', 'gradient_norm', 'epoch_seconds']) AS name,
    step,
    CAST(epoch AS DOUBLE) AS epoch,
    attempt,
    unnest([train_loss, val_loss, val_metric, learning_rate, gradient_norm, epoch_seconds]) AS value,
    logged_at
  FROM epochs
  UNION ALL
  SELECT session_id, 'metric', name, step, epoch, attempt, value, logged_at
  FROM metric_points
),
timed AS (
  SELECT
    l.*,
    coalesce(a.hours_before, 0) + hours_between(coalesce(a.started_at, r.started_at), l.logged_at) AS hours,
    r.usd_per_hour
  FROM logged AS l
  LEFT JOIN attempts AS a ON a.run_id = l.session_id AND a.attempt = l.attempt
  LEFT JOIN rates AS r ON r.id = l.session_id
)
SELECT
  session_id,
  source, -- epoch: a column of epochs; metric: a logged metric.
  name, -- The name of the curve: of that column, or of the metric.
  step,
  epoch, -- 1-based; of a metric also parts of one.
  finite_or_null(60 * hours) AS minutes, -- Running time since the start, minutes.
  finite_or_null(hours * usd_per_hour) AS usd, -- What that time cost, dollars.
  value -- The value; NULL where it is not finite.
FROM timed
