-- One row is the histogram of a layer's gradients, weights or activations at a step: of a repeated step the last attempt's.
-- grain: session_id, layer, kind, step
SELECT
  session_id,
  layer,
  kind,
  step,
  finite_or_null(epoch) AS epoch,
  attempt,
  place,
  finite_or_null(low) AS low,
  finite_or_null(high) AS high,
  finite_or_null(mean) AS mean,
  finite_or_null(deviation) AS deviation,
  finite_or_null(zeros) AS zeros,
  counts,
  logged_at
FROM histograms
QUALIFY row_number() OVER (PARTITION BY session_id, layer, kind, step ORDER BY attempt DESC NULLS LAST, logged_at DESC NULLS LAST) = 1
