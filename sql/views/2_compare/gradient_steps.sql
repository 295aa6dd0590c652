-- One row is a training step with a gradient norm: how far it is from those before it, whether it exploded or vanished.
-- grain: session_id, step
-- Compared are logarithms with the last 50 usable norms before the step, at least 20. An unusable norm is an explosion;
-- such norms and those at or below the floor do not enter the baseline. A z beyond every number is NULL.
WITH norms AS (
  SELECT
    session_id,
    step,
    value AS norm,
    coalesce(value > gradient_floor(), false) AS is_usable,
    logged_at
  FROM metric_points
  WHERE name = 'train/gradient_norm' AND measured AND step IS NOT NULL
),
followed AS (
  SELECT
    *,
    CASE WHEN is_usable THEN list(norm) OVER (
      PARTITION BY session_id, is_usable ORDER BY step ROWS BETWEEN 50 PRECEDING AND 1 PRECEDING
    ) END AS baseline
  FROM norms
),
logged AS (
  SELECT
    * EXCLUDE (baseline),
    list_aggregate(baseline, 'median') AS median_norm,
    list_transform(baseline, lambda x: log10(x)) AS logs
  FROM followed
  WHERE len(baseline) >= 20
),
deviating AS (
  SELECT
    *,
    log10(norm) - list_aggregate(logs, 'median') AS deviation,
    list_transform(logs, lambda x: abs(x - list_aggregate(logs, 'median'))) AS deviations
  FROM logged
),
judged AS (
  SELECT
    session_id,
    step,
    median_norm,
    modified_z(deviation, list_aggregate(deviations, 'median'), list_aggregate(deviations, 'avg')) AS z
  FROM deviating
)
SELECT
  n.session_id,
  n.step,
  n.norm, -- The gradient norm; NULL where it is not finite.
  j.median_norm, -- Median of the usable norms before it.
  finite_or_null(j.z) AS modified_z, -- How far it is from those before it (Iglewicz & Hoaglin 1993).
  is_explosion(n.norm, j.z, j.median_norm) AS gradient_explosion_detected, -- Not finite, or z > 3.5 and 10 times the median or more.
  is_vanishing(n.norm, j.z, j.median_norm) AS gradient_vanishing_detected -- Next to nothing, or z < -3.5 and a tenth of the median or less.
FROM norms AS n
LEFT JOIN judged AS j ON j.session_id = n.session_id AND j.step = n.step
