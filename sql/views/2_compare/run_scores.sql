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
  total_epochs, -- The largest finished epoch.
  best_epoch, -- The earliest epoch with the best finite monitored value.
  best_value, -- The monitored value of the best epoch.
  generalization_gap, -- val_loss minus train_loss at the best epoch (Jiang et al. 2019).
  1 - clip_to_share(safe_divide(generalization_gap, abs(best_loss))) AS generalization_score, -- 1 - gap / |best loss|, 0 to 1.
  overfitting_score, -- How much worse the last evaluation is than the best, % (Prechelt 1998, GL).
  CASE
    WHEN overfitting_score IS NOT NULL AND last_train_loss IS NOT NULL AND train_loss_at_best IS NOT NULL
      THEN is_overfitting(overfitting_score, last_train_loss, train_loss_at_best)
  END AS overfitting_detected, -- overfitting_score above 5 % while the training loss fell; NULL: not known.
  CASE WHEN NOT best_was_zero THEN max_drawup_pct END AS max_drawup_pct, -- The furthest it ever rose above its best so far, %.
  gl_stop_epoch, -- First epoch more than 5 % above the best so far (Prechelt 1998, GL_5).
  CASE WHEN has_strips THEN pq_stop_epoch END AS pq_stop_epoch, -- First strip of 5 epochs that loses more than training gains (Prechelt 1998, PQ_5).
  up_stop_epoch, -- First epoch after 3 rises in a row (Prechelt 1998, UP_3).
  convergence_epoch, -- First epoch within 1 % of the best.
  safe_divide(1, convergence_epoch) AS convergence_rate, -- 1 / convergence_epoch; higher is faster.
  safe_divide(convergence_epoch, total_epochs) AS convergence_efficiency, -- convergence_epoch / total_epochs; low is good.
  CASE WHEN n_finite > 5 THEN is_converged(earlier_best, best_loss) END AS convergence_achieved, -- Whether the last 5 evaluations improved the best by 1 % at most; NULL: too few.
  stability_cv, -- Standard deviation / |mean| of the last fifth of the values, 5 at least.
  1 - clip_to_share(stability_cv) AS stability_score -- 1 - stability_cv, 0 to 1.
FROM judged
