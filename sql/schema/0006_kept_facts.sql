-- What is worked out of the curves of an ended session, kept so that no page has to read all epochs and metrics again.
-- The views curve_facts and metric_facts say what the columns hold, and have the same of sessions of which nothing is kept.

CREATE TABLE kept_curve_facts (
  session_id UUID NOT NULL,
  agent_id VARCHAR,
  total_epochs INTEGER,
  n_evals BIGINT,
  n_finite BIGINT,
  best_epoch INTEGER,
  best_loss DOUBLE,
  last_loss DOUBLE,
  train_loss_at_best DOUBLE,
  last_train_loss DOUBLE,
  all_timed BOOLEAN,
  time_share_after_best DOUBLE,
  patience INTEGER,
  es_stop_epoch INTEGER,
  loss_at_stop DOUBLE,
  best_was_zero BOOLEAN,
  max_drawup_pct DOUBLE,
  gl_stop_epoch INTEGER,
  has_strips BOOLEAN,
  pq_stop_epoch INTEGER,
  up_stop_epoch INTEGER,
  convergence_epoch INTEGER,
  earlier_best DOUBLE,
  tail_cv DOUBLE,
  replays STRUCT(patience INTEGER, min_delta DOUBLE, stop_epoch INTEGER, seen_loss DOUBLE)[]
);
COMMENT ON TABLE kept_curve_facts IS 'What curve_facts says of sessions that have ended: read the view, which has the others, too.';
COMMENT ON COLUMN kept_curve_facts.total_epochs IS 'Largest finished epoch; NULL: none.';
COMMENT ON COLUMN kept_curve_facts.n_evals IS 'Epochs in which the monitored value was measured.';
COMMENT ON COLUMN kept_curve_facts.n_finite IS 'Epochs in which it was measured and usable.';
COMMENT ON COLUMN kept_curve_facts.best_loss IS 'The monitored value, turned so that smaller is better, as every loss here.';
COMMENT ON COLUMN kept_curve_facts.last_loss IS 'Of the last evaluation; NULL: not usable.';
COMMENT ON COLUMN kept_curve_facts.last_train_loss IS 'Of the epoch of the last evaluation.';
COMMENT ON COLUMN kept_curve_facts.all_timed IS 'Every epoch from the first to the last has a time, and their sum is more than 0.';
COMMENT ON COLUMN kept_curve_facts.time_share_after_best IS 'Share of the time of all epochs, 0 to 1, that came after the best one.';
COMMENT ON COLUMN kept_curve_facts.patience IS 'Of the session''s own early stopping; es_stop_epoch and loss_at_stop replay it.';
COMMENT ON COLUMN kept_curve_facts.loss_at_stop IS 'The best loss seen by es_stop_epoch.';
COMMENT ON COLUMN kept_curve_facts.max_drawup_pct IS 'Largest generalization loss against the best so far.';
COMMENT ON COLUMN kept_curve_facts.has_strips IS 'Every epoch has two usable losses, so that PQ can be asked for.';
COMMENT ON COLUMN kept_curve_facts.earlier_best IS 'Best loss up to five evaluations before the end.';
COMMENT ON COLUMN kept_curve_facts.tail_cv IS 'Deviation by mean of the last fifth of the usable losses, at least five.';
COMMENT ON COLUMN kept_curve_facts.replays IS 'When each rule of stopping_rules() would have stopped, and the best loss seen by then.';

CREATE TABLE kept_metric_facts (
  session_id UUID NOT NULL,
  name VARCHAR NOT NULL,
  points BIGINT,
  finite_points BIGINT,
  first_value DOUBLE,
  last_value DOUBLE,
  min_value DOUBLE,
  max_value DOUBLE,
  min_step BIGINT,
  min_epoch DOUBLE,
  max_step BIGINT,
  max_epoch DOUBLE
);
COMMENT ON TABLE kept_metric_facts IS 'What metric_facts says of sessions that have ended: read the view, which has the others, too.';
COMMENT ON COLUMN kept_metric_facts.points IS 'Measured values; those that are not finite count.';
COMMENT ON COLUMN kept_metric_facts.first_value IS 'By step, then epoch; NULL: not finite.';
COMMENT ON COLUMN kept_metric_facts.min_step IS 'Where the smallest value was first.';
COMMENT ON COLUMN kept_metric_facts.max_step IS 'Where the largest value was first.';
