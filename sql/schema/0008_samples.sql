-- What a language model answers to held-out prompts before and after its training.

CREATE TABLE samples (
  session_id UUID NOT NULL,
  attempt INTEGER,
  moment VARCHAR NOT NULL,
  step BIGINT,
  number INTEGER NOT NULL,
  prompt VARCHAR,
  expected VARCHAR,
  answer VARCHAR,
  logged_at TIMESTAMP
);
COMMENT ON TABLE samples IS 'One row per held-out prompt and moment of a run: what its model answered.';
COMMENT ON COLUMN samples.session_id IS 'The run that trained the model.';
COMMENT ON COLUMN samples.attempt IS 'The attempt that asked; the last one that did counts.';
COMMENT ON COLUMN samples.moment IS 'before: before the first step; after: at the end.';
COMMENT ON COLUMN samples.step IS 'Optimizer steps done by then.';
COMMENT ON COLUMN samples.number IS 'Number of the prompt, from 1.';
COMMENT ON COLUMN samples.prompt IS 'What was asked; turns of a conversation begin with their role.';
COMMENT ON COLUMN samples.expected IS 'The answer of the data.';
COMMENT ON COLUMN samples.answer IS 'The most likely answer of the model, token by token.';
COMMENT ON COLUMN samples.logged_at IS 'When it answered, UTC.';

COMMENT ON COLUMN run_events.kind IS 'queued, spawned, started, planned, checkpoint, notice, metric, early_stop, cancel_requested, lost, ended, changed, benchmark, transferred, samples.';
