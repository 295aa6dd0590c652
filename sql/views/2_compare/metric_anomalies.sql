-- One row is a value of a series of a session that stands apart from the whole of it, or that is not finite.
-- grain: session_id, source, name, step, epoch
-- |modified z| > 3.5 (Iglewicz & Hoaglin 1993). Series are logged metrics (source metric) and the losses of epochs
-- (source epoch). Where nothing else deviates, z is beyond every number: NULL.
WITH losses AS (
  SELECT session_id, epoch, step, train_loss, val_loss
  FROM training_epochs
  WINDOW in_turn AS (PARTITION BY session_id ORDER BY epoch, attempt NULLS FIRST, logged_at NULLS FIRST)
  QUALIFY lead(epoch) OVER in_turn IS DISTINCT FROM epoch
    AND coalesce(attempt, 0) = coalesce(max(attempt) OVER (in_turn ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW), 0)
),
points AS (
  SELECT session_id, 'metric' AS source, name, step, epoch, value FROM metric_points WHERE measured
  UNION ALL
  SELECT session_id, 'epoch', 'train_loss', step, CAST(epoch AS DOUBLE), finite_or_null(train_loss)
  FROM losses
  WHERE train_loss IS NOT NULL
  UNION ALL
  SELECT session_id, 'epoch', 'val_loss', step, CAST(epoch AS DOUBLE), finite_or_null(val_loss)
  FROM losses
  WHERE val_loss IS NOT NULL
),
series AS (
  SELECT session_id, source, name, median(value) AS centre, list(value) FILTER (WHERE value IS NOT NULL) AS found
  FROM points
  GROUP BY session_id, source, name
),
spread AS (
  SELECT
    session_id,
    source,
    name,
    centre,
    list_aggregate(list_transform(found, lambda x: abs(x - centre)), 'median') AS median_deviation,
    finite_or_null(list_aggregate(list_transform(found, lambda x: abs(x - centre)), 'avg')) AS mean_deviation
  FROM series
),
judged AS (
  SELECT
    p.*,
    s.centre,
    modified_z(p.value - s.centre, s.median_deviation, s.mean_deviation) AS z
  FROM points AS p
  JOIN spread AS s ON s.session_id = p.session_id AND s.source = p.source AND s.name = p.name
)
SELECT
  session_id,
  source, -- epoch: a loss of the epochs; metric: a logged metric.
  name,
  step,
  epoch,
  value,
  finite_or_null(centre) AS median, -- Median of the series.
  finite_or_null(z) AS modified_z -- How far it is from the median (Iglewicz & Hoaglin 1993); NULL: beyond every number.
FROM judged
WHERE is_anomaly(value, z)
