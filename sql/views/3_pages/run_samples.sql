-- One row per held-out prompt of a language model's run, with its answers before and after the training.
-- grain: session_id, number
SELECT
  session_id,
  number,
  min(prompt) AS prompt, -- What was asked; turns of a conversation begin with their role.
  min(expected) AS expected, -- The answer of the data.
  min(answer) FILTER (WHERE moment = 'before') AS answer_before, -- What the model answered before its first step.
  min(answer) FILTER (WHERE moment = 'after') AS answer_after, -- What it answers since; NULL: it has not come to its end.
  max(step) FILTER (WHERE moment = 'after') AS steps -- Optimizer steps between the two.
FROM samples
GROUP BY session_id, number
