-- Everything else that happened to runs, each with its whole line as body.
INSERT INTO run_events BY NAME
SELECT
  unnest($run::UUID[]) AS run_id,
  make_timestamp(unnest($at::BIGINT[])) AS logged_at,
  unnest($kind::VARCHAR[]) AS kind,
  unnest($attempt::INTEGER[]) AS attempt,
  unnest($body::JSON[]) AS body,
  unnest($journal::VARCHAR[]) AS journal,
  unnest($line_offset::BIGINT[]) AS line_offset;
