-- One row is an agent, a workspace, a UTC month and one early-stopping rule: what the rule would have saved and cost.
-- grain: agent_id, workspace_id, month, patience, min_delta
-- `costly_runs` would have ended more than 1 % worse, or with nothing usable at all.
SELECT
  agent_id,
  workspace_id,
  month,
  patience,
  min_delta,
  count(*) AS runs, -- Finished runs of the month.
  count(stop_epoch) AS stopped_runs, -- Runs the rule would have stopped.
  count(*) FILTER (WHERE is_costly) AS costly_runs, -- Runs it would have ended more than 1 % worse.
  sum(saved_epochs) AS saved_epochs,
  finite_or_null(sum(saved_hours)) AS saved_hours,
  finite_or_null(sum(saved_usd)) AS saved_usd,
  finite_or_null(avg(metric_cost_pct)) AS mean_metric_cost_pct -- How much worse the best values would be on average, %.
FROM waste_ledger
GROUP BY agent_id, workspace_id, month, patience, min_delta
