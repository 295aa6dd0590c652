-- What runs measure beside their curves: energy, the shape of a transformer, and the inputs of models in use.

ALTER TABLE training_sessions ADD COLUMN energy_kwh DOUBLE;
ALTER TABLE training_sessions ADD COLUMN energy_meters VARCHAR;
ALTER TABLE training_sessions ADD COLUMN layers INTEGER;
ALTER TABLE training_sessions ADD COLUMN attention_heads INTEGER;
ALTER TABLE training_sessions ADD COLUMN head_size INTEGER;
ALTER TABLE training_sessions ADD COLUMN sequence_length INTEGER;
COMMENT ON COLUMN training_sessions.energy_kwh IS 'Its share of the processors'' energy by CPU time, and all of its GPUs''; NULL where no meter could be read in one of its attempts.';
COMMENT ON COLUMN training_sessions.energy_meters IS 'What could be read: cpu, gpu, or cpu gpu.';
COMMENT ON COLUMN training_sessions.layers IS 'Transformer blocks; with the next three columns it gives the FLOPs of attention.';
COMMENT ON COLUMN training_sessions.attention_heads IS 'Attention heads of a layer.';
COMMENT ON COLUMN training_sessions.head_size IS 'Width of an attention head.';
COMMENT ON COLUMN training_sessions.sequence_length IS 'Tokens of a sequence, on average.';

ALTER TABLE agent_executions ADD COLUMN inputs JSON;
COMMENT ON COLUMN agent_executions.inputs IS 'Features and scores of the input, each a number or a word: what drift is looked for in.';
