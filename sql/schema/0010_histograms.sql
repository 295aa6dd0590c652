-- What layers look like while a run trains.

CREATE TABLE histograms (
  session_id UUID NOT NULL,
  attempt INTEGER DEFAULT 1,
  step BIGINT,
  epoch DOUBLE,
  layer VARCHAR,
  place INTEGER,
  kind VARCHAR,
  low DOUBLE,
  high DOUBLE,
  mean DOUBLE,
  deviation DOUBLE,
  zeros DOUBLE,
  counts BIGINT[],
  logged_at TIMESTAMP
);
COMMENT ON TABLE histograms IS 'The gradients, weights or activations of a layer at one step, by an even sample of at most about 4,096 finite values.';
COMMENT ON COLUMN histograms.step IS 'Optimizer step, 1-based, over the whole run.';
COMMENT ON COLUMN histograms.epoch IS '0.5 is half way through the first epoch.';
COMMENT ON COLUMN histograms.layer IS 'Path of the layer in the model.';
COMMENT ON COLUMN histograms.place IS 'Which layer it is, counted from the input, 1-based.';
COMMENT ON COLUMN histograms.kind IS 'gradient (before clipping), weight, activation.';
COMMENT ON COLUMN histograms.low IS 'Smallest value.';
COMMENT ON COLUMN histograms.high IS 'Largest value.';
COMMENT ON COLUMN histograms.mean IS 'Mean of the values.';
COMMENT ON COLUMN histograms.deviation IS 'Their standard deviation.';
COMMENT ON COLUMN histograms.zeros IS 'Share of values that are exactly 0, 0 to 1.';
COMMENT ON COLUMN histograms.counts IS 'How many values are in each of equal bins from low to high; one bin where all values are the same.';
