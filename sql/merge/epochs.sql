-- The epochs in `theirs` that are not in `yard`, with the names that journal lines have.
SELECT
  'epoch' AS k,
  CAST(session_id AS VARCHAR) AS run,
  attempt,
  epoch_us(logged_at) AS "at",
  COLUMNS(* EXCLUDE (session_id, attempt, logged_at))
FROM (
  FROM theirs.training_epochs
  EXCEPT ALL
  FROM yard.training_epochs
)
ORDER BY run, "at", epoch;
