-- Brings the sessions in the variable `touched` up to date with their curves, after fold_runs.
-- Until a run has ended every column is the curve's alone, whatever was there before, so that the result does not depend
-- on how often this was done; an ended run is folded whole, its last words go first.
UPDATE training_sessions AS t
SET
  best_validation_loss = c.best_validation_loss,
  completed_epochs = c.completed_epochs,
  completed_steps = CASE WHEN is_terminal(t.status) THEN greatest(t.completed_steps, c.completed_steps) ELSE c.completed_steps END,
  total_tokens_processed = CASE WHEN is_terminal(t.status) THEN coalesce(t.total_tokens_processed, c.tokens) ELSE c.tokens END,
  memory_peak_gb = CASE WHEN is_terminal(t.status) THEN coalesce(t.memory_peak_gb, c.memory_gb) ELSE c.memory_gb END,
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
