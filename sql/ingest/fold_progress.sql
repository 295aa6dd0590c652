-- Brings the running sessions in the variable `touched` up to date with their new epochs: the columns of fold_curves that a
-- run has before it ends, at half the price.
UPDATE training_sessions AS t
SET
  best_validation_loss = c.best_validation_loss,
  completed_epochs = c.completed_epochs,
  completed_steps = c.completed_steps,
  total_tokens_processed = c.tokens,
  memory_peak_gb = c.memory_gb,
  final_training_loss = c.final_training_loss,
  final_validation_loss = c.final_validation_loss,
  best_epoch = c.best_epoch
FROM (
  SELECT
    session_id,
    min(val_loss) AS best_validation_loss,
    max(epoch) AS completed_epochs,
    max(step) AS completed_steps,
    TRY_CAST(sum(tokens) AS BIGINT) AS tokens,
    max(memory_gb) AS memory_gb,
    arg_max_null(train_loss, epoch) AS final_training_loss,
    arg_max_null(val_loss, epoch) FILTER (WHERE evaluated) AS final_validation_loss,
    arg_min(epoch, (loss, epoch)) FILTER (WHERE loss IS NOT NULL) AS best_epoch
  FROM epochs
  WHERE session_id IN getvariable('touched')
  GROUP BY session_id
) AS c
WHERE c.session_id = t.id;
