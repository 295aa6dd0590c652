-- One row per run that was estimated before it started: what was said, what came of it, and whether it lay in the range.
-- grain: run_id
-- Time is held against runs that went their whole way; memory against those on a CPU, where a process can be measured.
WITH numbers AS (
  SELECT
    e.*,
    CASE
      WHEN r.status = 'completed' AND t.completed_epochs >= t.total_epochs
        THEN safe_divide(t.gpu_hours * 3600, coalesce(r.accelerators, 1))
    END AS actual_seconds,
    CASE
      WHEN is_terminal(r.status) AND r.device = 'cpu' THEN finite_or_null(t.memory_peak_gb)
    END AS actual_memory_gb,
    r.status
  FROM estimates AS e
  JOIN runs AS r ON r.id = e.run_id
  LEFT JOIN sessions AS t ON t.id = e.run_id
)
SELECT
  run_id,
  preset, -- The preset it was started from; NULL for a configuration of its own.
  status,
  basis, -- What the time was reckoned from.
  earlier_runs, -- Runs like it that the time was reckoned from; 0 for arithmetic alone.
  estimated_seconds, -- Wall time that was expected, seconds.
  low_seconds, -- Lower end of the range that was said.
  high_seconds, -- Upper end of the range that was said.
  actual_seconds, -- Wall time that it took; NULL where it did not go its whole way.
  safe_divide(actual_seconds, estimated_seconds) AS seconds_ratio, -- Took / expected.
  estimate_label(actual_seconds, low_seconds, high_seconds) AS seconds_verdict, -- inside, below or above the range; unknown.
  estimated_memory_gb, -- Peak memory that was expected, GB.
  low_memory_gb, -- Lower end of that range.
  high_memory_gb, -- Upper end of that range.
  actual_memory_gb, -- Peak memory of its process; NULL on a GPU.
  safe_divide(actual_memory_gb, estimated_memory_gb) AS memory_ratio, -- Took / expected.
  estimate_label(actual_memory_gb, low_memory_gb, high_memory_gb) AS memory_verdict -- inside, below or above the range; unknown.
FROM numbers
