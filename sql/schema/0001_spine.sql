-- The tables of runs, of their training, and of the ingest itself.
-- Run tables are written by ingest from journals alone; `runyard rebuild` makes them again.

CREATE TABLE schema_version (
  version INTEGER PRIMARY KEY,
  name VARCHAR NOT NULL,
  sha256 VARCHAR NOT NULL,
  applied_at TIMESTAMP NOT NULL
);
COMMENT ON TABLE schema_version IS 'One applied migration.';

CREATE TABLE sources (
  name VARCHAR PRIMARY KEY,
  sha256 VARCHAR NOT NULL,
  code_version VARCHAR NOT NULL
);
COMMENT ON TABLE sources IS 'Which text of the macros and views is in the file, and the Runyard version that put it there.';

CREATE TABLE journal_offsets (
  journal VARCHAR PRIMARY KEY,
  bytes BIGINT NOT NULL
);
COMMENT ON TABLE journal_offsets IS 'How many bytes of a journal are already in the tables.';
COMMENT ON COLUMN journal_offsets.journal IS 'Path of the journal inside the yard.';

CREATE TABLE rejected_events (
  journal VARCHAR NOT NULL,
  line_offset BIGINT NOT NULL,
  line VARCHAR,
  reason VARCHAR,
  rejected_at TIMESTAMP
);
COMMENT ON TABLE rejected_events IS 'A journal line that could not be used, with the reason. It never blocks the others.';

CREATE TABLE settings (
  workspace VARCHAR,
  name VARCHAR NOT NULL,
  value VARCHAR
);
COMMENT ON TABLE settings IS 'What a workspace may set; macros and pages read it. A NULL workspace is every workspace.';

CREATE TABLE prices (
  device VARCHAR NOT NULL,
  usd_per_hour DECIMAL(18, 6) NOT NULL,
  valid_from TIMESTAMP NOT NULL
);
COMMENT ON TABLE prices IS 'The price of one hour of a device from a moment on. The device cpu prices wall hours on the CPU.';
INSERT INTO prices VALUES ('cpu', 0.04, TIMESTAMP '1970-01-01');

CREATE TABLE run_events (
  run_id UUID NOT NULL,
  logged_at TIMESTAMP NOT NULL,
  kind VARCHAR NOT NULL,
  attempt INTEGER,
  body JSON,
  journal VARCHAR,
  line_offset BIGINT
);
COMMENT ON TABLE run_events IS 'Everything that happened to a run beside epochs and metrics: queued, started, checkpoint, notice, ended. runs, run_attempts and training_sessions follow from these.';
COMMENT ON COLUMN run_events.logged_at IS 'When it happened, UTC.';
COMMENT ON COLUMN run_events.kind IS 'queued, spawned, started, planned, checkpoint, notice, early_stop, cancel_requested, lost, ended, changed.';
COMMENT ON COLUMN run_events.body IS 'The whole event as it was written.';

