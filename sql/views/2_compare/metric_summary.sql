-- One row is a metric of a session: its first, last, smallest, largest and best value, and where the best was.
-- grain: session_id, name
-- train_loss and val_loss of epochs are metrics like any other. What is best follows from the goal that define_metric
-- gave the name (its own before a pattern's), the monitored metric's mode, or min for these two losses; without a goal
-- no value is the best. A last value that is not finite is NULL.
WITH defined AS (
  SELECT
    run_id AS session_id,
    body ->> 'name' AS pattern,
    arg_max(body ->> 'goal', (logged_at, journal, line_offset)) AS goal,
    arg_max(body ->> 'unit', (logged_at, journal, line_offset)) AS unit
  FROM run_events
  WHERE kind = 'metric'
  GROUP BY run_id, body ->> 'name'
),
aimed AS (
  SELECT
    s.*,
    d.unit,
    CASE
      WHEN d.goal IN ('min', 'max') THEN d.goal
      WHEN s.name = t.monitor_metric THEN coalesce(t.monitor_mode, 'min')
      WHEN s.name IN ('train_loss', 'val_loss') THEN 'min'
    END AS goal
  FROM metric_facts AS s
  LEFT JOIN training_sessions AS t ON t.id = s.session_id
  LEFT JOIN defined AS d ON d.session_id = s.session_id AND (s.name = d.pattern OR s.name GLOB d.pattern)
  QUALIFY row_number() OVER (
    PARTITION BY s.session_id, s.name
    ORDER BY coalesce(d.pattern = s.name, false) DESC, length(d.pattern) DESC NULLS LAST, d.pattern
  ) = 1
)
SELECT
  session_id,
  name,
  goal, -- min or max: which values are good; NULL: nobody said.
  unit, -- As define_metric gave it.
  points, -- How often it was measured.
  finite_points, -- How often it was finite.
  first_value, -- The first value; NULL where it was not finite.
  last_value, -- The last value; NULL where it was not finite.
  min_value, -- The smallest finite value.
  max_value, -- The largest finite value.
  CASE goal WHEN 'min' THEN min_value WHEN 'max' THEN max_value END AS best_value, -- The best finite value by its goal.
  CASE goal WHEN 'min' THEN min_step WHEN 'max' THEN max_step END AS best_step, -- The step of the best value, the earliest of equals.
  CASE goal WHEN 'min' THEN min_epoch WHEN 'max' THEN max_epoch END AS best_epoch -- The epoch of the best value; 0.5 is half way through the first.
FROM aimed
