-- One row is one finished epoch of a session: of a repeated epoch the one of the last attempt, then the one logged last.
-- grain: session_id, epoch
-- What an attempt did beyond the point that a later one went back to is abandoned: see run_attempt_facts.
-- `monitored` is what early stopping watches, `loss` the same turned so that smaller is better; `evaluated` says that
-- it was measured at all: a value that is not finite is NULL here and evaluated.
SELECT
  e.session_id,
  e.epoch,
  e.attempt,
  e.step,
  finite_or_null(e.train_loss) AS train_loss,
  finite_or_null(e.val_loss) AS val_loss,
  finite_or_null(e.val_metric) AS val_metric,
  (CASE WHEN coalesce(s.monitor_metric, 'val_loss') = 'val_loss' THEN e.val_loss ELSE e.val_metric END) IS NOT NULL AS evaluated, -- Whether the monitored value was measured at all.
  finite_or_null(
    CASE WHEN coalesce(s.monitor_metric, 'val_loss') = 'val_loss' THEN e.val_loss ELSE e.val_metric END
  ) AS monitored, -- What early stopping watches: val_loss or val_metric; NULL where it is not finite.
  oriented_loss(
    finite_or_null(
      CASE WHEN coalesce(s.monitor_metric, 'val_loss') = 'val_loss' THEN e.val_loss ELSE e.val_metric END
    ),
    s.monitor_mode
  ) AS loss, -- The monitored value turned so that smaller is better.
  finite_or_null(e.epoch_seconds) AS epoch_seconds,
  finite_or_null(e.learning_rate) AS learning_rate,
  finite_or_null(e.gradient_norm) AS gradient_norm,
  e.samples,
  e.tokens,
  finite_or_null(e.memory_gb) AS memory_gb,
  finite_or_null(e.gpu_utilization) AS gpu_utilization,
  finite_or_null(e.cpu_utilization) AS cpu_utilization,
  e.logged_at
FROM training_epochs AS e
LEFT JOIN training_sessions AS s ON s.id = e.session_id
WINDOW in_turn AS (PARTITION BY e.session_id ORDER BY e.epoch, e.attempt NULLS FIRST, e.logged_at NULLS FIRST)
QUALIFY lead(e.epoch) OVER in_turn IS DISTINCT FROM e.epoch
  AND coalesce(e.attempt, 0) = coalesce(max(e.attempt) OVER (in_turn ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW), 0)
