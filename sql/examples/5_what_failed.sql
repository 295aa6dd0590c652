-- What failed, and why
SELECT error_kind, count(*) AS runs, max(ended_at) AS last_time, any_value(error_message) AS such_as
FROM runs
WHERE status = 'failed'
GROUP BY error_kind
ORDER BY runs DESC
