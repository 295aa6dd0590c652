-- One row per finished epoch of a run, with its speed and the time since the run started.
-- grain: session_id, epoch
SELECT
  epochs.session_id AS session_id,
  epochs.epoch AS epoch,
  epochs.attempt AS attempt,
  epochs.step AS step,
  epochs.train_loss AS train_loss,
  epochs.val_loss AS val_loss,
  epochs.val_metric AS val_metric,
  epochs.learning_rate AS learning_rate,
  epochs.gradient_norm AS gradient_norm,
  epochs.epoch_seconds AS epoch_seconds,
  safe_divide(epochs.samples, greatest(0, epochs.epoch_seconds)) AS samples_per_second, -- Examples trained on per second.
  safe_divide(epochs.tokens, greatest(0, epochs.epoch_seconds)) AS tokens_per_second, -- Tokens trained on per second.
  epochs.memory_gb AS memory_gb,
  epochs.cpu_utilization AS cpu_utilization,
  epochs.gpu_utilization AS gpu_utilization,
  epoch_us(epochs.logged_at - run.started_at) / 6e7 AS minutes, -- Since the start of the run, minutes.
  epochs.logged_at AS logged_at
FROM epochs
LEFT JOIN runs AS run ON run.id = epochs.session_id
