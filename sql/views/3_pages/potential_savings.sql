-- One row is an agent and a workspace: what early stopping with each session's own patience would have saved in all.
-- grain: agent_id, workspace_id
SELECT
  w.agent_id,
  s.workspace_id,
  count(*) AS runs, -- How many finished runs.
  sum(w.es_saved_epochs) AS unnecessary_epochs, -- Epochs that early stopping would have saved.
  finite_or_null(
    sum(finite_or_null(s.gpu_hours) * safe_divide(w.es_saved_epochs, w.total_epochs))
  ) AS potential_savings_hours, -- Compute hours it would have saved.
  finite_or_null(
    sum(CAST(s.training_cost_usd AS DOUBLE) * safe_divide(w.es_saved_epochs, w.total_epochs))
  ) AS potential_savings_usd -- Dollars it would have saved.
FROM overtraining_waste AS w
JOIN training_sessions AS s ON s.id = w.session_id
GROUP BY w.agent_id, s.workspace_id
