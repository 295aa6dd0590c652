-- Rows go in clustered by run, which the zone maps like.
INSERT INTO training_epochs BY NAME
SELECT
  session_id,
  CAST(epoch AS INTEGER) AS epoch,
  attempt,
  step,
  train_loss,
  val_loss,
  val_metric,
  epoch_seconds,
  learning_rate,
  gradient_norm,
  samples,
  tokens,
  memory_gb,
  gpu_utilization,
  cpu_utilization,
  logged_at
FROM lines
WHERE usable AND k = 'epoch';
