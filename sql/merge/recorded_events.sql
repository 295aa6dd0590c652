-- What was recorded of models in use in `theirs` and is not in `yard`, with the names that journal lines have.
SELECT kind AS k, CAST(record_id AS VARCHAR) AS id, epoch_us(logged_at) AS "at", body
FROM (
  SELECT record_id, logged_at, kind, CAST(body AS VARCHAR) AS body FROM theirs.recorded_events
  EXCEPT ALL
  SELECT record_id, logged_at, kind, CAST(body AS VARCHAR) AS body FROM yard.recorded_events
)
ORDER BY id, "at", body;
