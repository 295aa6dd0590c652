-- What the events of work add to the tables of 0002, and how a transfer is judged.
-- The new macros and the new fold come with this migration: see migrate.

COMMENT ON COLUMN model_versions.id IS 'The id of the run that made it.';
COMMENT ON COLUMN model_versions.path IS 'Folder of the model inside the yard.';
COMMENT ON COLUMN model_versions.sha256 IS 'Of manifest.json in that folder, which holds the sums of all its files.';
COMMENT ON COLUMN model_versions.metrics IS 'Validation scores of the epoch whose weights were saved.';

ALTER TABLE transfer_learning_sessions ADD COLUMN source_run_id UUID;
ALTER TABLE transfer_learning_sessions ADD COLUMN tensors_transferred BIGINT;
ALTER TABLE transfer_learning_sessions ADD COLUMN parameters_transferred BIGINT;
ALTER TABLE transfer_learning_sessions ADD COLUMN head_transferred BOOLEAN;
ALTER TABLE transfer_learning_sessions ADD COLUMN metric VARCHAR;
ALTER TABLE transfer_learning_sessions ADD COLUMN score_before DOUBLE;
ALTER TABLE transfer_learning_sessions ADD COLUMN score_after DOUBLE;
COMMENT ON COLUMN transfer_learning_sessions.source_run_id IS 'The run whose saved model it started from, which is the id of that version.';
COMMENT ON COLUMN transfer_learning_sessions.layers_transferred IS 'Modules with weights of their own that were taken over.';
COMMENT ON COLUMN transfer_learning_sessions.head_transferred IS 'False where the classes differ: the head began anew.';
COMMENT ON COLUMN transfer_learning_sessions.score_before IS 'metric on the target''s held-out examples before its first step.';
COMMENT ON COLUMN transfer_learning_sessions.score_after IS 'The same of the model that was saved.';
