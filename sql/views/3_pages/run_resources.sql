-- One row per sample of a run's process, every 5 seconds: CPU (100 = one core busy), resident memory, its GPUs, its speed.
-- grain: session_id, logged_at
-- From metrics, not metric_points: several samples may fall into one step.
SELECT
  point.session_id AS session_id,
  point.logged_at AS logged_at,
  epoch_us(point.logged_at - any_value(run.started_at)) / 6e7 AS minutes, -- Since the start of the run, minutes.
  finite_or_null(max(point.value) FILTER (WHERE point.name = 'system/cpu_percent')) AS cpu_percent, -- CPU time; 100 = one core busy.
  finite_or_null(max(point.value) FILTER (WHERE point.name = 'system/memory_gb')) AS memory_gb, -- Resident memory, 1e9 bytes.
  finite_or_null(max(point.value) FILTER (WHERE point.name = 'system/gpu_percent')) AS gpu_percent, -- GPU utilisation, 0 to 100.
  finite_or_null(max(point.value) FILTER (WHERE point.name = 'system/samples_per_second')) AS samples_per_second, -- Examples trained on a second.
  finite_or_null(max(point.value) FILTER (WHERE point.name = 'system/tokens_per_second')) AS tokens_per_second -- Tokens trained on a second.
FROM metrics AS point
LEFT JOIN runs AS run ON run.id = point.session_id
WHERE point.name IN ('system/cpu_percent', 'system/memory_gb', 'system/gpu_percent', 'system/samples_per_second', 'system/tokens_per_second')
GROUP BY point.session_id, point.logged_at
