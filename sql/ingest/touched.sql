-- What there is to make again of the runs in the variable `touched`, after fold_runs: most often nothing but their own rows.
SELECT
  coalesce(bool_or(kind = 'changed'), false) AS are_kept_in_order,
  EXISTS (FROM training_epochs WHERE session_id IN getvariable('touched')) AS have_curves,
  EXISTS (FROM training_sessions WHERE id IN getvariable('touched') AND is_terminal(status)) AS have_ended,
  coalesce(bool_or(kind IN ('ended', 'benchmark', 'transferred')), false)
    OR EXISTS (
      FROM model_versions
      WHERE agent_id IN getvariable('agents_before')
        OR agent_id IN (SELECT agent_id FROM runs WHERE id IN getvariable('touched'))
    ) AS have_versions,
  coalesce(bool_or(kind = 'samples'), false) AS have_samples
FROM run_events
WHERE run_id IN getvariable('touched');
