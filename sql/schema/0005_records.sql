-- What is recorded of models in use, as it was written, and how runs are kept in order.

CREATE TABLE recorded_events (
  record_id UUID NOT NULL,
  logged_at TIMESTAMP NOT NULL,
  kind VARCHAR NOT NULL,
  body JSON,
  journal VARCHAR,
  line_offset BIGINT
);
COMMENT ON TABLE recorded_events IS 'Everything recorded of executions, feedback, online updates and scores on tasks. agent_executions, feedback_events, learning_updates and task_scores follow from these.';
COMMENT ON COLUMN recorded_events.record_id IS 'Events of one id are one record: what a later one leaves out stays as it was.';
COMMENT ON COLUMN recorded_events.logged_at IS 'When it was recorded, UTC.';
COMMENT ON COLUMN recorded_events.kind IS 'execution, feedback, update, task_score.';

ALTER TABLE agent_executions ADD COLUMN model_version VARCHAR;
COMMENT ON COLUMN agent_executions.model_version IS 'The version by its name, where whoever recorded it knew no model_version_id; the view executions has both.';
ALTER TABLE feedback_events ADD COLUMN model_version VARCHAR;
COMMENT ON COLUMN feedback_events.model_version IS 'The version by its name, where whoever recorded it knew no model_version_id.';
ALTER TABLE task_scores ADD COLUMN id UUID;
COMMENT ON COLUMN task_scores.id IS 'Names the cell, where it was recorded.';

COMMENT ON COLUMN run_events.kind IS 'queued, spawned, started, planned, checkpoint, notice, metric, early_stop, cancel_requested, lost, ended, changed, benchmark, transferred.';

ALTER TABLE runs ADD COLUMN note VARCHAR;
ALTER TABLE runs ADD COLUMN run_group VARCHAR;
ALTER TABLE runs ADD COLUMN archived_at TIMESTAMP;
ALTER TABLE runs ADD COLUMN deleted_at TIMESTAMP;
COMMENT ON COLUMN runs.note IS 'What somebody wrote about it.';
COMMENT ON COLUMN runs.run_group IS 'Runs that somebody put together.';
COMMENT ON COLUMN runs.archived_at IS 'Since when it is left out of run lists, UTC; NULL: it is not.';
COMMENT ON COLUMN runs.deleted_at IS 'Since when it counts as deleted, UTC; NULL: it does not. Nothing that was logged is lost by that.';
