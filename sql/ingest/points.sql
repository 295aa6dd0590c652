-- Both epochs and metrics may have a list of free metrics; left out of the statement where no line has one.
points AS (
  INSERT INTO metrics BY NAME
  SELECT session_id, attempt, step, epoch, metric.name AS name, metric.value AS value, logged_at
  FROM (SELECT session_id, attempt, step, epoch, logged_at, unnest(metrics) AS metric FROM lines WHERE usable)
  WHERE metric.name IS NOT NULL
),
