-- Keeps the facts of the sessions in the variable `ended`, of which none are kept: what the views say of them now.
-- Curves come last, since a session with a row there is left out of what the views work out.
INSERT INTO kept_metric_facts BY NAME
FROM metric_facts WHERE session_id IN getvariable('ended');

INSERT INTO kept_curve_facts BY NAME
SELECT f.*, r.replays
FROM curve_facts AS f
JOIN curve_replays AS r ON r.session_id = f.session_id
WHERE f.session_id IN getvariable('ended') AND r.session_id IN getvariable('ended');
