-- What trainings are judged by: benchmarks, versions, production use, transfers, updates and feedback.
-- All of these are run tables: ingest writes them from journals.

CREATE TABLE benchmark_executions (
  id UUID NOT NULL,
  agent_id VARCHAR,
  model_version_id UUID,
  benchmark_name VARCHAR,
  higher_is_better BOOLEAN,
  accuracy_score DOUBLE,
  speed_score DOUBLE,
  efficiency_score DOUBLE,
  metric VARCHAR,
  run_id UUID,
  n_examples BIGINT,
  created_at TIMESTAMP
);
COMMENT ON TABLE benchmark_executions IS 'One benchmark of one model version.';
COMMENT ON COLUMN benchmark_executions.benchmark_name IS 'Scores of different benchmarks are never compared; NULL is default.';
COMMENT ON COLUMN benchmark_executions.higher_is_better IS 'Direction of accuracy_score; NULL is true.';
COMMENT ON COLUMN benchmark_executions.accuracy_score IS 'The metric that metric names.';
COMMENT ON COLUMN benchmark_executions.speed_score IS 'Examples per second; higher is better.';
COMMENT ON COLUMN benchmark_executions.efficiency_score IS 'Examples per CPU second; higher is better.';

CREATE TABLE model_versions (
  id UUID NOT NULL,
  agent_id VARCHAR NOT NULL DEFAULT 'default',
  version VARCHAR,
  parent_version VARCHAR,
  run_id UUID,
  path VARCHAR,
  sha256 VARCHAR,
  size_bytes BIGINT,
  parameters BIGINT,
  architecture VARCHAR,
  metrics JSON,
  created_at TIMESTAMP
);
COMMENT ON TABLE model_versions IS 'One version of an agent: what a completed training made.';
COMMENT ON COLUMN model_versions.version IS 'Numbered per agent when the run is queued.';
COMMENT ON COLUMN model_versions.parent_version IS 'The newest version of the agent when the run began, or the one it started from.';

CREATE TABLE agent_executions (
  execution_id UUID NOT NULL,
  agent_id VARCHAR,
  model_version_id UUID,
  user_id VARCHAR,
  status VARCHAR,
  latency_ms DOUBLE,
  created_at TIMESTAMP
);
COMMENT ON TABLE agent_executions IS 'One use of a model version in production.';
COMMENT ON COLUMN agent_executions.status IS 'queued, pending, running, cancelled, success, failed, error, timeout.';

CREATE TABLE transfer_learning_sessions (
  id UUID NOT NULL,
  target_agent_id VARCHAR,
  source_agent_id VARCHAR,
  knowledge_domain VARCHAR,
  transfer_method VARCHAR,
  layers_transferred INTEGER,
  fine_tuning_epochs INTEGER,
  training_time_hours DOUBLE,
  training_cost_usd DECIMAL(18, 6),
  started_at TIMESTAMP,
  completed_at TIMESTAMP,
  status VARCHAR
);
COMMENT ON TABLE transfer_learning_sessions IS 'One training that started from the model of another agent; same id as its session.';

CREATE TABLE learning_updates (
  id UUID NOT NULL,
  agent_id VARCHAR,
  from_version VARCHAR,
  to_version VARCHAR,
  status VARCHAR,
  examples BIGINT,
  reason VARCHAR,
  started_at TIMESTAMP,
  completed_at TIMESTAMP
);
COMMENT ON TABLE learning_updates IS 'One online update of an agent.';
COMMENT ON COLUMN learning_updates.status IS 'success, failed, rolled_back.';

CREATE TABLE task_scores (
  agent_id VARCHAR,
  update_id UUID,
  update_index INTEGER,
  task VARCHAR,
  task_index INTEGER,
  score DOUBLE,
  higher_is_better BOOLEAN,
  scored_at TIMESTAMP
);
COMMENT ON TABLE task_scores IS 'R[i][j] of continual learning: the score on task j after update i; update 0 is the untrained model.';

CREATE TABLE feedback_events (
  id UUID NOT NULL,
  agent_id VARCHAR,
  model_version_id UUID,
  user_id VARCHAR,
  item_id VARCHAR,
  is_positive BOOLEAN,
  was_correct_before BOOLEAN,
  was_correct_after BOOLEAN,
  created_at TIMESTAMP
);
COMMENT ON TABLE feedback_events IS 'One judgement of a user on one item.';

CREATE TABLE scores (
  subject VARCHAR NOT NULL,
  name VARCHAR NOT NULL,
  value DOUBLE,
  low DOUBLE,
  high DOUBLE,
  n BIGINT,
  method VARCHAR,
  library VARCHAR,
  inputs_digest VARCHAR,
  computed_at TIMESTAMP
);
COMMENT ON TABLE scores IS 'A number that Python computed and views join, with its interval, method and library version.';
