-- What was recorded of models in use, each with its checked fields as body.
INSERT INTO recorded_events BY NAME
SELECT
  unnest($record::UUID[]) AS record_id,
  make_timestamp(unnest($at::BIGINT[])) AS logged_at,
  unnest($kind::VARCHAR[]) AS kind,
  unnest($body::JSON[]) AS body,
  unnest($journal::VARCHAR[]) AS journal,
  unnest($line_offset::BIGINT[]) AS line_offset;
