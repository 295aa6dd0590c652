-- One row per training run: its finite validation losses in epoch order, at most about 40, for a sparkline.
-- grain: session_id
WITH spaced AS (
  SELECT
    epochs.session_id AS session_id,
    epochs.epoch AS epoch,
    epochs.val_loss AS val_loss,
    max(epochs.epoch) OVER (PARTITION BY epochs.session_id) AS last_epoch
  FROM epochs
)
SELECT
  session_id AS session_id,
  list(val_loss ORDER BY epoch) AS val_losses -- Finite validation losses in order, thinned.
FROM spaced
WHERE isfinite(val_loss)
  AND (epoch = last_epoch OR epoch % greatest(last_epoch // 40, 1) = 0)
GROUP BY session_id
