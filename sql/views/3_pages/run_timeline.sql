-- One row per thing that happened to a run beside epochs and metrics, with one line that says what.
-- grain: journal, line_offset
SELECT
  event.run_id AS run_id,
  event.logged_at AS logged_at,
  event.kind AS kind,
  event.attempt AS attempt,
  CASE event.kind
    WHEN 'queued' THEN 'queued by ' || coalesce(event.body ->> '$.launched_by', 'unknown')
    WHEN 'estimated' THEN 'estimated: ' || coalesce(round(TRY_CAST(event.body ->> '$.seconds' AS DOUBLE) / 60, 1) || ' min, ', '')
      || coalesce(round(TRY_CAST(event.body ->> '$.memory_gb' AS DOUBLE), 1) || ' GB', '?')
    WHEN 'spawned' THEN 'process ' || coalesce(event.body ->> '$.pid', '?') || ' started'
    WHEN 'started' THEN 'running on ' || coalesce(event.body ->> '$.device', '?')
      || ' of ' || coalesce(event.body ->> '$.host', '?')
    WHEN 'planned' THEN coalesce(event.body ->> '$.total_epochs', '?') || ' epochs, '
      || coalesce(event.body ->> '$.total_steps', '?') || ' steps, '
      || coalesce(event.body ->> '$.parameters', '?') || ' parameters'
    WHEN 'checkpoint' THEN 'checkpoint at step ' || coalesce(event.body ->> '$.step', '?')
    WHEN 'notice' THEN event.body ->> '$.message'
    WHEN 'early_stop' THEN 'stopped early at epoch ' || coalesce(event.body ->> '$.epoch', '?')
      || ', best epoch ' || coalesce(event.body ->> '$.best_epoch', '?')
    WHEN 'cancel_requested' THEN 'cancel asked for by ' || coalesce(event.body ->> '$.by', 'unknown')
    WHEN 'samples' THEN coalesce(json_array_length(event.body, '$.samples'), 0) || ' prompts answered '
      || coalesce(event.body ->> '$.moment', '') || ' the training'
    WHEN 'ended' THEN coalesce(event.body ->> '$.status', 'ended')
      || coalesce(': ' || (event.body ->> '$.error_message'), '')
    WHEN 'lost' THEN 'process gone; noticed by ' || coalesce(event.body ->> '$.by', 'unknown')
    WHEN 'metric' THEN 'metric ' || coalesce(event.body ->> '$.name', '?') || coalesce(' has the goal ' || (event.body ->> '$.goal'), '')
    WHEN 'changed' THEN concat_ws(
      ', ',
      'named ' || (event.body ->> '$.name'),
      'tagged ' || array_to_string(TRY_CAST(event.body -> '$.tags' AS VARCHAR[]), ' '),
      'tags added: ' || array_to_string(TRY_CAST(event.body -> '$.tags_added' AS VARCHAR[]), ' '),
      'tags removed: ' || array_to_string(TRY_CAST(event.body -> '$.tags_removed' AS VARCHAR[]), ' '),
      'note: ' || (event.body ->> '$.note'),
      'group: ' || (event.body ->> '$.group'),
      CASE event.body ->> '$.archived' WHEN '0' THEN 'unarchived' ELSE 'archived' || left(event.body ->> '$.archived', 0) END,
      CASE event.body ->> '$.deleted' WHEN '0' THEN 'undeleted' ELSE 'deleted' || left(event.body ->> '$.deleted', 0) END
    ) || coalesce(' by ' || (event.body ->> '$.by'), '')
    ELSE event.kind
  END AS what, -- What happened, in one line.
  event.body ->> '$.hint' AS hint, -- What to do about it.
  event.journal AS journal,
  event.line_offset AS line_offset
FROM run_events AS event
