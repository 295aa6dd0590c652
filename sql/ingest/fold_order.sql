-- How the runs in the variable `touched` are kept in order, after fold_runs: of each thing the last word counts, and of
-- tags that were added or removed one by one the last word on each since they were last said whole.
UPDATE runs AS r
SET
  note = nullif(c.note, ''),
  run_group = nullif(c.run_group, ''),
  archived_at = CASE WHEN c.archived BETWEEN 1 AND 9007199254740992 THEN make_timestamp(c.archived) END,
  deleted_at = CASE WHEN c.deleted BETWEEN 1 AND 9007199254740992 THEN make_timestamp(c.deleted) END,
  tags = CASE WHEN c.words > 0 THEN c.tags ELSE r.tags END
FROM (
  WITH ordered AS (
    SELECT run_id, body, row_number() OVER (PARTITION BY run_id ORDER BY logged_at, journal, line_offset) AS seq
    FROM run_events
    WHERE run_id IN getvariable('touched') AND kind = 'changed'
  ),
  said AS (
    SELECT
      run_id,
      arg_max(body ->> 'note', seq) AS note,
      arg_max(body ->> 'group', seq) AS run_group,
      arg_max(TRY_CAST(body ->> 'archived' AS BIGINT), seq) AS archived,
      arg_max(TRY_CAST(body ->> 'deleted' AS BIGINT), seq) AS deleted,
      coalesce(max(seq) FILTER (WHERE (body -> 'tags') IS NOT NULL), 0) AS whole_since
    FROM ordered
    GROUP BY run_id
  ),
  lists AS (
    SELECT id AS run_id, 0 AS seq, tags, true AS stays FROM runs WHERE id IN getvariable('touched')
    UNION ALL
    SELECT o.run_id, o.seq, TRY_CAST(o.body -> 'tags_added' AS VARCHAR[]), true
    FROM ordered AS o
    JOIN said AS s ON s.run_id = o.run_id AND o.seq > s.whole_since
    UNION ALL
    SELECT o.run_id, o.seq, TRY_CAST(o.body -> 'tags_removed' AS VARCHAR[]), false
    FROM ordered AS o
    JOIN said AS s ON s.run_id = o.run_id AND o.seq > s.whole_since
  ),
  words AS (
    SELECT run_id, seq, stays, unnest(tags) AS tag, generate_subscripts(tags, 1) AS place FROM lists
  ),
  tagged AS (
    SELECT
      run_id,
      tag,
      arg_max(stays, (seq, stays)) AS stays,
      min((seq, place)) AS since,
      count(*) FILTER (WHERE seq > 0) AS words
    FROM words
    WHERE tag IS NOT NULL
    GROUP BY run_id, tag
  ),
  listed AS (
    SELECT
      run_id,
      coalesce(list(tag ORDER BY since, tag) FILTER (WHERE stays), []) AS tags,
      sum(words) AS words
    FROM tagged
    GROUP BY run_id
  )
  SELECT s.*, l.tags, l.words
  FROM said AS s
  LEFT JOIN listed AS l ON l.run_id = s.run_id
) AS c
WHERE c.run_id = r.id;
