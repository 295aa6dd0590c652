-- One row is an agent with feedback: how much of it was positive, and what became of items that were right or wrong.
-- grain: agent_id
-- `low` and `high` are Wilson's 95 % interval. Of a repeated item the last judgement counts; McNemar's exact test needs
-- `fixed_items` and `broken_items` alone.
WITH judged AS (
  SELECT
    agent_id,
    item_id,
    was_correct_before,
    was_correct_after
  FROM feedback_events
  WHERE was_correct_before IS NOT NULL AND was_correct_after IS NOT NULL
  QUALIFY row_number() OVER (
    PARTITION BY agent_id, coalesce(item_id, CAST(id AS VARCHAR))
    ORDER BY created_at DESC NULLS LAST, id DESC
  ) = 1
),
items AS (
  SELECT
    agent_id,
    count(*) AS judged_items,
    count(*) FILTER (WHERE NOT was_correct_before) AS wrong_items,
    count(*) FILTER (WHERE NOT was_correct_before AND was_correct_after) AS fixed_items,
    count(*) FILTER (WHERE was_correct_before AND NOT was_correct_after) AS broken_items
  FROM judged
  GROUP BY agent_id
),
votes AS (
  SELECT
    agent_id,
    count(*) AS events,
    count(*) FILTER (WHERE is_positive) AS positive,
    count(*) FILTER (WHERE NOT is_positive) AS negative
  FROM feedback_events
  GROUP BY agent_id
)
SELECT
  v.agent_id,
  v.events, -- How many judgements.
  v.positive, -- Judgements of content users.
  v.negative, -- Judgements of users who were not.
  safe_divide(v.positive, v.positive + v.negative) AS positive_feedback_ratio, -- positive / (positive + negative), 0 to 1.
  wilson_bound(v.positive, v.positive + v.negative, -1) AS low, -- Lower end of its 95 % interval (Wilson).
  wilson_bound(v.positive, v.positive + v.negative, 1) AS high, -- Upper end of its 95 % interval (Wilson).
  coalesce(i.judged_items, 0) AS judged_items, -- Items judged before and after the update.
  coalesce(i.fixed_items, 0) AS fixed_items, -- Wrong before, right after.
  coalesce(i.broken_items, 0) AS broken_items, -- Right before, wrong after.
  safe_divide(i.fixed_items, i.wrong_items) AS learning_from_mistakes_score, -- fixed_items / items wrong before, 0 to 1.
  safe_divide(i.broken_items, i.judged_items) AS negative_flip_rate, -- broken_items / judged_items, 0 to 1; low is good.
  safe_divide(i.fixed_items - i.broken_items, i.judged_items) AS feedback_impact_score -- Share of right items after minus before, -1 to 1.
FROM votes AS v
LEFT JOIN items AS i ON i.agent_id IS NOT DISTINCT FROM v.agent_id
