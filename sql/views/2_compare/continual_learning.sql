-- One row is an agent whose tasks were scored after its updates: what it kept, what it lost, what it could do beforehand.
-- grain: agent_id
-- R[i][j] is the score on task j after update i, task j being learned by update j; update 0 is the untrained model
-- (Lopez-Paz & Ranzato 2017, Chaudhry 2018, De Lange 2023). Differences are turned so that positive is better.
-- The last update T is the largest scored one; tasks of which a needed score is unknown are left out.
WITH results AS (
  SELECT
    *,
    max(update_index) OVER (PARTITION BY agent_id) AS last_index
  FROM task_results
),
tasks AS (
  SELECT
    agent_id,
    task_index,
    last_index,
    max(score) FILTER (WHERE update_index = last_index) AS last_score,
    max(goodness) FILTER (WHERE update_index = last_index) AS last_goodness,
    max(goodness) FILTER (WHERE update_index = task_index) AS learned,
    max(goodness) FILTER (WHERE update_index = task_index - 1) AS beforehand,
    max(goodness) FILTER (WHERE update_index = 0) AS untrained,
    max(goodness) FILTER (WHERE update_index >= task_index AND update_index < last_index) AS best_before,
    CASE WHEN bool_and(higher_is_better) THEN 1 ELSE -1 END
    * min(goodness) FILTER (WHERE update_index > task_index) AS worst_since
  FROM results
  GROUP BY agent_id, task_index, last_index
)
SELECT
  agent_id,
  count(*) AS tasks, -- How many tasks were scored.
  any_value(last_index) AS updates, -- The index of the last scored update.
  finite_or_null(avg(last_score)) AS average_accuracy, -- Mean score on all tasks after the last update.
  finite_or_null(avg(last_goodness - learned) FILTER (WHERE task_index < last_index)) AS backward_transfer, -- Mean over older tasks: now minus just after it was learned; negative = forgotten.
  finite_or_null(avg(beforehand - untrained) FILTER (WHERE task_index > 1)) AS forward_transfer, -- Mean over later tasks: just before it was learned minus untrained.
  finite_or_null(
    avg(best_before - last_goodness) FILTER (WHERE task_index < last_index)
  ) AS catastrophic_forgetting_score, -- Mean over older tasks: the best it ever was minus now; low is good.
  finite_or_null(avg(worst_since) FILTER (WHERE task_index < last_index)) AS stability_score -- Mean over older tasks of the worst score since it was learned (min-ACC).
FROM tasks
GROUP BY agent_id
