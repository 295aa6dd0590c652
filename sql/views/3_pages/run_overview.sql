-- One row per run: what the runs table of the Overview shows beside the waste, which overtraining_waste knows.
-- grain: id
SELECT
  run.id AS id,
  run.name AS name,
  run.kind AS kind,
  run.status AS status,
  run.agent_id AS agent_id,
  run.workspace_id AS workspace_id,
  run.parent_run_id AS parent_run_id,
  run.launched_by AS launched_by,
  run.tags AS tags,
  run.note AS note,
  run.run_group AS run_group,
  run.archived_at AS archived_at,
  run.deleted_at AS deleted_at,
  run.queued_at AS queued_at,
  run.started_at AS started_at,
  run.ended_at AS ended_at,
  run.error_message AS error_message,
  session.base_model AS base_model,
  session.dataset_id AS dataset_id,
  session.completed_epochs AS completed_epochs,
  session.total_epochs AS total_epochs,
  CASE
    WHEN run.status = 'completed' THEN 1.0
    WHEN run.status = 'queued' THEN 0.0
    WHEN session.total_steps > 0 AND session.completed_steps IS NOT NULL
      THEN least(session.completed_steps / session.total_steps, 1.0)
    WHEN session.total_epochs > 0
      THEN least(coalesce(session.completed_epochs, 0) / session.total_epochs, 1.0)
  END AS progress, -- How much of the planned training is done, 0 to 1.
  session.best_validation_loss AS best_validation_loss,
  session.best_epoch AS best_epoch,
  session.early_stopping_triggered AS early_stopping_triggered,
  session.gpu_hours AS compute_hours, -- Wall hours times devices, over all attempts.
  session.training_cost_usd AS cost_usd -- What that cost, dollars.
FROM runs AS run
LEFT JOIN sessions AS session ON session.id = run.id
