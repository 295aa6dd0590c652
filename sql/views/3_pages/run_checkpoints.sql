-- One row is a step of a run at which a checkpoint was written, by the last attempt that came there.
-- grain: run_id, step
-- Whether it is still there the file system knows.
WITH written AS (
  SELECT
    run_id,
    attempt,
    TRY_CAST(body ->> 'step' AS BIGINT) AS step,
    TRY_CAST(body ->> 'epoch' AS INTEGER) AS epoch,
    TRY_CAST(body ->> 'bytes' AS BIGINT) AS bytes,
    logged_at
  FROM run_events
  WHERE kind = 'checkpoint'
)
SELECT
  w.run_id AS run_id, -- The run.
  w.step AS step, -- Optimizer steps done.
  w.epoch AS epoch, -- Epochs finished by then.
  w.attempt AS attempt, -- The attempt that wrote it.
  w.logged_at AS written_at, -- When it was written, UTC.
  w.bytes AS bytes, -- Of all its files.
  e.val_loss AS val_loss -- The validation loss of the epoch that it ends.
FROM written AS w
LEFT JOIN epochs AS e ON e.session_id = w.run_id AND e.epoch = w.epoch AND e.step = w.step
WHERE w.step IS NOT NULL
QUALIFY row_number() OVER (PARTITION BY w.run_id, w.step ORDER BY w.attempt DESC NULLS LAST, w.logged_at DESC) = 1
