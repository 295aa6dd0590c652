-- Why attempts were begun, what was decided when no remedy was left, and where a run was forked from.

ALTER TABLE run_attempts ADD COLUMN begun_by VARCHAR;
ALTER TABLE run_attempts ADD COLUMN cause VARCHAR;
ALTER TABLE run_attempts ADD COLUMN steps BIGINT;
ALTER TABLE run_attempts ADD COLUMN verdict VARCHAR;
COMMENT ON COLUMN run_attempts.begun_by IS 'recovery or fallback when Runyard itself began it after a failure, rewind when somebody went back; else NULL.';
COMMENT ON COLUMN run_attempts.cause IS 'Why it was begun, in words; NULL for a first attempt.';
COMMENT ON COLUMN run_attempts.steps IS 'Optimizer steps of the run when it ended; NULL where it ended without a last word.';
COMMENT ON COLUMN run_attempts.verdict IS 'Why it was not tried again after it failed, in words.';

ALTER TABLE runs ADD COLUMN forked_from UUID;
ALTER TABLE runs ADD COLUMN forked_step BIGINT;
COMMENT ON COLUMN runs.forked_from IS 'The run from whose checkpoint it started, with weights, optimizer and position.';
COMMENT ON COLUMN runs.forked_step IS 'The step of that checkpoint.';
