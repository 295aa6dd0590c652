-- One row is an early-stopping rule, on all runs together: what it would have saved and cost, and whether it is the best.
-- grain: patience, min_delta
-- The best rule saves most dollars, then hours, then epochs, of those that are fit: see the macro is_fit.
WITH summed AS (
  SELECT
    patience,
    min_delta,
    count(*) AS runs, -- Finished runs it was tried on.
    count(stop_epoch) AS stopped_runs, -- Runs it would have stopped.
    count(*) FILTER (WHERE is_costly) AS costly_runs, -- Runs it would have ended more than 1 % worse.
    sum(saved_epochs) AS saved_epochs, -- Epochs it would have saved.
    finite_or_null(sum(saved_hours)) AS saved_hours, -- Compute hours it would have saved.
    finite_or_null(sum(saved_usd)) AS saved_usd, -- Dollars it would have saved.
    finite_or_null(avg(metric_cost_pct)) AS mean_metric_cost_pct -- How much worse the best values would be on average, %.
  FROM waste_ledger
  GROUP BY patience, min_delta
)
SELECT
  *,
  is_fit(costly_runs, runs) AS is_fit, -- Whether at most one run in twenty would end costly.
  is_fit(costly_runs, runs)
  AND row_number() OVER (
    ORDER BY
      is_fit(costly_runs, runs) DESC,
      saved_usd DESC NULLS LAST,
      saved_hours DESC NULLS LAST,
      saved_epochs DESC,
      patience DESC,
      min_delta
  ) = 1 AS is_best -- Whether it saves most, of the rules that are fit.
FROM summed
