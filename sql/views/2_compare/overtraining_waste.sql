-- One row is a finished training session: what it spent after its best epoch, and what early stopping would have saved.
-- grain: session_id
-- wasted_* are upper bounds (nobody knows the best epoch in advance); es_* replay early stopping with the session's own
-- patience and min_delta 0 (Prechelt 1998; Keras EarlyStopping).
WITH rules AS (
  SELECT
    id AS session_id,
    status,
    monitor_mode,
    finite_or_null(gpu_hours) AS gpu_hours,
    CAST(training_cost_usd AS DOUBLE) AS cost_usd,
    patience_of(hyperparameters) AS patience
  FROM training_sessions
  WHERE is_terminal(status)
),
-- Evaluations come first, so that the rows of a frame are evaluations: early stopping stops at the first one before
-- which `patience` of them left the best as it was.
replayed AS (
  SELECT
    c.*,
    r.* EXCLUDE (session_id),
    min(c.loss) OVER (in_turn ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS best_so_far,
    min(c.loss) OVER (in_turn ROWS BETWEEN UNBOUNDED PRECEDING AND r.patience PRECEDING) AS best_of_old,
    row_number() OVER in_turn AS evaluation,
    arg_min(c.epoch, (c.loss, c.epoch)) FILTER (WHERE c.loss IS NOT NULL)
      OVER (in_turn ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS best_epoch
  FROM curves AS c
  JOIN rules AS r ON r.session_id = c.session_id
  WINDOW in_turn AS (PARTITION BY c.agent_id, c.session_id ORDER BY NOT c.evaluated, c.epoch)
),
measured AS (
  SELECT
    agent_id,
    session_id,
    any_value(status) AS status,
    any_value(monitor_mode) AS monitor_mode,
    any_value(gpu_hours) AS gpu_hours,
    any_value(cost_usd) AS cost_usd,
    any_value(patience) AS patience,
    max(epoch) AS total_epochs,
    count(*) FILTER (WHERE evaluated) AS n_evals,
    any_value(best_epoch) AS best_epoch,
    min(loss) AS best_loss,
    arg_max_null(loss, epoch) FILTER (WHERE evaluated) AS last_loss,
    min(epoch) FILTER (
      WHERE evaluated AND evaluation >= patience AND best_so_far IS NOT DISTINCT FROM best_of_old
    ) AS es_stop_epoch,
    arg_min_null(best_so_far, epoch) FILTER (
      WHERE evaluated AND evaluation >= patience AND best_so_far IS NOT DISTINCT FROM best_of_old
    ) AS loss_at_stop,
    sum(epoch_seconds) AS seconds,
    coalesce(sum(epoch_seconds) FILTER (WHERE epoch > coalesce(best_epoch, 0)), 0) AS seconds_after_best,
    count(epoch_seconds) = max(epoch) AS all_timed
  FROM replayed
  GROUP BY agent_id, session_id
),
judged AS (
  SELECT
    *,
    oriented_loss(best_loss, monitor_mode) AS best_value,
    CASE WHEN n_evals > 0 THEN total_epochs - coalesce(best_epoch, 0) END AS wasted_epochs,
    CASE
      WHEN n_evals = 0 THEN NULL
      WHEN all_timed AND seconds > 0 THEN safe_divide(seconds_after_best, seconds)
      ELSE safe_divide(total_epochs - coalesce(best_epoch, 0), total_epochs)
    END AS wasted_fraction,
    generalization_loss_pct(last_loss, best_loss) AS final_gl_pct,
    waste_label(
      n_evals, last_loss IS NOT NULL, best_epoch, total_epochs,
      generalization_loss_pct(last_loss, best_loss), best_loss, last_loss
    ) AS waste_category
  FROM measured
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
