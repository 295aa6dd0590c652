-- Makes the samples of the runs in the variable `touched` again: of each moment those of the last attempt that asked.
DELETE FROM samples WHERE session_id IN getvariable('touched');

INSERT INTO samples BY NAME
WITH said AS (
  SELECT
    run_id,
    body ->> 'moment' AS moment,
    arg_max({attempt: attempt, body: body, logged_at: logged_at}, (attempt, logged_at, journal, line_offset)) AS last
  FROM run_events
  WHERE run_id IN getvariable('touched') AND kind = 'samples' AND body ->> 'moment' IS NOT NULL
  GROUP BY run_id, moment
),
asked AS (
  SELECT
    run_id,
    moment,
    last,
    unnest(TRY_CAST(last.body -> 'samples' AS JSON[])) AS sample
  FROM said
)
SELECT
  run_id AS session_id,
  last.attempt AS attempt,
  moment,
  TRY_CAST(last.body ->> 'step' AS BIGINT) AS step,
  TRY_CAST(sample ->> 'number' AS INTEGER) AS number,
  sample ->> 'prompt' AS prompt,
  sample ->> 'expected' AS expected,
  sample ->> 'answer' AS answer,
  last.logged_at AS logged_at
FROM asked
WHERE TRY_CAST(sample ->> 'number' AS INTEGER) IS NOT NULL;
