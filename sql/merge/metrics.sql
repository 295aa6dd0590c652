-- The metrics in `theirs` that are not in `yard`, with the names that journal lines have: a line for what was logged at once.
SELECT
  'metrics' AS k,
  CAST(session_id AS VARCHAR) AS run,
  attempt,
  epoch_us(logged_at) AS "at",
  step,
  epoch,
  list({name: name, value: value} ORDER BY name) AS metrics
FROM (
  FROM theirs.metrics
  EXCEPT ALL
  FROM yard.metrics
)
GROUP BY ALL
ORDER BY run, "at", step;
