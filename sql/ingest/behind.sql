-- In the same transaction as the epochs; see fold_behind.
INSERT INTO sessions_behind
SELECT DISTINCT session_id
FROM lines
WHERE usable AND k = 'epoch';
