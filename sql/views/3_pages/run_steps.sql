-- One row per logged training step of a run: the loss of its batch and how far into which epoch it was.
-- grain: session_id, step
SELECT
  point.session_id AS session_id,
  point.step AS step,
  point.epoch AS epoch,
  point.value AS train_loss, -- The loss of the step's batch.
  point.logged_at AS logged_at
FROM metric_points AS point
WHERE point.name = 'train/loss'
  AND point.step IS NOT NULL
