-- One row is a session with a finished epoch: what its loss curve says about overfitting, convergence and stability.
-- grain: session_id
-- Prechelt 1998 (GL, PQ, UP), Jiang et al. 2019 (gap). Losses are the monitored values turned so that smaller is better.
-- Evaluations come first, so that the rows of a frame are evaluations.
WITH measured AS (
  SELECT
    agent_id,
    session_id,
    epoch,
    evaluated,
    loss,
    train_loss,
    row_number() OVER in_turn AS evaluation,
    lag(loss, 1) OVER in_turn AS loss_1,
    lag(loss, 2) OVER in_turn AS loss_2,
    lag(loss, 3) OVER in_turn AS loss_3,
    min(loss) OVER (in_turn ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS best_so_far,
    min(loss) OVER (in_turn ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS best_loss,
    arg_min(epoch, (loss, epoch)) FILTER (WHERE loss IS NOT NULL)
      OVER (in_turn ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS best_epoch,
    count(loss) OVER (in_turn ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS n_finite,
    count(loss) OVER (in_turn ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS finite_from_end,
    count(*) FILTER (WHERE evaluated)
      OVER (in_turn ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS evaluations_from_end,
    progress(
      avg(train_loss) OVER (in_turn ROWS BETWEEN 4 PRECEDING AND CURRENT ROW),
      min(train_loss) OVER (in_turn ROWS BETWEEN 4 PRECEDING AND CURRENT ROW)
    ) AS strip_progress
  FROM curves
  WHERE epoch IS NOT NULL
  WINDOW in_turn AS (PARTITION BY agent_id, session_id ORDER BY NOT evaluated, epoch)
),
summed AS (
  SELECT
    agent_id,
    session_id,
    max(epoch) AS total_epochs,
    any_value(best_epoch) AS best_epoch,
    any_value(best_loss) AS best_loss,
    any_value(train_loss) FILTER (WHERE epoch = best_epoch) AS train_loss_at_best,
    arg_max_null(loss, epoch) FILTER (WHERE evaluated) AS last_loss,
    arg_max_null(train_loss, epoch) FILTER (WHERE evaluated) AS last_train_loss,
    bool_or(best_so_far = 0) AS best_was_zero,
    max(generalization_loss_pct(loss, best_so_far)) AS max_drawup_pct,
    min(epoch) FILTER (WHERE is_more(generalization_loss_pct(loss, best_so_far), 5)) AS gl_stop_epoch,
    count(*) = max(epoch) AND bool_and(loss IS NOT NULL) AND coalesce(min(train_loss) > 0, false)
    AND count(train_loss) = count(*) AS has_strips,
    min(epoch) FILTER (
      WHERE epoch % 5 = 0 AND outweighs(generalization_loss_pct(loss, best_so_far), strip_progress)
    ) AS pq_stop_epoch,
    min(epoch) FILTER (
      WHERE evaluated AND evaluation >= 3
        AND is_rise(loss, loss_1) AND is_rise(loss_1, loss_2) AND is_rise(loss_2, loss_3)
    ) AS up_stop_epoch,
    min(epoch) FILTER (WHERE is_converged(loss, best_loss)) AS convergence_epoch,
    any_value(n_finite) AS n_finite,
    min(loss) FILTER (WHERE evaluations_from_end > 5) AS earlier_best,
    stddev_samp(loss) FILTER (WHERE finite_from_end <= greatest(5, ceil(0.2 * n_finite))) AS tail_deviation,
    avg(loss) FILTER (WHERE finite_from_end <= greatest(5, ceil(0.2 * n_finite))) AS tail_mean
  FROM measured
  GROUP BY agent_id, session_id
),
judged AS (
  SELECT
    u.*,
    s.status,
    oriented_loss(u.best_loss, s.monitor_mode) AS best_value,
    CASE
      WHEN coalesce(s.monitor_metric, 'val_loss') = 'val_loss' AND s.monitor_mode IS DISTINCT FROM 'max'
        THEN finite_or_null(u.best_loss - u.train_loss_at_best)
    END AS generalization_gap,
    generalization_loss_pct(u.last_loss, u.best_loss) AS overfitting_score,
    CASE WHEN u.n_finite >= 5 THEN safe_divide(u.tail_deviation, abs(u.tail_mean)) END AS stability_cv
  FROM summed AS u
  JOIN training_sessions AS s ON s.id = u.session_id
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
