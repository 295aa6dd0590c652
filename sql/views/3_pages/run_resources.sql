-- One row per sample of a run's process, every 5 seconds: CPU (100 = one core busy) and resident memory.
-- grain: session_id, logged_at
SELECT
  point.session_id AS session_id,
  point.logged_at AS logged_at,
  epoch_us(point.logged_at - any_value(run.started_at)) / 6e7 AS minutes,
  max(point.value) FILTER (WHERE point.name = 'system/cpu_percent') AS cpu_percent,
  max(point.value) FILTER (WHERE point.name = 'system/memory_gb') AS memory_gb
FROM metric_points AS point
LEFT JOIN runs AS run ON run.id = point.session_id
WHERE point.name IN ('system/cpu_percent', 'system/memory_gb')
GROUP BY point.session_id, point.logged_at
