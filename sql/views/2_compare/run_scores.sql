-- One row is a session with a finished epoch: what its loss curve says about overfitting, convergence and stability.
-- grain: session_id
-- Prechelt 1998 (GL, PQ, UP), Jiang et al. 2019 (gap). Losses are the monitored values turned so that smaller is better.
WITH judged AS (
  SELECT
    u.*,
    s.status,
    oriented_loss(u.best_loss, s.monitor_mode) AS best_value,
    CASE
      WHEN coalesce(s.monitor_metric, 'val_loss') = 'val_loss' AND s.monitor_mode IS DISTINCT FROM 'max'
        THEN finite_or_null(u.best_loss - u.train_loss_at_best)
    END AS generalization_gap,
    generalization_loss_pct(u.last_loss, u.best_loss) AS overfitting_score,
    CASE WHEN u.n_finite >= 5 THEN u.tail_cv END AS stability_cv
  FROM curve_facts AS u
  JOIN training_sessions AS s ON s.id = u.session_id
  WHERE u.total_epochs IS NOT NULL
)
SELECT
  session_id,
  agent_id,
  status,
  total_epochs,
  best_epoch,
  best_value,
  generalization_gap,
  1 - clip_to_share(safe_divide(generalization_gap, abs(best_loss))) AS generalization_score,
  overfitting_score,
  CASE
    WHEN overfitting_score IS NOT NULL AND last_train_loss IS NOT NULL AND train_loss_at_best IS NOT NULL
      THEN is_overfitting(overfitting_score, last_train_loss, train_loss_at_best)
  END AS overfitting_detected,
  CASE WHEN NOT best_was_zero THEN max_drawup_pct END AS max_drawup_pct,
  gl_stop_epoch,
  CASE WHEN has_strips THEN pq_stop_epoch END AS pq_stop_epoch,
  up_stop_epoch,
  convergence_epoch,
  safe_divide(1, convergence_epoch) AS convergence_rate,
  safe_divide(convergence_epoch, total_epochs) AS convergence_efficiency,
  CASE WHEN n_finite > 5 THEN is_converged(earlier_best, best_loss) END AS convergence_achieved,
  stability_cv,
  1 - clip_to_share(stability_cv) AS stability_score
FROM judged
