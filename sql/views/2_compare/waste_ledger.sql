-- One row is a finished, evaluated training session and one early-stopping rule: what the rule would have saved and cost.
-- grain: session_id, patience, min_delta
-- A saving is a share of epochs (stop to end), so hours and dollars are those of potential_savings. `metric_cost` is how
-- much worse the best value seen by the stop is than the best of the whole run, 0 when the rule never stops.
WITH replayed AS (
  SELECT
    f.session_id,
    f.agent_id,
    f.total_epochs,
    f.best_loss,
    s.workspace_id,
    s.status,
    CAST(date_trunc('month', s.completed_at) AS DATE) AS month,
    finite_or_null(s.gpu_hours) AS hours,
    CAST(s.training_cost_usd AS DOUBLE) AS usd,
    unnest(f.replays) AS replay
  FROM curve_replays AS f
  JOIN training_sessions AS s ON s.id = f.session_id
  WHERE is_terminal(s.status) AND f.n_evals > 0
),
stopped AS (
  SELECT
    *,
    replay.patience AS patience,
    replay.min_delta AS min_delta,
    replay.stop_epoch AS stop_epoch,
    coalesce(total_epochs - replay.stop_epoch, 0) AS saved_epochs,
    CASE
      WHEN best_loss IS NULL THEN NULL
      WHEN replay.stop_epoch IS NULL THEN 0
      ELSE finite_or_null(replay.seen_loss - best_loss)
    END AS metric_cost
  FROM replayed
),
judged AS (
  SELECT
    *,
    CASE
      WHEN metric_cost = 0 THEN 0
      ELSE finite_or_null(100 * safe_divide(metric_cost, abs(best_loss)))
    END AS metric_cost_pct
  FROM stopped
)
SELECT
  session_id,
  agent_id,
  workspace_id,
  month, -- The UTC month in which it ended.
  status,
  patience, -- Of the rule: evaluations without improvement until it stops.
  min_delta, -- Of the rule: what counts as an improvement.
  total_epochs, -- The largest finished epoch.
  stop_epoch, -- Where the rule would have ended it; NULL: nowhere.
  saved_epochs, -- Epochs the rule would have saved.
  finite_or_null(hours * safe_divide(saved_epochs, total_epochs)) AS saved_hours, -- Compute hours the rule would have saved.
  finite_or_null(usd * safe_divide(saved_epochs, total_epochs)) AS saved_usd, -- Dollars the rule would have saved.
  metric_cost, -- How much worse the best value would be.
  metric_cost_pct, -- metric_cost in % of the best value.
  is_costly(best_loss, metric_cost, metric_cost_pct, workspace_id) AS is_costly -- Whether the rule loses more than 1 % of the best value, or all of it.
FROM judged
