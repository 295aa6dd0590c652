-- `lines` holds everything else that happened to runs, each with its whole line as body.
INSERT INTO run_events BY NAME
SELECT
  CAST(run AS UUID) AS run_id,
  make_timestamp("at") AS logged_at,
  k AS kind,
  attempt,
  CAST(body AS JSON) AS body,
  journal,
  line_offset
FROM lines;
