-- `lines` holds parsed journal lines of the kinds epoch and metrics: both may have a list of free metrics.
INSERT INTO metrics BY NAME
SELECT
  CAST(run AS UUID) AS session_id,
  coalesce(attempt, 1) AS attempt,
  step,
  CAST(epoch AS DOUBLE) AS epoch,
  metric.name AS name,
  metric.value AS value,
  make_timestamp("at") AS logged_at
FROM (SELECT run, attempt, step, epoch, "at", unnest(metrics) AS metric FROM lines)
WHERE metric.name IS NOT NULL;
