-- What each agent spent after its best epochs
SELECT
  agent_id,
  count(*) AS runs,
  sum(wasted_epochs) AS wasted_epochs,
  round(sum(wasted_compute_hours), 3) AS wasted_hours,
  count(*) FILTER (WHERE overtraining_detected) AS overtrained_runs
FROM overtraining_waste
GROUP BY agent_id
ORDER BY wasted_hours DESC
