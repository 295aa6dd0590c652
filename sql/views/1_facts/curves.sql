-- One row is one finished epoch of a session, as in epochs, or a session without epochs, whose epoch is NULL.
-- grain: session_id, epoch
-- It begins with the sessions and names the agent, so that a filter on either reaches the scan of training_epochs.
-- Deleted runs are left out. `loss` is the monitored value turned so that smaller is better; `evaluated` says that it was measured at all.
-- `is_kept` says that the ingest has worked out the facts of the session: see curve_facts.
SELECT
  s.agent_id,
  s.id AS session_id, -- The session.
  e.epoch, -- 1-based; NULL for a session without epochs.
  (CASE WHEN coalesce(s.monitor_metric, 'val_loss') = 'val_loss' THEN e.val_loss ELSE e.val_metric END) IS NOT NULL AS evaluated, -- Whether the monitored value was measured at all.
  oriented_loss(
    finite_or_null(
      CASE WHEN coalesce(s.monitor_metric, 'val_loss') = 'val_loss' THEN e.val_loss ELSE e.val_metric END
    ),
    s.monitor_mode
  ) AS loss, -- The monitored value turned so that smaller is better; NULL where it is not finite.
  finite_or_null(e.train_loss) AS train_loss,
  finite_or_null(e.epoch_seconds) AS epoch_seconds,
  s.is_kept -- Whether the ingest has worked out the facts of the session: see curve_facts.
FROM (SELECT *, id IN (SELECT session_id FROM kept_curve_facts) AS is_kept FROM training_sessions) AS s
LEFT JOIN training_epochs AS e ON e.session_id = s.id
WHERE s.id NOT IN (SELECT id FROM runs WHERE deleted_at IS NOT NULL)
WINDOW in_turn AS (
  PARTITION BY s.agent_id, s.id, s.is_kept
  ORDER BY e.epoch, e.attempt NULLS FIRST, e.logged_at NULLS FIRST
)
QUALIFY lead({'epoch': e.epoch}) OVER in_turn IS DISTINCT FROM {'epoch': e.epoch}
  AND coalesce(e.attempt, 0) = coalesce(max(e.attempt) OVER (in_turn ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW), 0)
