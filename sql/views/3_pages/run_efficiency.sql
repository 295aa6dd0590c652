-- One row is a session with a finished epoch: how soon it converged, on how much data, and how busy the device was.
-- grain: session_id
WITH consumed AS (
  SELECT
    r.session_id,
    r.agent_id,
    r.convergence_epoch,
    r.convergence_efficiency,
    sum(e.samples) FILTER (WHERE e.epoch <= r.convergence_epoch) AS examples_until_convergence, -- Examples trained on until convergence_epoch.
    sum(e.tokens) FILTER (WHERE e.epoch <= r.convergence_epoch) AS tokens_until_convergence, -- Tokens trained on until convergence_epoch.
    safe_divide(
      sum(e.gpu_utilization * e.epoch_seconds),
      sum(e.epoch_seconds) FILTER (WHERE e.gpu_utilization IS NOT NULL)
    ) AS resource_utilization -- Mean GPU utilisation by time, 0 to 1.
  FROM run_scores AS r
  JOIN epochs AS e ON e.session_id = r.session_id
  GROUP BY r.session_id, r.agent_id, r.convergence_epoch, r.convergence_efficiency
)
SELECT
  *,
  is_underutilized(resource_utilization) AS underutilized -- Whether it is below 0.5.
FROM consumed
