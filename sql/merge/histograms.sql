-- The histograms in `theirs` that are not in `yard`, with the names that journal lines have: a line for those of one step.
SELECT
  'histograms' AS k,
  CAST(session_id AS VARCHAR) AS run,
  attempt,
  epoch_us(logged_at) AS "at",
  step,
  epoch,
  list(
    {
      layer: layer, place: place, kind: kind, low: low, high: high, mean: mean, deviation: deviation, zeros: zeros,
      counts: counts
    }
    ORDER BY kind, place, layer
  ) AS histograms
FROM (
  FROM theirs.histograms
  EXCEPT ALL
  FROM yard.histograms
)
GROUP BY ALL
ORDER BY run, "at", step;
