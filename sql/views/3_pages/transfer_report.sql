-- One row is a transfer and one benchmark, as in transfer_learning_analytics, with its state, its time and its run.
-- grain: transfer_id, benchmark_name
-- A score may be lower-is-better; the gain is positive when things got better.
WITH directions AS (
  SELECT
    agent_id,
    benchmark_name,
    bool_and(higher_is_better) AS higher_is_better
  FROM benchmarks
  GROUP BY agent_id, benchmark_name
)
SELECT
  a.*,
  d.higher_is_better,
  t.status,
  t.started_at,
  t.completed_at,
  r.name AS run_name,
  r.workspace_id
FROM transfer_learning_analytics AS a
LEFT JOIN transfer_learning_sessions AS t ON t.target_agent_id = a.target_agent_id AND t.id = a.transfer_id
LEFT JOIN runs AS r ON r.id = a.transfer_id
LEFT JOIN directions AS d ON d.agent_id = a.target_agent_id AND d.benchmark_name = a.benchmark_name
