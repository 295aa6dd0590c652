-- Takes away what is kept of the runs in the variable `touched`, before anything about them changes.
DELETE FROM kept_curve_facts WHERE session_id IN getvariable('touched');

DELETE FROM kept_metric_facts WHERE session_id IN getvariable('touched');
