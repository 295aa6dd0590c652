-- One row is the norm of a layer's gradients at a step, before clipping.
-- grain: session_id, layer, step
SELECT
  point.session_id AS session_id,
  substr(point.name, length('gradient_norm/') + 1) AS layer, -- Path of the layer in the model.
  point.step AS step,
  point.epoch AS epoch,
  point.value AS gradient_norm, -- Norm of the layer's gradients before clipping.
  point.logged_at AS logged_at
FROM metric_points AS point
WHERE point.name LIKE 'gradient_norm/%'
  AND point.step IS NOT NULL
