-- One row is a session that is not deleted: what its loss curve says by itself, before prices and labels.
-- grain: session_id
-- Of ended sessions it is what the ingest has kept, of the others it is worked out here. Evaluations come first, so that
-- the rows of a frame are evaluations: early stopping stops at the first one before which `patience` of them left the
-- best as it was. What is summed in another order differs in its last digit, so the order is said.
WITH patient AS (
  SELECT c.*, patience_of(s.hyperparameters, s.workspace_id) AS patience
  FROM curves AS c
  JOIN training_sessions AS s ON s.id = c.session_id
  WHERE NOT c.is_kept
),
measured AS (
  SELECT
    c.*,
    row_number() OVER in_turn AS evaluation,
    lag(c.loss, 1) OVER in_turn AS loss_1,
    lag(c.loss, 2) OVER in_turn AS loss_2,
    lag(c.loss, 3) OVER in_turn AS loss_3,
    min(c.loss) OVER (in_turn ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS best_so_far,
    min(c.loss) OVER (in_turn ROWS BETWEEN UNBOUNDED PRECEDING AND c.patience PRECEDING) AS best_of_old,
    min(c.loss) OVER (in_turn ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS best_loss,
    arg_min(c.epoch, (c.loss, c.epoch)) FILTER (WHERE c.loss IS NOT NULL)
      OVER (in_turn ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS best_epoch,
    count(c.loss) OVER (in_turn ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS n_finite,
    count(c.loss) OVER (in_turn ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS finite_from_end,
    count(*) FILTER (WHERE c.evaluated)
      OVER (in_turn ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS evaluations_from_end,
    avg(c.train_loss) OVER (in_turn ROWS BETWEEN 4 PRECEDING AND CURRENT ROW) AS strip_mean,
    min(c.train_loss) OVER (in_turn ROWS BETWEEN 4 PRECEDING AND CURRENT ROW) AS strip_best
  FROM patient AS c
  WINDOW in_turn AS (PARTITION BY c.agent_id, c.session_id ORDER BY NOT c.evaluated, c.epoch)
),
compared AS (
  SELECT
    *,
    generalization_loss_pct(loss, best_so_far) AS gl_pct,
    progress(strip_mean, strip_best) AS strip_progress,
    evaluated AND evaluation >= patience AND best_so_far IS NOT DISTINCT FROM best_of_old AS stops,
    finite_from_end <= greatest(5, ceil(0.2 * n_finite)) AS is_tail
  FROM measured
),
summed AS (
  SELECT
    agent_id,
    session_id,
    max(epoch) AS total_epochs,
    count(*) FILTER (WHERE evaluated) AS n_evals,
    count(loss) AS n_finite,
    any_value(best_epoch) AS best_epoch,
    min(loss) AS best_loss,
    arg_max_null(loss, epoch) FILTER (WHERE evaluated) AS last_loss,
    any_value(train_loss) FILTER (WHERE epoch = best_epoch) AS train_loss_at_best,
    arg_max_null(train_loss, epoch) FILTER (WHERE evaluated) AS last_train_loss,
    count(epoch_seconds) AS timed_epochs,
    sum(epoch_seconds ORDER BY epoch) AS seconds,
    coalesce(sum(epoch_seconds ORDER BY epoch) FILTER (WHERE epoch > coalesce(best_epoch, 0)), 0) AS seconds_after_best,
    any_value(patience) AS patience,
    min(epoch) FILTER (WHERE stops) AS es_stop_epoch,
    arg_min_null(best_so_far, epoch) FILTER (WHERE stops) AS loss_at_stop,
    bool_or(best_so_far = 0) AS best_was_zero,
    max(gl_pct) AS max_drawup_pct,
    min(epoch) FILTER (WHERE is_more(gl_pct, 5)) AS gl_stop_epoch,
    count(*) = max(epoch) AND bool_and(loss IS NOT NULL) AND coalesce(min(train_loss) > 0, false)
    AND count(train_loss) = count(*) AS has_strips,
    min(epoch) FILTER (WHERE epoch % 5 = 0 AND outweighs(gl_pct, strip_progress)) AS pq_stop_epoch,
    min(epoch) FILTER (
      WHERE evaluated AND evaluation >= 3
        AND is_rise(loss, loss_1) AND is_rise(loss_1, loss_2) AND is_rise(loss_2, loss_3)
    ) AS up_stop_epoch,
    min(epoch) FILTER (WHERE is_converged(loss, best_loss)) AS convergence_epoch,
    min(loss) FILTER (WHERE evaluations_from_end > 5) AS earlier_best,
    stddev_samp(loss ORDER BY epoch) FILTER (WHERE is_tail) AS tail_deviation,
    avg(loss ORDER BY epoch) FILTER (WHERE is_tail) AS tail_mean
  FROM compared
  GROUP BY agent_id, session_id
)
SELECT
  session_id,
  agent_id,
  total_epochs,
  n_evals,
  n_finite,
  best_epoch,
  best_loss,
  last_loss,
  train_loss_at_best,
  last_train_loss,
  all_timed,
  time_share_after_best,
  patience,
  es_stop_epoch,
  loss_at_stop,
  best_was_zero,
  max_drawup_pct,
  gl_stop_epoch,
  has_strips,
  pq_stop_epoch,
  up_stop_epoch,
  convergence_epoch,
  earlier_best,
  tail_cv
FROM kept_curve_facts
UNION ALL
SELECT
  session_id,
  agent_id,
  total_epochs, -- The largest finished epoch.
  n_evals, -- Epochs with a measured value, finite or not.
  n_finite, -- Epochs with a finite value.
  best_epoch, -- The earliest epoch with the smallest loss.
  best_loss, -- The smallest loss.
  last_loss, -- The loss of the last evaluation; NULL where it is not finite.
  train_loss_at_best, -- The training loss of the best epoch.
  last_train_loss, -- The training loss of the last evaluated epoch.
  timed_epochs = total_epochs AND seconds > 0 AS all_timed, -- Whether every epoch has its seconds.
  safe_divide(seconds_after_best, seconds) AS time_share_after_best, -- Share of the seconds spent after the best epoch, 0 to 1.
  patience, -- early_stopping_patience of the session, 10 where it has none.
  es_stop_epoch, -- Where early stopping with that patience would have ended it; NULL: nowhere.
  loss_at_stop, -- The best loss seen by that stop.
  best_was_zero, -- Whether the best so far ever was 0.
  max_drawup_pct, -- The furthest it ever rose above its best so far, %.
  gl_stop_epoch, -- First epoch more than 5 % above the best so far (Prechelt 1998, GL_5).
  has_strips, -- Whether every loss is there that PQ needs.
  pq_stop_epoch, -- First strip of 5 epochs that loses more than training gains (Prechelt 1998, PQ_5).
  up_stop_epoch, -- First epoch after 3 rises in a row (Prechelt 1998, UP_3).
  convergence_epoch, -- First epoch within 1 % of the best.
  earlier_best, -- The best loss up to 5 evaluations before the end.
  safe_divide(tail_deviation, abs(tail_mean)) AS tail_cv -- Standard deviation / |mean| of the last fifth of the losses, 5 at least.
FROM summed
