-- One row is the value of a metric of a session at one step: of a repeated step the last attempt's, then the last logged.
-- grain: session_id, name, step, epoch
-- What an attempt logged beyond the point that a later one went back to is abandoned, as in epochs. Whoever logs epochs
-- alone counts no steps: then it is one row for each epoch.
SELECT
  session_id,
  name,
  step,
  finite_or_null(epoch) AS epoch,
  attempt,
  finite_or_null(value) AS value,
  value IS NOT NULL AS measured, -- Whether there is a value at all; one that is not finite is NULL and measured.
  logged_at
FROM metrics
WINDOW in_turn AS (
  PARTITION BY session_id, name
  ORDER BY step, CASE WHEN step IS NULL THEN finite_or_null(epoch) END, attempt NULLS FIRST, logged_at NULLS FIRST
)
QUALIFY lead({'step': step, 'epoch': CASE WHEN step IS NULL THEN finite_or_null(epoch) END}) OVER in_turn
  IS DISTINCT FROM {'step': step, 'epoch': CASE WHEN step IS NULL THEN finite_or_null(epoch) END}
  AND coalesce(attempt, 0) = coalesce(max(attempt) OVER (in_turn ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW), 0)
