-- One row per run that was estimated before it started: what was said of its time and memory.
-- grain: run_id
WITH said AS (
  SELECT run_id, arg_max(body, (logged_at, journal, line_offset)) AS body
  FROM run_events
  WHERE kind = 'estimated'
  GROUP BY run_id
)
SELECT
  run_id,
  body ->> 'preset' AS preset, -- The preset it was started from; NULL for a configuration of its own.
  body ->> 'basis' AS basis, -- What the time was reckoned from.
  TRY_CAST(body ->> 'runs' AS BIGINT) AS earlier_runs, -- Runs like it that the time was reckoned from; 0 for arithmetic alone.
  finite_or_null(TRY_CAST(body ->> 'seconds' AS DOUBLE)) AS estimated_seconds, -- Wall time that was expected, seconds.
  finite_or_null(TRY_CAST(body ->> 'seconds_low' AS DOUBLE)) AS low_seconds, -- Lower end of the range that was said.
  finite_or_null(TRY_CAST(body ->> 'seconds_high' AS DOUBLE)) AS high_seconds, -- Upper end of the range that was said.
  finite_or_null(TRY_CAST(body ->> 'memory_gb' AS DOUBLE)) AS estimated_memory_gb, -- Peak memory that was expected, GB.
  finite_or_null(TRY_CAST(body ->> 'memory_low_gb' AS DOUBLE)) AS low_memory_gb, -- Lower end of that range.
  finite_or_null(TRY_CAST(body ->> 'memory_high_gb' AS DOUBLE)) AS high_memory_gb -- Upper end of that range.
FROM said
