-- One row is a session with a finished epoch: how soon it converged, on how much data, how well it used its devices.
-- grain: session_id
-- compute_efficiency (MFU) is what the devices did of what they could: PaLM, appendix B. Above 1 an input is wrong:
-- `valid` says so. flops_basis says whether attention is counted, which needs the model's shape. It is unknown where the
-- body is frozen, whose features are computed once.
WITH consumed AS (
  SELECT
    e.session_id,
    count(e.samples) FILTER (WHERE e.epoch <= r.convergence_epoch) = any_value(r.convergence_epoch) AS counts_examples,
    count(e.tokens) FILTER (WHERE e.epoch <= r.convergence_epoch) = any_value(r.convergence_epoch) AS counts_tokens,
    sum(e.samples) FILTER (WHERE e.epoch <= r.convergence_epoch) AS examples,
    sum(e.tokens) FILTER (WHERE e.epoch <= r.convergence_epoch) AS tokens,
    safe_divide(
      sum(e.tokens) FILTER (WHERE e.epoch_seconds > 0),
      sum(e.epoch_seconds) FILTER (WHERE e.tokens IS NOT NULL AND e.epoch_seconds > 0)
    ) AS tokens_per_second,
    safe_divide(
      sum(e.gpu_utilization * e.epoch_seconds),
      sum(e.epoch_seconds) FILTER (WHERE e.gpu_utilization IS NOT NULL)
    ) AS resource_utilization
  FROM run_scores AS r
  JOIN epochs AS e ON e.session_id = r.session_id
  GROUP BY e.session_id
),
measured AS (
  SELECT
    r.session_id,
    r.agent_id,
    s.workspace_id,
    r.convergence_epoch,
    r.convergence_efficiency,
    CASE WHEN c.counts_examples THEN c.examples END AS examples_until_convergence,
    CASE WHEN c.counts_tokens THEN c.tokens END AS tokens_until_convergence,
    c.tokens_per_second,
    CASE
      WHEN u.config ->> 'method' IS DISTINCT FROM 'frozen'
        THEN finite_or_null(
          flops_per_token(s.parameters, s.layers, s.attention_heads, s.head_size, s.sequence_length)
        )
    END AS flops_per_token,
    CASE
      WHEN s.parameters IS NULL OR u.config ->> 'method' = 'frozen' THEN NULL
      WHEN s.layers * s.attention_heads * s.head_size * s.sequence_length IS NULL THEN '6N'
      ELSE '6N + 12LHQT'
    END AS flops_basis,
    peak_flops_of(u.device, s.workspace_id) * coalesce(u.accelerators, 1) AS peak_flops,
    c.resource_utilization
  FROM run_scores AS r
  JOIN consumed AS c ON c.session_id = r.session_id
  JOIN training_sessions AS s ON s.id = r.session_id
  LEFT JOIN runs AS u ON u.id = r.session_id
)
SELECT
  session_id,
  agent_id,
  convergence_epoch,
  convergence_efficiency,
  examples_until_convergence, -- Examples trained on until convergence_epoch.
  tokens_until_convergence, -- Tokens trained on until convergence_epoch.
  tokens_per_second, -- Tokens trained on per second.
  flops_per_token, -- Floating-point operations for one token.
  flops_basis, -- 6N, or with attention 6N + 12LHQT.
  finite_or_null(peak_flops) AS peak_flops, -- What all its devices could do, FLOP/s.
  safe_divide(tokens_per_second * flops_per_token, peak_flops) AS compute_efficiency, -- Model FLOPs utilisation, 0 to 1 (PaLM, appendix B).
  safe_divide(tokens_per_second * flops_per_token, peak_flops) <= 1 AS valid, -- False above 1: an input is wrong.
  resource_utilization, -- Mean GPU utilisation by time, 0 to 1.
  is_underutilized(resource_utilization, workspace_id) AS underutilized -- Whether it is below 0.5.
FROM measured
