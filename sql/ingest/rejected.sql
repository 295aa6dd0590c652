INSERT INTO rejected_events BY NAME
SELECT
  unnest($journals::VARCHAR[]) AS journal,
  unnest($offsets::BIGINT[]) AS line_offset,
  unnest($texts::VARCHAR[]) AS line,
  unnest($reasons::VARCHAR[]) AS reason,
  $now AS rejected_at;
