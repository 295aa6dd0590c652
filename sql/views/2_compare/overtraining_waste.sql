-- One row is a finished training session: what it spent after its best epoch, and what early stopping would have saved.
-- grain: session_id
-- wasted_* are upper bounds (nobody knows the best epoch in advance); es_* replay early stopping with the session's own
-- patience and min_delta 0 (Prechelt 1998; Keras EarlyStopping).
WITH running AS (
  SELECT
    session_id,
    epoch,
    evaluated,
    monitored,
    loss,
    epoch_seconds,
    count(*) FILTER (WHERE evaluated) OVER so_far AS evaluation,
    min(loss) OVER so_far AS best_so_far,
    min(loss) OVER (PARTITION BY session_id ORDER BY epoch ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS best_before,
    min(loss) OVER (PARTITION BY session_id) AS best_loss
  FROM epochs
  WINDOW so_far AS (PARTITION BY session_id ORDER BY epoch)
),
marked AS (
  SELECT
    *,
    evaluation - coalesce(
      max(CASE WHEN loss < coalesce(best_before, 'infinity'::DOUBLE) THEN evaluation END)
        OVER (PARTITION BY session_id ORDER BY epoch),
      0
    ) AS without_improvement,
    min(CASE WHEN loss = best_loss THEN epoch END) OVER (PARTITION BY session_id) AS best_epoch
  FROM running
),
rules AS (
  SELECT
    id AS session_id,
    agent_id,
    status,
    finite_or_null(gpu_hours) AS gpu_hours,
    CAST(training_cost_usd AS DOUBLE) AS cost_usd,
    greatest(1, coalesce(TRY_CAST(hyperparameters ->> 'early_stopping_patience' AS INTEGER), 10)) AS patience
  FROM training_sessions
  WHERE is_terminal(status)
),
curves AS (
  SELECT
    r.session_id,
    r.agent_id,
    r.status,
    r.gpu_hours,
    r.cost_usd,
    r.patience,
    max(m.epoch) AS total_epochs,
    count(*) FILTER (WHERE m.evaluated) AS n_evals,
    any_value(m.best_epoch) AS best_epoch,
    any_value(m.monitored) FILTER (WHERE m.epoch = m.best_epoch) AS best_value,
    any_value(m.best_loss) AS best_loss,
    arg_max_null(m.loss, m.epoch) FILTER (WHERE m.evaluated) AS last_loss,
    min(m.epoch) FILTER (WHERE m.evaluated AND m.without_improvement >= r.patience) AS es_stop_epoch,
    arg_min_null(m.best_so_far, m.epoch)
      FILTER (WHERE m.evaluated AND m.without_improvement >= r.patience) AS loss_at_stop,
    sum(m.epoch_seconds) AS seconds,
    coalesce(sum(m.epoch_seconds) FILTER (WHERE m.epoch > coalesce(m.best_epoch, 0)), 0) AS seconds_after_best,
    count(m.epoch_seconds) = max(m.epoch) AS all_timed
  FROM rules AS r
  LEFT JOIN marked AS m USING (session_id)
  GROUP BY ALL
),
judged AS (
  SELECT
    *,
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
  FROM curves
)
SELECT
  session_id,
  agent_id,
  status,
  total_epochs,
  n_evals,
  best_epoch,
  best_value,
  wasted_epochs,
  wasted_fraction,
  finite_or_null(gpu_hours * wasted_fraction) AS wasted_compute_hours,
  finite_or_null(cost_usd * wasted_fraction) AS wasted_cost_usd,
  final_gl_pct,
  patience,
  es_stop_epoch,
  CASE WHEN n_evals > 0 THEN coalesce(total_epochs - es_stop_epoch, 0) END AS es_saved_epochs,
  CASE
    WHEN best_loss IS NULL THEN NULL
    WHEN es_stop_epoch IS NULL THEN 0
    ELSE finite_or_null(loss_at_stop - best_loss)
  END AS es_regret,
  waste_category,
  waste_category = 'overtraining' AS overtraining_detected
FROM judged
