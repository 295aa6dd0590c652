-- One row is what a finished epoch of a session cost, or what the session cost beside its epochs: its epoch is NULL.
-- grain: session_id, epoch
-- Epochs share the hours by their seconds; loading, saving, and epochs that a resume repeated are the rest. Dollars are
-- whole millionths by the largest remainder, so they add up to training_cost_usd exactly. Deleted runs are left out.
WITH spent AS (
  SELECT
    s.id AS session_id,
    s.agent_id,
    s.workspace_id,
    finite_or_null(s.gpu_hours) AS hours,
    finite_or_null(s.energy_kwh) AS kwh,
    CAST(s.training_cost_usd * 1000000 AS BIGINT) AS millionths,
    safe_divide(3600 * s.gpu_hours, coalesce(r.accelerators, 1)) AS seconds
  FROM training_sessions AS s
  LEFT JOIN runs AS r ON r.id = s.id
  WHERE r.deleted_at IS NULL AND (s.gpu_hours IS NOT NULL OR s.training_cost_usd IS NOT NULL OR s.energy_kwh IS NOT NULL)
),
timed AS (
  SELECT
    session_id,
    epoch,
    greatest(0, coalesce(epoch_seconds, 0)) AS seconds,
    sum(greatest(0, coalesce(epoch_seconds, 0))) OVER (PARTITION BY session_id) AS all_seconds
  FROM epochs
),
shared AS (
  SELECT
    t.session_id,
    t.epoch,
    coalesce(safe_divide(t.seconds, greatest(t.all_seconds, coalesce(s.seconds, 0))), 0) AS share
  FROM timed AS t
  JOIN spent AS s ON s.session_id = t.session_id
),
parts AS (
  FROM shared
  UNION ALL
  SELECT
    s.session_id,
    NULL AS epoch,
    greatest(0, 1 - coalesce(sum(p.share), 0)) AS share
  FROM spent AS s
  LEFT JOIN shared AS p ON p.session_id = s.session_id
  GROUP BY s.session_id
),
floored AS (
  SELECT
    s.*,
    p.epoch,
    p.share,
    CAST(floor(s.millionths * p.share) AS BIGINT) AS whole,
    s.millionths - sum(CAST(floor(s.millionths * p.share) AS BIGINT)) OVER (PARTITION BY s.session_id) AS missing,
    row_number() OVER (
      PARTITION BY s.session_id
      ORDER BY s.millionths * p.share - floor(s.millionths * p.share) DESC, p.epoch NULLS LAST
    ) AS place
  FROM parts AS p
  JOIN spent AS s ON s.session_id = p.session_id
)
SELECT
  session_id, -- The training session.
  agent_id,
  workspace_id,
  epoch, -- 1-based; NULL: what the session cost beside its epochs.
  share, -- Its share of the session's hours, 0 to 1.
  finite_or_null(hours * share) AS hours, -- Compute hours.
  CAST(
    CAST(whole + CASE WHEN place <= missing THEN 1 ELSE 0 END AS DECIMAL(18, 0)) * CAST(0.000001 AS DECIMAL(7, 6))
    AS DECIMAL(18, 6)
  ) AS usd, -- Dollars, to the millionth; over a session they are its cost.
  finite_or_null(kwh * share) AS kwh -- Energy, kWh.
FROM floored
