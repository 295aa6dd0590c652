-- One row is a bin of a layer's histogram at a step: from where to where it goes, and which share of the values is in it.
-- grain: session_id, layer, kind, step, bin
SELECT
  bar.session_id AS session_id,
  bar.layer AS layer,
  bar.kind AS kind,
  bar.step AS step,
  bar.bin AS bin, -- Which bin it is, from the lowest values on, 1-based.
  finite_or_null(bar.low + (bar.high - bar.low) * (bar.bin - 1) / len(bar.counts)) AS bin_low, -- Where the bin begins.
  finite_or_null(bar.low + (bar.high - bar.low) * bar.bin / len(bar.counts)) AS bin_high, -- Where it ends.
  safe_divide(bar.counts[bar.bin], list_sum(bar.counts)) AS share -- The bin's share of the values, 0 to 1.
FROM (
  SELECT session_id, layer, kind, step, low, high, counts, CAST(unnest(range(1, len(counts) + 1)) AS INTEGER) AS bin
  FROM layer_histograms
) AS bar