CREATE TABLE runs (
  id UUID NOT NULL,
  kind VARCHAR DEFAULT 'train',
  name VARCHAR,
  status VARCHAR,
  agent_id VARCHAR,
  workspace_id VARCHAR,
  parent_run_id UUID,
  config JSON,
  config_digest VARCHAR,
  replicate_group VARCHAR,
  seed BIGINT,
  tags VARCHAR[],
  attempt INTEGER,
  host VARCHAR,
  pid INTEGER,
  pid_created DOUBLE,
  device VARCHAR,
  accelerators INTEGER,
  command VARCHAR,
  launched_by VARCHAR,
  queued_at TIMESTAMP,
  started_at TIMESTAMP,
  ended_at TIMESTAMP,
  cancel_requested_at TIMESTAMP,
  error_kind VARCHAR,
  error_message VARCHAR,
  error_hint VARCHAR,
  error_details VARCHAR,
  git_commit VARCHAR,
  git_dirty BOOLEAN,
  python_version VARCHAR,
  package_versions JSON
);
COMMENT ON TABLE runs IS 'One long job of any kind: how it was asked for, where it ran, how it ended.';
COMMENT ON COLUMN runs.id IS 'UUIDv7: sorts by the time it was queued.';
COMMENT ON COLUMN runs.kind IS 'train; later also sweep, evaluate, export, synthesize.';
COMMENT ON COLUMN runs.status IS 'queued, running, completed, failed, cancelled. A lost run is failed with error_kind lost.';
COMMENT ON COLUMN runs.parent_run_id IS 'The sweep, test or cross-validation this run is part of.';
COMMENT ON COLUMN runs.config IS 'The configuration as it was run, in canonical names.';
COMMENT ON COLUMN runs.config_digest IS 'sha256 of the canonical JSON of the explicit, non-default values.';
COMMENT ON COLUMN runs.replicate_group IS 'The digest without seed, name, tags, paths, monitoring and devices: equal for repetitions.';
COMMENT ON COLUMN runs.attempt IS 'The newest incarnation, 1-based; a resume adds one.';
COMMENT ON COLUMN runs.pid_created IS 'Start of the process, seconds since 1970: with pid it names the process for good.';
COMMENT ON COLUMN runs.command IS 'The command line that repeats the run.';
COMMENT ON COLUMN runs.launched_by IS 'page, cli, sdk, demo or who else asked for it.';
COMMENT ON COLUMN runs.started_at IS 'Start of the first attempt, UTC.';
COMMENT ON COLUMN runs.ended_at IS 'End of the newest attempt, UTC; for a lost run the time of its last sign of life.';
COMMENT ON COLUMN runs.error_kind IS 'lost, diverged, out_of_memory, disk_full, invalid, not_found, corrupt, exception.';
COMMENT ON COLUMN runs.error_hint IS 'What to try.';
COMMENT ON COLUMN runs.git_dirty IS 'Whether the working tree had uncommitted changes.';

CREATE TABLE run_attempts (
  run_id UUID NOT NULL,
  attempt INTEGER,
  pid INTEGER,
  pid_created DOUBLE,
  host VARCHAR,
  started_at TIMESTAMP,
  ended_at TIMESTAMP,
  status VARCHAR,
  reason VARCHAR,
  changes JSON
);
COMMENT ON TABLE run_attempts IS 'One incarnation of a run: a resume keeps the run and adds an attempt.';
COMMENT ON COLUMN run_attempts.reason IS 'Why it ended, if not by completing: the error kind or who cancelled it.';
COMMENT ON COLUMN run_attempts.changes IS 'What the resume changed in the configuration.';

CREATE TABLE training_sessions (
  id UUID NOT NULL,
  agent_id VARCHAR,
  workspace_id VARCHAR,
  model_version VARCHAR,
  training_type VARCHAR,
  hyperparameters JSON,
  monitor_metric VARCHAR DEFAULT 'val_loss',
  monitor_mode VARCHAR DEFAULT 'min',
  best_validation_loss DOUBLE,
  gpu_hours DOUBLE,
  training_cost_usd DECIMAL(18, 6),
  started_at TIMESTAMP,
  completed_at TIMESTAMP,
  status VARCHAR,
  base_model VARCHAR,
  dataset_id VARCHAR,
  dataset_size BIGINT,
  dataset_quality_score DOUBLE,
  total_epochs INTEGER,
  completed_epochs INTEGER,
  total_steps BIGINT,
  completed_steps BIGINT,
  final_training_loss DOUBLE,
  final_validation_loss DOUBLE,
  best_epoch INTEGER,
  overfitting_detected BOOLEAN,
  early_stopping_triggered BOOLEAN,
  convergence_achieved BOOLEAN,
  total_tokens_processed BIGINT,
  memory_peak_gb DOUBLE,
  cpu_hours DOUBLE,
  parameters BIGINT,
  trainable_parameters BIGINT,
  model_path VARCHAR,
  model_sha256 VARCHAR,
  error_details VARCHAR,
  duration_hours DOUBLE GENERATED ALWAYS AS (epoch_us(completed_at - started_at) / 3.6e9) VIRTUAL
);
COMMENT ON TABLE training_sessions IS 'The training facts of a run of kind train; same id as in runs.';
COMMENT ON COLUMN training_sessions.model_version IS 'The version this training made of its agent; NULL for trials, folds and arms.';
COMMENT ON COLUMN training_sessions.training_type IS 'fine_tuning, few_shot, reinforcement, transfer_learning, from_scratch.';
COMMENT ON COLUMN training_sessions.hyperparameters IS 'Flat canonical keys; early_stopping_patience is absent when early stopping is off.';
COMMENT ON COLUMN training_sessions.monitor_metric IS 'What early stopping watches.';
COMMENT ON COLUMN training_sessions.best_validation_loss IS 'Smallest finite val_loss of all epochs.';
COMMENT ON COLUMN training_sessions.gpu_hours IS 'Wall hours times accelerators, over all attempts; on a CPU wall hours times 1.';
COMMENT ON COLUMN training_sessions.training_cost_usd IS 'gpu_hours times the price of the device valid at started_at.';
COMMENT ON COLUMN training_sessions.completed_at IS 'End of the training, whatever its status, UTC.';
COMMENT ON COLUMN training_sessions.total_epochs IS 'Planned epochs.';
COMMENT ON COLUMN training_sessions.completed_epochs IS 'Largest finished epoch.';
COMMENT ON COLUMN training_sessions.total_steps IS 'Planned optimizer steps.';
COMMENT ON COLUMN training_sessions.best_epoch IS 'Earliest epoch with the best finite monitored value.';
COMMENT ON COLUMN training_sessions.overfitting_detected IS 'Last validation more than 5 % above the best while the training loss fell (Prechelt 1998, GL_5).';
COMMENT ON COLUMN training_sessions.convergence_achieved IS 'The last 5 evaluations improved the best by 1 % at most.';
COMMENT ON COLUMN training_sessions.memory_peak_gb IS 'Peak resident memory of the process, 1e9 bytes.';
COMMENT ON COLUMN training_sessions.cpu_hours IS 'CPU time of the process, hours, over all attempts.';
COMMENT ON COLUMN training_sessions.duration_hours IS 'completed_at - started_at, hours.';

