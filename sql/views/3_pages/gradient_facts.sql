-- One row is a session with gradient norms: how large they were, and how often they exploded or vanished.
-- grain: session_id
SELECT
  session_id,
  count(*) AS steps, -- Steps with a gradient norm.
  finite_or_null(avg(norm)) AS mean_gradient_norm, -- Mean of the finite norms.
  max(norm) AS max_gradient_norm, -- The largest finite norm.
  count(*) FILTER (WHERE gradient_explosion_detected) AS exploded_steps, -- How often it exploded.
  min(step) FILTER (WHERE gradient_explosion_detected) AS first_exploded_step, -- Where it did first.
  count(*) FILTER (WHERE gradient_vanishing_detected) AS vanished_steps, -- How often it vanished.
  min(step) FILTER (WHERE gradient_vanishing_detected) AS first_vanished_step, -- Where it did first.
  bool_or(coalesce(gradient_explosion_detected, false)) AS gradient_explosion_detected, -- Whether it exploded at all.
  bool_or(coalesce(gradient_vanishing_detected, false)) AS gradient_vanishing_detected -- Whether it vanished at all.
FROM gradient_steps
GROUP BY session_id
