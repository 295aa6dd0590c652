-- One row per workspace: its runs by state, and what they cost so far (sums over known values), without deleted ones.
-- grain: workspace_id
SELECT
  run.workspace_id AS workspace_id,
  count(*) AS runs, -- All of its runs.
  count(*) FILTER (WHERE run.status = 'running') AS running_runs, -- Those that run.
  count(*) FILTER (WHERE run.status = 'queued') AS queued_runs, -- Those that wait.
  count(*) FILTER (WHERE run.status = 'completed') AS completed_runs, -- Those that were completed.
  count(*) FILTER (WHERE run.status = 'failed') AS failed_runs, -- Those that failed.
  count(*) FILTER (WHERE run.status = 'cancelled') AS cancelled_runs, -- Those that were cancelled.
  finite_or_null(sum(session.gpu_hours)) AS compute_hours, -- Wall hours times devices, of all of them.
  sum(session.training_cost_usd) AS cost_usd, -- What they cost, dollars.
  finite_or_null(sum(finite_or_null(session.energy_kwh))) AS energy_kwh
FROM runs AS run
LEFT JOIN sessions AS session ON session.id = run.id
WHERE run.deleted_at IS NULL
GROUP BY run.workspace_id