CREATE TABLE training_epochs (
  session_id UUID NOT NULL,
  epoch INTEGER NOT NULL,
  attempt INTEGER DEFAULT 1,
  step BIGINT,
  train_loss DOUBLE,
  val_loss DOUBLE,
  val_metric DOUBLE,
  epoch_seconds DOUBLE,
  learning_rate DOUBLE,
  gradient_norm DOUBLE,
  samples BIGINT,
  tokens BIGINT,
  memory_gb DOUBLE,
  gpu_utilization DOUBLE,
  cpu_utilization DOUBLE,
  logged_at TIMESTAMP
);
COMMENT ON TABLE training_epochs IS 'One finished epoch as it was logged; an epoch repeated after a resume is here twice, the view epochs keeps the last.';
COMMENT ON COLUMN training_epochs.epoch IS '1-based.';
COMMENT ON COLUMN training_epochs.step IS 'Optimizer steps done, 1-based, over the whole run.';
COMMENT ON COLUMN training_epochs.train_loss IS 'Example-weighted mean over the epoch, in training mode.';
COMMENT ON COLUMN training_epochs.val_loss IS 'NULL = not evaluated; NaN = evaluated, unusable.';
COMMENT ON COLUMN training_epochs.val_metric IS 'The monitored metric when it is not val_loss.';
COMMENT ON COLUMN training_epochs.gradient_norm IS 'Mean over the steps, before clipping.';
COMMENT ON COLUMN training_epochs.samples IS 'Examples trained on in this epoch.';
COMMENT ON COLUMN training_epochs.memory_gb IS 'Resident memory at the end of the epoch, 1e9 bytes.';
COMMENT ON COLUMN training_epochs.cpu_utilization IS 'CPU time / (wall time x cores), 0 to 1.';

CREATE TABLE metrics (
  session_id UUID NOT NULL,
  attempt INTEGER DEFAULT 1,
  step BIGINT,
  epoch DOUBLE,
  name VARCHAR NOT NULL,
  value DOUBLE,
  logged_at TIMESTAMP
);
COMMENT ON TABLE metrics IS 'One value of one metric at one step. system/… are samples of the process every 5 seconds.';
COMMENT ON COLUMN metrics.step IS 'Optimizer step, 1-based, over the whole run.';
COMMENT ON COLUMN metrics.epoch IS '0.5 is half way through the first epoch.';
