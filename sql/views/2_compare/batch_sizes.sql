-- One row is a session whose gradients were measured at two batch sizes: the critical batch size, and how its own fits.
-- grain: session_id
-- McCandlish 2018, A.1: the gradient's signal and noise from the squared norms of one micro-batch and of the whole
-- accumulated batch of the same steps, averaged before they are divided. Without gradient accumulation there is no row.
WITH norms AS (
  SELECT
    p.session_id,
    p.step,
    max(p.value) FILTER (WHERE p.name = 'train/gradient_norm_small') AS small_norm,
    max(p.value) FILTER (WHERE p.name = 'train/gradient_norm') AS big_norm
  FROM metric_points AS p
  WHERE p.name IN ('train/gradient_norm', 'train/gradient_norm_small') AND p.step IS NOT NULL
  GROUP BY p.session_id, p.step
),
squared AS (
  SELECT
    session_id,
    count(*) AS steps,
    finite_or_null(avg(small_norm * small_norm)) AS small_square,
    finite_or_null(avg(big_norm * big_norm)) AS big_square
  FROM norms
  WHERE small_norm IS NOT NULL AND big_norm IS NOT NULL
  GROUP BY session_id
),
sized AS (
  SELECT
    q.*,
    s.agent_id,
    s.workspace_id,
    TRY_CAST(s.hyperparameters ->> 'batch_size' AS DOUBLE) AS small_batch,
    TRY_CAST(s.hyperparameters ->> 'batch_size' AS DOUBLE)
    * TRY_CAST(s.hyperparameters ->> 'gradient_accumulation' AS DOUBLE)
    * coalesce(TRY_CAST(r.config ->> '$.resources.devices' AS DOUBLE), 1) AS big_batch,
    2 * finite_or_null(s.memory_peak_gb) <= TRY_CAST(r.config ->> '$.resources.memory_limit_gb' AS DOUBLE) AS has_room
  FROM squared AS q
  JOIN training_sessions AS s ON s.id = q.session_id
  LEFT JOIN runs AS r ON r.id = q.session_id
),
estimated AS (
  SELECT
    *,
    safe_divide(big_batch * big_square - small_batch * small_square, big_batch - small_batch) AS signal,
    safe_divide(small_square - big_square, safe_divide(1, small_batch) - safe_divide(1, big_batch)) AS noise
  FROM sized
),
judged AS (
  SELECT
    *,
    CASE WHEN signal > 0 AND noise > 0 THEN safe_divide(noise, signal) END AS critical_batch_size
  FROM estimated
)
SELECT
  session_id,
  agent_id,
  workspace_id,
  steps, -- Steps measured at both sizes.
  small_batch, -- Examples of a micro-batch.
  big_batch, -- Examples of an accumulated batch: what a step learns from.
  signal, -- Squared norm of the true gradient (McCandlish 2018, G2).
  noise, -- Trace of the gradient's covariance (McCandlish 2018, S).
  critical_batch_size, -- noise / signal, examples; NULL where either is not positive.
  finite_or_null(1 + safe_divide(critical_batch_size, big_batch)) AS steps_over_minimum, -- Steps it takes, over the fewest there could be.
  finite_or_null(1 + safe_divide(big_batch, critical_batch_size)) AS examples_over_minimum, -- Examples it takes, over the fewest there could be.
  batch_size_label(big_batch, critical_batch_size, has_room) AS batch_size_verdict -- Whether the batch is too large or too small for it.
FROM judged
