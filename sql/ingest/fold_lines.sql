-- Folds a file of journal lines: epochs, metrics and histograms into their tables, and which sessions have gone on. Returns how many
-- lines there were, how many of them were used, and which were not, by their number from 0 and their kind.
-- Rows go in as they come, clustered by run, which the zone maps like. What stands in braces is another file's text.
WITH lines AS MATERIALIZED (
  {read_lines}
),
epochs AS (
  INSERT INTO training_epochs BY NAME
  SELECT
    session_id,
    CAST(epoch AS INTEGER) AS epoch,
    attempt,
    step,
    train_loss,
    val_loss,
    val_metric,
    epoch_seconds,
    learning_rate,
    gradient_norm,
    samples,
    tokens,
    memory_gb,
    gpu_utilization,
    cpu_utilization,
    logged_at
  FROM lines
  WHERE usable AND k = 'epoch'
),
{points}
{histograms}
behind AS (
  INSERT INTO sessions_behind
  SELECT DISTINCT session_id
  FROM lines
  WHERE usable
)
SELECT
  count(*) AS n_lines,
  count(*) FILTER (WHERE usable) AS n_used,
  list({place: place, kind: k}) FILTER (WHERE NOT usable) AS unused,
  -- Lists are read even where none is expected, so that what is no list is refused.
  count(metrics) + count(histograms) AS n_lists
FROM lines;
