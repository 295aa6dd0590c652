-- One row is a session with gradient norms: how large they were, and how often they exploded or vanished.
-- grain: session_id
SELECT
  session_id,
  count(*) AS steps,
  finite_or_null(avg(norm)) AS mean_gradient_norm,
  max(norm) AS max_gradient_norm,
  count(*) FILTER (WHERE gradient_explosion_detected) AS exploded_steps,
  min(step) FILTER (WHERE gradient_explosion_detected) AS first_exploded_step,
  count(*) FILTER (WHERE gradient_vanishing_detected) AS vanished_steps,
  min(step) FILTER (WHERE gradient_vanishing_detected) AS first_vanished_step,
  bool_or(coalesce(gradient_explosion_detected, false)) AS gradient_explosion_detected,
  bool_or(coalesce(gradient_vanishing_detected, false)) AS gradient_vanishing_detected
FROM gradient_steps
GROUP BY session_id
