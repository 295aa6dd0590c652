-- The newest runs and how they ended
SELECT name, status, agent_id, best_validation_loss, best_epoch, completed_epochs, cost_usd, queued_at
FROM run_overview
ORDER BY queued_at DESC
