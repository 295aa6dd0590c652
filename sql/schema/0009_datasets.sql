-- Versions of data sets, each by the sum of its content: training_sessions.dataset_id names one.

CREATE TABLE datasets (
  record_id UUID NOT NULL,
  id VARCHAR,
  name VARCHAR,
  path VARCHAR,
  format VARCHAR,
  sha256 VARCHAR,
  size_bytes BIGINT,
  rows BIGINT,
  schema JSON,
  classes JSON,
  split JSON,
  created_at TIMESTAMP
);
COMMENT ON TABLE datasets IS 'One version of a data set: a file, or a folder of texts, as it was when it was added or trained on.';
COMMENT ON COLUMN datasets.record_id IS 'Made of id; events of one record_id are one row.';
COMMENT ON COLUMN datasets.id IS 'NAME@ and the first twelve digits of sha256: what training_sessions.dataset_id holds.';
COMMENT ON COLUMN datasets.name IS 'What it is called; versions of one data set share it.';
COMMENT ON COLUMN datasets.path IS 'Where it lay when it was seen last.';
COMMENT ON COLUMN datasets.format IS 'csv, jsonl, parquet, npz, npy, folder.';
COMMENT ON COLUMN datasets.sha256 IS 'Of the file; of a folder over the names and contents of its texts.';
COMMENT ON COLUMN datasets.size_bytes IS 'Bytes on the disk.';
COMMENT ON COLUMN datasets.rows IS 'Examples; NULL where the file is so large that only its head was read.';
COMMENT ON COLUMN datasets.schema IS 'Its columns, each with name, kind, missing, distinct and what it looks like.';
COMMENT ON COLUMN datasets.classes IS 'How many examples each class has, by name.';
COMMENT ON COLUMN datasets.split IS 'How the training that saw it last split it: by, validation_split.';
COMMENT ON COLUMN datasets.created_at IS 'When this version was seen first, UTC.';

COMMENT ON COLUMN recorded_events.kind IS 'execution, feedback, update, task_score, dataset.';
