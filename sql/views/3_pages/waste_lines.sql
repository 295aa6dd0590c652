-- One row is an agent, a workspace, a UTC month and one line of the bill: what finished runs were spent on.
-- grain: agent_id, workspace_id, month, line
-- Each run stands in one line: failed and cancelled ones and repetitions (the same configuration, seed included, as an
-- earlier completed run of the agent) with all they spent, an overtrained tail with what the run's own early stopping
-- would have saved, the others as used, with 0. `spent_*` is all that the runs of a line cost: over all lines the totals.
WITH numbered AS (
  SELECT
    w.session_id,
    w.agent_id,
    s.workspace_id,
    CAST(date_trunc('month', s.completed_at) AS DATE) AS month,
    w.status,
    w.total_epochs,
    w.es_saved_epochs,
    finite_or_null(s.gpu_hours) AS hours,
    CAST(s.training_cost_usd AS DOUBLE) AS usd,
    s.training_cost_usd AS spent_usd,
    r.config_digest IS NOT NULL AND w.status NOT IN ('failed', 'cancelled') AND row_number() OVER (
      PARTITION BY w.agent_id, r.config_digest, w.status IN ('failed', 'cancelled')
      ORDER BY s.completed_at, w.session_id
    ) > 1 AS is_repetition
  FROM overtraining_waste AS w
  JOIN training_sessions AS s ON s.id = w.session_id
  LEFT JOIN runs AS r ON r.id = w.session_id
),
booked AS (
  SELECT
    *,
    waste_line(status, is_repetition, es_saved_epochs) AS line,
    CASE waste_line(status, is_repetition, es_saved_epochs)
      WHEN 'used' THEN 0
      WHEN 'overtrained_tail' THEN safe_divide(es_saved_epochs, total_epochs)
      ELSE 1
    END AS share
  FROM numbered
)
SELECT
  agent_id,
  workspace_id,
  month, -- The UTC month in which the runs ended.
  line, -- failed, cancelled, repeated_configuration, overtrained_tail, used.
  count(*) AS runs, -- Runs in this line.
  sum(CAST(round(coalesce(total_epochs, 0) * share) AS BIGINT)) AS epochs, -- Epochs spent on it.
  finite_or_null(sum(hours * share)) AS hours, -- Compute hours spent on it.
  finite_or_null(sum(usd * share)) AS usd, -- Dollars spent on it.
  finite_or_null(sum(hours)) AS spent_hours, -- All compute hours of the runs in this line.
  sum(spent_usd) AS spent_usd -- All dollars of the runs in this line.
FROM booked
GROUP BY agent_id, workspace_id, month, line
