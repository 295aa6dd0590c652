-- One row is an input feature of an agent in use: how far its newer half has moved from its older half.
-- grain: agent_id, feature
-- PSI over the deciles of the older half for numbers, over its ten most frequent words and all others for the rest; a
-- value that is missing is a bin of its own.
WITH given AS (
  SELECT
    agent_id,
    execution_id,
    created_at,
    unnest(map_entries(TRY_CAST(inputs AS MAP(VARCHAR, JSON)))) AS input
  FROM agent_executions
  WHERE inputs IS NOT NULL AND created_at IS NOT NULL
),
halves AS (
  SELECT
    agent_id,
    input.key AS feature,
    created_at,
    input.value ->> '$' AS word,
    CASE
      WHEN json_type(input.value) IN ('BIGINT', 'UBIGINT', 'HUGEINT', 'DOUBLE')
        THEN finite_or_null(TRY_CAST(input.value ->> '$' AS DOUBLE))
    END AS number,
    2 * row_number() OVER (PARTITION BY agent_id, input.key ORDER BY created_at, execution_id)
    > count(*) OVER (PARTITION BY agent_id, input.key) AS is_newer
  FROM given
),
ranked AS (
  SELECT
    agent_id,
    feature,
    word,
    row_number() OVER (PARTITION BY agent_id, feature ORDER BY count(*) DESC, word) AS place
  FROM halves
  WHERE NOT is_newer AND number IS NULL AND word IS NOT NULL
  GROUP BY agent_id, feature, word
),
words AS (
  SELECT agent_id, feature, list(word) AS known
  FROM ranked
  WHERE place <= 10
  GROUP BY agent_id, feature
),
edges AS (
  SELECT
    agent_id,
    feature,
    count(*) FILTER (WHERE NOT is_newer) AS n_older,
    count(*) FILTER (WHERE is_newer) AS n_newer,
    min(created_at) FILTER (WHERE is_newer) AS newer_since,
    list_distinct(
      quantile_cont(number, [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]) FILTER (WHERE NOT is_newer)
    ) AS edges
  FROM halves
  GROUP BY agent_id, feature
),
binned AS (
  SELECT
    h.agent_id,
    h.feature,
    h.is_newer,
    CASE
      WHEN h.number IS NOT NULL THEN concat('number ', len(list_filter(e.edges, lambda x: x < h.number)))
      WHEN h.word IS NULL THEN 'missing'
      WHEN list_contains(w.known, h.word) THEN concat('word ', h.word)
      ELSE 'other'
    END AS bin
  FROM halves AS h
  JOIN edges AS e ON e.agent_id IS NOT DISTINCT FROM h.agent_id AND e.feature = h.feature
  LEFT JOIN words AS w ON w.agent_id IS NOT DISTINCT FROM h.agent_id AND w.feature = h.feature
),
counted AS (
  SELECT
    agent_id,
    feature,
    bin,
    count(*) FILTER (WHERE NOT is_newer) AS older,
    count(*) FILTER (WHERE is_newer) AS newer
  FROM binned
  GROUP BY agent_id, feature, bin
),
moved AS (
  SELECT
    e.agent_id,
    e.feature, -- The name of the input.
    e.n_older, -- Values in the older half.
    e.n_newer, -- Values in the newer half.
    e.newer_since, -- When the newer half begins, UTC.
    count(*) AS bins, -- Bins that the values fall into.
    finite_or_null(sum(psi_part(safe_divide(c.older, e.n_older), safe_divide(c.newer, e.n_newer)))) AS psi -- Population stability index of the halves; above 0.25 is drift.
  FROM edges AS e
  JOIN counted AS c ON c.agent_id IS NOT DISTINCT FROM e.agent_id AND c.feature = e.feature
  GROUP BY e.agent_id, e.feature, e.n_older, e.n_newer, e.newer_since
)
SELECT
  *,
  input_drift_label(psi, least(n_older, n_newer)) AS input_drift -- drift, small_drift, stable, insufficient_data.
FROM moved
