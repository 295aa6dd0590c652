-- Learning rate against the best loss that it reached
SELECT
  CAST(hyperparameters ->> 'learning_rate' AS DOUBLE) AS learning_rate,
  best_validation_loss,
  agent_id
FROM sessions
WHERE best_validation_loss IS NOT NULL
ORDER BY learning_rate
