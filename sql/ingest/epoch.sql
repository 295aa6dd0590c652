-- `lines` holds parsed journal lines of the kinds epoch and metrics. Rows arrive clustered by run, which the zone maps like.
INSERT INTO training_epochs BY NAME
SELECT
  CAST(run AS UUID) AS session_id,
  CAST(epoch AS INTEGER) AS epoch,
  coalesce(attempt, 1) AS attempt,
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
  make_timestamp("at") AS logged_at
FROM lines
WHERE k = 'epoch'
ORDER BY run, epoch;
