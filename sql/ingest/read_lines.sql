-- Reads a file of journal lines, a row for each. Whole numbers are read as doubles and then checked, or DuckDB
-- would round 1.5 to 2. A time beyond 2^53 is after the year 2255.
SELECT
  row_number() OVER () - 1 AS place,
  k,
  run AS session_id,
  coalesce(TRY_CAST(attempt AS INTEGER), 1) AS attempt,
  epoch,
  TRY_CAST(step AS BIGINT) AS step,
  train_loss,
  val_loss,
  val_metric,
  epoch_seconds,
  learning_rate,
  gradient_norm,
  TRY_CAST(samples AS BIGINT) AS samples,
  TRY_CAST(tokens AS BIGINT) AS tokens,
  memory_gb,
  gpu_utilization,
  cpu_utilization,
  metrics,
  histograms,
  make_timestamp(TRY_CAST("at" AS BIGINT)) AS logged_at,
  coalesce(
    k IN ('epoch', 'metrics', 'histograms')
    AND run IS NOT NULL
    AND "at" BETWEEN 1 AND 9007199254740992 AND "at" = TRY_CAST("at" AS BIGINT)
    AND (attempt IS NULL OR (attempt >= 1 AND attempt = TRY_CAST(attempt AS INTEGER)))
    AND (k <> 'epoch' OR (epoch >= 1 AND epoch = TRY_CAST(epoch AS INTEGER)))
    AND step IS NOT DISTINCT FROM TRY_CAST(step AS BIGINT)
    AND samples IS NOT DISTINCT FROM TRY_CAST(samples AS BIGINT)
    AND tokens IS NOT DISTINCT FROM TRY_CAST(tokens AS BIGINT),
    false
  ) AS usable
FROM read_json(
  $file,
  columns = {
    k: 'VARCHAR', run: 'UUID', attempt: 'DOUBLE', "at": 'DOUBLE', epoch: 'DOUBLE', step: 'DOUBLE',
    train_loss: 'DOUBLE', val_loss: 'DOUBLE', val_metric: 'DOUBLE', epoch_seconds: 'DOUBLE',
    learning_rate: 'DOUBLE', gradient_norm: 'DOUBLE', samples: 'DOUBLE', tokens: 'DOUBLE',
    memory_gb: 'DOUBLE', gpu_utilization: 'DOUBLE', cpu_utilization: 'DOUBLE',
    metrics: 'STRUCT(name VARCHAR, value DOUBLE)[]',
    histograms: 'STRUCT(layer VARCHAR, place INTEGER, kind VARCHAR, low DOUBLE, high DOUBLE, mean DOUBLE, deviation DOUBLE, zeros DOUBLE, counts BIGINT[])[]'
  },
  format = 'newline_delimited',
  maximum_object_size = $longest
)
