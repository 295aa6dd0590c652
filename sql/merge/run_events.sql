-- What happened to runs in `theirs` and is not in `yard`, as journal lines.
SELECT body
FROM (
  SELECT run_id, logged_at, kind, attempt, CAST(body AS VARCHAR) AS body FROM theirs.run_events
  EXCEPT ALL
  SELECT run_id, logged_at, kind, attempt, CAST(body AS VARCHAR) AS body FROM yard.run_events
)
ORDER BY run_id, logged_at, body;
