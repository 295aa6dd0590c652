-- Presets that people made of their runs. A table of the control plane: services write it, a rebuild keeps it.

CREATE TABLE presets (
  name VARCHAR PRIMARY KEY,
  preset JSON NOT NULL,
  from_run_id UUID,
  created_at TIMESTAMP
);
COMMENT ON TABLE presets IS 'One preset of this yard: a training but for its model and its data.';
COMMENT ON COLUMN presets.name IS 'What it is called in commands.';
COMMENT ON COLUMN presets.preset IS 'All of it: title, description, difficulty, method, hyperparameters and further settings.';
COMMENT ON COLUMN presets.from_run_id IS 'The run it was made of.';
COMMENT ON COLUMN presets.created_at IS 'When it was saved, UTC.';
