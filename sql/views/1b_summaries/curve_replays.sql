-- One row is a session that is not deleted: where each early-stopping rule of the waste ledger would have ended it.
-- grain: session_id
-- Of ended sessions it is what the ingest has kept, as in curve_facts, of the others it is worked out here. What is in
-- curve_facts, too, is here again so that a filter on the agent reaches one scan and not two.
SELECT
  session_id,
  agent_id,
  total_epochs,
  n_evals,
  best_loss,
  replays
FROM kept_curve_facts
UNION ALL
SELECT
  session_id,
  agent_id,
  total_epochs, -- The largest finished epoch.
  len(eval_epochs) AS n_evals, -- Epochs with a measured value, finite or not.
  list_min(losses) AS best_loss, -- The smallest loss.
  replays_of(eval_epochs, losses) AS replays -- Where each rule would have stopped, and the best loss seen by then.
FROM (
  SELECT
    session_id,
    agent_id,
    max(epoch) AS total_epochs,
    coalesce(list(epoch ORDER BY epoch) FILTER (WHERE evaluated), []) AS eval_epochs,
    coalesce(list(loss ORDER BY epoch) FILTER (WHERE evaluated), []) AS losses
  FROM curves
  WHERE NOT is_kept
  GROUP BY agent_id, session_id
) AS judged
