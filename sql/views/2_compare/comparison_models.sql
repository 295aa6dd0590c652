-- One row is a model of a comparison, over all of its runs: its results by the metric of the comparison.
-- grain: comparison_id, model
-- The result of a run is the best epoch's: that is the model it keeps. Not-finite ones are no results. Baselines are
-- known by the name in their configuration, which renaming a run does not change.
WITH planned AS (
  SELECT run_id, max(TRY_CAST(body ->> 'validation_size' AS BIGINT)) AS validation_size
  FROM run_events
  WHERE kind = 'planned'
  GROUP BY run_id
),
members AS (
  SELECT
    parent.id AS comparison_id,
    parent.name AS comparison_name,
    parent.status AS comparison_status,
    parent.workspace_id,
    parent.queued_at AS comparison_queued_at,
    parent.config ->> 'metric' AS metric,
    parent.config ->> 'mode' = 'max' AS higher_is_better,
    coalesce(list_contains(CAST(parent.config -> 'baselines' AS VARCHAR[]), child.config ->> 'name'), false) AS is_baseline,
    coalesce(child.replicate_group, CAST(child.id AS VARCHAR)) AS model,
    child.id AS run_id,
    child.name,
    child.status,
    child.seed,
    child.queued_at,
    child.config ->> '$.model.model_type' AS model_type,
    session.dataset_id,
    session.parameters,
    session.gpu_hours,
    session.training_cost_usd,
    planned.validation_size,
    CASE
      WHEN child.status = 'completed' THEN 1.0
      WHEN session.total_epochs > 0 THEN least(coalesce(session.completed_epochs, 0) / session.total_epochs, 1.0)
      ELSE 0.0
    END AS progress,
    CASE
      WHEN parent.config ->> 'metric' = 'val_loss' THEN session.best_validation_loss
      WHEN parent.config ->> 'mode' = 'max' THEN fact.max_value
      ELSE fact.min_value
    END AS so_far
  FROM runs AS parent
  JOIN runs AS child ON child.parent_run_id = parent.id
  LEFT JOIN sessions AS session ON session.id = child.id
  LEFT JOIN planned ON planned.run_id = child.id
  LEFT JOIN metric_facts AS fact ON fact.session_id = child.id AND fact.name = parent.config ->> 'metric'
  WHERE parent.kind = 'compare' AND parent.deleted_at IS NULL AND child.deleted_at IS NULL
)
SELECT
  comparison_id, -- The run that is the parent of all others.
  any_value(comparison_name) AS comparison_name, -- What it is called.
  any_value(comparison_status) AS comparison_status, -- Whether runs of it are still open.
  any_value(workspace_id) AS workspace_id, -- Whose it is.
  any_value(comparison_queued_at) AS queued_at, -- When it was asked for, UTC.
  model, -- What runs of one model share: all of the configuration but the seed.
  arg_min(name, (queued_at, run_id)) AS model_name, -- The name of its first run.
  any_value(model_type) AS model_type, -- The kind of model.
  bool_or(is_baseline) AS is_baseline, -- Whether it was added to be beaten.
  any_value(metric) AS metric, -- What is compared.
  any_value(higher_is_better) AS higher_is_better, -- Which values of it are good.
  count(*) AS runs, -- Its runs, one for each seed.
  count(*) FILTER (WHERE status = 'completed') AS completed, -- Those that are through.
  count(*) FILTER (WHERE status IN ('queued', 'running')) AS open_runs, -- Those that wait or train.
  count(*) FILTER (WHERE status IN ('failed', 'cancelled')) AS ended_early, -- Those that failed or were cancelled.
  avg(progress) AS progress, -- How much of its training is done, 0 to 1.
  coalesce(list(so_far ORDER BY seed, run_id) FILTER (WHERE status = 'completed' AND so_far IS NOT NULL), []) AS results, -- Of its completed runs, by seed.
  count(*) FILTER (WHERE status = 'completed' AND so_far IS NULL) AS unusable, -- Completed runs without a finite result.
  max(validation_size) AS validation_size, -- Examples it is measured on.
  count(DISTINCT dataset_id) AS datasets, -- More than 1: the data were changed in between.
  any_value(dataset_id) AS dataset_id, -- The data it learned from.
  max(parameters) AS parameters, -- Its weights, frozen ones too.
  sum(gpu_hours) AS compute_hours, -- Of all its runs.
  sum(training_cost_usd) AS cost_usd, -- Of all its runs, dollars.
  arg_min(CAST(run_id AS VARCHAR), (queued_at, run_id)) AS first_run -- The id of its first run.
FROM members
GROUP BY comparison_id, model
