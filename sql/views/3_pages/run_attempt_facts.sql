-- One row is an attempt of a run: why it was begun, how it ended, and what of it a later attempt left behind.
-- grain: run_id, attempt
-- Abandoned are the epochs that a later attempt did again or went back behind: they were paid for, and count nowhere else.
WITH logged AS (
  SELECT
    session_id,
    coalesce(attempt, 1) AS attempt,
    count(*) AS epochs,
    sum(finite_or_null(epoch_seconds)) AS seconds
  FROM training_epochs
  GROUP BY session_id, coalesce(attempt, 1)
),
kept AS (
  SELECT session_id, coalesce(attempt, 1) AS attempt, count(*) AS epochs, sum(epoch_seconds) AS seconds
  FROM epochs
  GROUP BY session_id, coalesce(attempt, 1)
)
SELECT
  a.run_id AS run_id,
  a.attempt AS attempt,
  a.status AS status,
  a.begun_by AS begun_by,
  a.cause AS cause,
  a.changes AS changes,
  a.reason AS reason,
  a.verdict AS verdict,
  a.started_at AS started_at,
  a.ended_at AS ended_at,
  finite_or_null(hours_between(a.started_at, a.ended_at)) AS hours, -- Wall clock.
  a.steps AS steps,
  coalesce(l.epochs, 0) AS epochs, -- Epochs that it finished.
  coalesce(l.epochs, 0) - coalesce(k.epochs, 0) AS abandoned_epochs, -- Of these, how many a later attempt left behind.
  coalesce(finite_or_null(greatest(0, coalesce(l.seconds, 0) - coalesce(k.seconds, 0))), 0) AS abandoned_seconds, -- The time of those.
  finite_or_null(
    greatest(0, coalesce(l.seconds, 0) - coalesce(k.seconds, 0)) / 3600 * coalesce(r.accelerators, 1)
    * safe_divide(CAST(s.training_cost_usd AS DOUBLE), s.gpu_hours)
  ) AS abandoned_usd -- What that cost, dollars; NULL before the run's end.
FROM run_attempts AS a
JOIN runs AS r ON r.id = a.run_id
LEFT JOIN training_sessions AS s ON s.id = a.run_id
LEFT JOIN logged AS l ON l.session_id = a.run_id AND l.attempt = a.attempt
LEFT JOIN kept AS k ON k.session_id = a.run_id AND k.attempt = a.attempt
