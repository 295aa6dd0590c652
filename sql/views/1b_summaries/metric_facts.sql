-- One row is a metric of a session: how many values it has, the first, last, smallest and largest, and where those were.
-- grain: session_id, name
-- train_loss and val_loss of epochs are metrics like any other. Of ended sessions it is what the ingest has kept.
WITH losses AS (
  SELECT session_id, epoch, step, train_loss, val_loss
  FROM training_epochs
  WHERE session_id NOT IN (SELECT session_id FROM kept_curve_facts)
  WINDOW in_turn AS (PARTITION BY session_id ORDER BY epoch, attempt NULLS FIRST, logged_at NULLS FIRST)
  QUALIFY lead(epoch) OVER in_turn IS DISTINCT FROM epoch
    AND coalesce(attempt, 0) = coalesce(max(attempt) OVER (in_turn ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW), 0)
),
points AS (
  SELECT session_id, name, step, epoch, value
  FROM metric_points
  WHERE measured AND session_id NOT IN (SELECT session_id FROM kept_curve_facts)
  UNION ALL
  SELECT session_id, 'train_loss', step, CAST(epoch AS DOUBLE), finite_or_null(train_loss) FROM losses WHERE train_loss IS NOT NULL
  UNION ALL
  SELECT session_id, 'val_loss', step, CAST(epoch AS DOUBLE), finite_or_null(val_loss) FROM losses WHERE val_loss IS NOT NULL
),
summed AS (
  SELECT
    session_id,
    name,
    count(*) AS points,
    count(value) AS finite_points,
    arg_min_null(value, (coalesce(step, epoch), epoch, value)) AS first_value,
    arg_max_null(value, (coalesce(step, epoch), epoch, value)) AS last_value,
    min(value) AS min_value,
    max(value) AS max_value,
    arg_min_null({'step': step, 'epoch': epoch}, (value, coalesce(step, epoch), epoch)) FILTER (WHERE value IS NOT NULL) AS smallest,
    arg_min_null({'step': step, 'epoch': epoch}, (-value, coalesce(step, epoch), epoch)) FILTER (WHERE value IS NOT NULL) AS largest
  FROM points
  GROUP BY session_id, name
)
SELECT
  session_id,
  name,
  points,
  finite_points,
  first_value,
  last_value,
  min_value,
  max_value,
  min_step, -- The step of the smallest value, the earliest of equals.
  min_epoch, -- The epoch of the smallest value.
  max_step, -- The step of the largest value, the earliest of equals.
  max_epoch -- The epoch of the largest value.
FROM kept_metric_facts
UNION ALL
SELECT
  session_id,
  name,
  points, -- How often it was measured.
  finite_points, -- How often it was finite.
  first_value, -- The first value; NULL where it was not finite.
  last_value, -- The last value; NULL where it was not finite.
  min_value, -- The smallest finite value.
  max_value, -- The largest finite value.
  smallest.step,
  smallest.epoch,
  largest.step,
  largest.epoch
FROM summed
