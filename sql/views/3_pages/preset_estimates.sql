-- One row per preset that runs were started from: how good its estimates of time and memory were.
-- grain: preset
-- Runs without a preset are one row, NULL.
SELECT
  preset,
  count(*) AS runs, -- Runs that were estimated before they started.
  count(actual_seconds) AS timed_runs, -- Those whose time could be held against it.
  safe_divide(count(*) FILTER (WHERE seconds_verdict = 'inside'), count(actual_seconds)) AS seconds_inside_share, -- Share of them inside the range, 0 to 1.
  median(seconds_ratio) AS median_seconds_ratio, -- Median of took / expected.
  count(actual_memory_gb) AS measured_runs, -- Those whose memory could be held against it.
  safe_divide(count(*) FILTER (WHERE memory_verdict = 'inside'), count(actual_memory_gb)) AS memory_inside_share, -- Share of them inside the range, 0 to 1.
  median(memory_ratio) AS median_memory_ratio -- Median of took / expected.
FROM estimate_scores
GROUP BY preset
