-- One row is a transfer and one benchmark, as in transfer_learning_analytics, with its state, its time and its run.
-- grain: transfer_id, benchmark_name
SELECT
  a.*,
  t.status,
  t.started_at,
  t.completed_at,
  r.name AS run_name, -- The name of its run.
  r.workspace_id
FROM transfer_learning_analytics AS a
LEFT JOIN transfer_learning_sessions AS t ON t.target_agent_id = a.target_agent_id AND t.id = a.transfer_id
LEFT JOIN runs AS r ON r.id = a.transfer_id
