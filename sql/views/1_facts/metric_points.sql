-- One row is the value of a metric of a session at one step: of a repeated step the last attempt's, then the last logged.
-- grain: session_id, name, step, epoch
-- Whoever logs epochs alone counts no steps: then it is one row for each epoch.
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
QUALIFY row_number() OVER (PARTITION BY session_id, name, step, CASE WHEN step IS NULL THEN finite_or_null(epoch) END ORDER BY attempt DESC NULLS LAST, logged_at DESC NULLS LAST) = 1
