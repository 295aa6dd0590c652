-- One row is a finished training session: what it spent after its best epoch, and what early stopping would have saved.
-- grain: session_id
-- wasted_* are upper bounds (nobody knows the best epoch in advance); es_* replay early stopping with the session's own
-- patience and min_delta 0 (Prechelt 1998; Keras EarlyStopping).
WITH measured AS (
  SELECT
    f.*,
    s.status,
    s.monitor_mode,
    s.workspace_id,
    finite_or_null(s.gpu_hours) AS gpu_hours,
    CAST(s.training_cost_usd AS DOUBLE) AS cost_usd
  FROM curve_facts AS f
  JOIN training_sessions AS s ON s.id = f.session_id
  WHERE is_terminal(s.status)
),
compared AS (
  SELECT
    *,
    CASE WHEN n_evals > 0 THEN total_epochs - coalesce(best_epoch, 0) END AS wasted_epochs,
    generalization_loss_pct(last_loss, best_loss) AS final_gl_pct
  FROM measured
),
judged AS (
  SELECT
    *,
    oriented_loss(best_loss, monitor_mode) AS best_value,
    CASE
      WHEN n_evals = 0 THEN NULL
      WHEN all_timed THEN time_share_after_best
      ELSE safe_divide(total_epochs - coalesce(best_epoch, 0), total_epochs)
    END AS wasted_fraction,
    waste_label(
      n_evals, last_loss IS NOT NULL, best_epoch, total_epochs, final_gl_pct, best_loss, last_loss, workspace_id
    ) AS waste_category
  FROM compared
)
SELECT
  session_id,
  agent_id, -- The agent that was trained.
  status,
  total_epochs, -- The largest finished epoch.
  n_evals, -- Epochs with a measured value, finite or not.
  best_epoch, -- The earliest epoch with the best finite monitored value.
  best_value, -- The monitored value of the best epoch.
  wasted_epochs, -- Epochs after the best one: an upper bound of the waste.
  wasted_fraction, -- Share of the time, or of the epochs, after the best epoch, 0 to 1.
  finite_or_null(gpu_hours * wasted_fraction) AS wasted_compute_hours, -- gpu_hours times wasted_fraction.
  finite_or_null(cost_usd * wasted_fraction) AS wasted_cost_usd, -- The cost times wasted_fraction, dollars.
  final_gl_pct, -- How much worse the last evaluation was than the best, %.
  patience, -- early_stopping_patience of the session, 10 where it has none.
  es_stop_epoch, -- Where early stopping with that patience would have ended it; NULL: nowhere.
  CASE WHEN n_evals > 0 THEN coalesce(total_epochs - es_stop_epoch, 0) END AS es_saved_epochs, -- Epochs that early stopping would have saved.
  CASE
    WHEN best_loss IS NULL THEN NULL
    WHEN es_stop_epoch IS NULL THEN 0
    ELSE finite_or_null(loss_at_stop - best_loss)
  END AS es_regret, -- How much better the best value is than the best seen by that stop.
  waste_category, -- no_validation, diverged, insufficient_data, none, overtraining, plateau.
  waste_category = 'overtraining' AS overtraining_detected -- Whether waste_category is overtraining.
FROM judged
