-- One row is a class of the data that a run learns from, in one of its parts: how many examples of it are there.
-- grain: run_id, part, class
-- As its last attempt cut them; runs without classes, and those of a script of your own, have no row.
WITH planned AS (
  SELECT
    run_id,
    TRY_CAST(
      arg_max(body, (logged_at, journal, line_offset)) -> '$.class_counts' AS MAP(VARCHAR, MAP(VARCHAR, BIGINT))
    ) AS counts
  FROM run_events
  WHERE kind = 'planned'
  GROUP BY run_id
),
parts AS (
  SELECT
    run_id,
    counts,
    unnest(map_keys(counts)) AS part
  FROM planned
),
classes AS (
  SELECT
    run_id,
    part,
    counts[part] AS counts,
    unnest(map_keys(counts[part])) AS class
  FROM parts
)
SELECT
  run_id,
  part, -- train or validation.
  class, -- The class.
  counts[class] AS examples -- Its examples in that part.
FROM classes
