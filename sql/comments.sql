-- What the columns of tables mean, where their migration does not say it. Put in place with the views; those of
-- views stand beside each column in `views/`, and a column that only passes on another one has its comment.

COMMENT ON COLUMN agent_executions.execution_id IS 'Names the use; recorded again with it, it is still one.';
COMMENT ON COLUMN agent_executions.agent_id IS 'The agent that was used.';
COMMENT ON COLUMN agent_executions.model_version_id IS 'The version that answered.';
COMMENT ON COLUMN agent_executions.user_id IS 'Who used it.';
COMMENT ON COLUMN agent_executions.latency_ms IS 'From the question to the answer, milliseconds.';
COMMENT ON COLUMN agent_executions.created_at IS 'When it was used, UTC.';

COMMENT ON COLUMN benchmark_executions.id IS 'Names the benchmark.';
COMMENT ON COLUMN benchmark_executions.agent_id IS 'The agent that was measured.';
COMMENT ON COLUMN benchmark_executions.model_version_id IS 'The version that was measured.';
COMMENT ON COLUMN benchmark_executions.metric IS 'The name of accuracy_score, such as accuracy or rmse.';
COMMENT ON COLUMN benchmark_executions.run_id IS 'The run that measured it.';
COMMENT ON COLUMN benchmark_executions.n_examples IS 'Held-out examples it was measured on.';
COMMENT ON COLUMN benchmark_executions.created_at IS 'When it was measured, UTC.';

COMMENT ON COLUMN feedback_events.id IS 'Names the judgement.';
COMMENT ON COLUMN feedback_events.agent_id IS 'The agent that was judged.';
COMMENT ON COLUMN feedback_events.model_version_id IS 'The version that was judged.';
COMMENT ON COLUMN feedback_events.user_id IS 'Who judged.';
COMMENT ON COLUMN feedback_events.item_id IS 'What was judged; the same item may be judged again.';
COMMENT ON COLUMN feedback_events.is_positive IS 'Whether the user was content; NULL: he did not say.';
COMMENT ON COLUMN feedback_events.was_correct_before IS 'Whether the answer on this item was right before the update.';
COMMENT ON COLUMN feedback_events.was_correct_after IS 'Whether it is right since.';
COMMENT ON COLUMN feedback_events.created_at IS 'When it was given, UTC.';

COMMENT ON COLUMN histograms.session_id IS 'The session that logged it.';
COMMENT ON COLUMN histograms.attempt IS 'The attempt that logged it, 1-based.';
COMMENT ON COLUMN histograms.logged_at IS 'When it was logged, UTC.';

COMMENT ON COLUMN journal_offsets.bytes IS 'How far it was read.';

COMMENT ON COLUMN learning_updates.id IS 'Names the update.';
COMMENT ON COLUMN learning_updates.agent_id IS 'The agent that was updated.';
COMMENT ON COLUMN learning_updates.from_version IS 'The version before.';
COMMENT ON COLUMN learning_updates.to_version IS 'The version since.';
COMMENT ON COLUMN learning_updates.examples IS 'Examples it learned from.';
COMMENT ON COLUMN learning_updates.reason IS 'Why it failed or was rolled back.';
COMMENT ON COLUMN learning_updates.started_at IS 'Start, UTC.';
COMMENT ON COLUMN learning_updates.completed_at IS 'End, UTC.';

COMMENT ON COLUMN metrics.session_id IS 'The session that logged it.';
COMMENT ON COLUMN metrics.attempt IS 'The attempt that logged it, 1-based.';
COMMENT ON COLUMN metrics.name IS 'The name it was logged under.';
COMMENT ON COLUMN metrics.value IS 'NULL = not measured; NaN and infinities as they were logged.';
COMMENT ON COLUMN metrics.logged_at IS 'When it was logged, UTC.';

COMMENT ON COLUMN model_versions.agent_id IS 'The agent it is a version of.';
COMMENT ON COLUMN model_versions.run_id IS 'The run that made it.';
COMMENT ON COLUMN model_versions.size_bytes IS 'Of all its files.';
COMMENT ON COLUMN model_versions.parameters IS 'Its weights, frozen ones too.';
COMMENT ON COLUMN model_versions.architecture IS 'The kind of its model.';
COMMENT ON COLUMN model_versions.created_at IS 'When it was made, UTC.';

COMMENT ON COLUMN prices.device IS 'As in runs.device.';
COMMENT ON COLUMN prices.usd_per_hour IS 'Dollars for one hour of one device.';
COMMENT ON COLUMN prices.valid_from IS 'From when on, UTC.';

COMMENT ON COLUMN recorded_events.body IS 'The whole event as it was written.';
COMMENT ON COLUMN recorded_events.journal IS 'Path of the journal inside the yard.';
COMMENT ON COLUMN recorded_events.line_offset IS 'Where its line begins in the journal, bytes.';

COMMENT ON COLUMN rejected_events.journal IS 'Path of the journal inside the yard.';
COMMENT ON COLUMN rejected_events.line_offset IS 'Where the line begins in the journal, bytes.';
COMMENT ON COLUMN rejected_events.line IS 'The line as it was found.';
COMMENT ON COLUMN rejected_events.reason IS 'Why it could not be used.';
COMMENT ON COLUMN rejected_events.rejected_at IS 'When that was seen, UTC.';

COMMENT ON COLUMN run_attempts.run_id IS 'The run.';
COMMENT ON COLUMN run_attempts.attempt IS '1-based; a resume adds one.';
COMMENT ON COLUMN run_attempts.pid IS 'Its process.';
COMMENT ON COLUMN run_attempts.pid_created IS 'Start of the process, seconds since 1970.';
COMMENT ON COLUMN run_attempts.host IS 'The machine it ran on.';
COMMENT ON COLUMN run_attempts.started_at IS 'Start, UTC.';
COMMENT ON COLUMN run_attempts.ended_at IS 'End, UTC.';
COMMENT ON COLUMN run_attempts.status IS 'As in runs.status.';

COMMENT ON COLUMN run_events.run_id IS 'The run it happened to.';
COMMENT ON COLUMN run_events.attempt IS 'The attempt it happened in, 1-based.';
COMMENT ON COLUMN run_events.journal IS 'Path of the journal inside the yard.';
COMMENT ON COLUMN run_events.line_offset IS 'Where its line begins in the journal, bytes.';

COMMENT ON COLUMN runs.name IS 'What people call it; need not be unique.';
COMMENT ON COLUMN runs.agent_id IS 'The agent that is trained or measured.';
COMMENT ON COLUMN runs.workspace_id IS 'The workspace it belongs to.';
COMMENT ON COLUMN runs.seed IS 'What the random numbers began from.';
COMMENT ON COLUMN runs.tags IS 'Words that somebody put on it.';
COMMENT ON COLUMN runs.host IS 'The machine it ran on.';
COMMENT ON COLUMN runs.pid IS 'The process of the newest attempt.';
COMMENT ON COLUMN runs.device IS 'cpu, or the name of the accelerator; what prices go by.';
COMMENT ON COLUMN runs.accelerators IS 'How many devices it used.';
COMMENT ON COLUMN runs.queued_at IS 'When it was asked for, UTC.';
COMMENT ON COLUMN runs.cancel_requested_at IS 'When somebody asked it to stop, UTC.';
COMMENT ON COLUMN runs.error_message IS 'What went wrong.';
COMMENT ON COLUMN runs.error_details IS 'The traceback.';
COMMENT ON COLUMN runs.git_commit IS 'The commit of the working tree it was started from.';
COMMENT ON COLUMN runs.python_version IS 'The Python it ran in.';
COMMENT ON COLUMN runs.package_versions IS 'The packages it ran with.';

COMMENT ON COLUMN schema_version.version IS 'The number of the migration.';
COMMENT ON COLUMN schema_version.name IS 'The name of its file.';
COMMENT ON COLUMN schema_version.sha256 IS 'Of its text; an applied migration is never edited.';
COMMENT ON COLUMN schema_version.applied_at IS 'When it was applied, UTC.';

COMMENT ON COLUMN scores.subject IS 'What was judged.';
COMMENT ON COLUMN scores.name IS 'The name of the number.';
COMMENT ON COLUMN scores.value IS 'The number; NULL where it cannot be said.';
COMMENT ON COLUMN scores.low IS 'Lower end of its interval.';
COMMENT ON COLUMN scores.high IS 'Upper end of its interval.';
COMMENT ON COLUMN scores.n IS 'How many values it rests on.';
COMMENT ON COLUMN scores.method IS 'How it was computed.';
COMMENT ON COLUMN scores.library IS 'What computed it, with its version.';
COMMENT ON COLUMN scores.inputs_digest IS 'sha256 of what it was computed from.';
COMMENT ON COLUMN scores.computed_at IS 'When it was computed, UTC.';

COMMENT ON COLUMN sessions_behind.session_id IS 'The session.';

COMMENT ON COLUMN settings.workspace IS 'The workspace it holds for; NULL: all of them.';
COMMENT ON COLUMN settings.name IS 'The name of the setting.';
COMMENT ON COLUMN settings.value IS 'Its value, as text.';

COMMENT ON COLUMN sources.name IS 'The name of the file.';
COMMENT ON COLUMN sources.sha256 IS 'Of its text.';
COMMENT ON COLUMN sources.code_version IS 'The Runyard that put it there.';

COMMENT ON COLUMN task_scores.agent_id IS 'The agent that learns.';
COMMENT ON COLUMN task_scores.update_id IS 'The update after which it was scored.';
COMMENT ON COLUMN task_scores.update_index IS 'How many updates it had seen; 0 is the untrained model.';
COMMENT ON COLUMN task_scores.task IS 'The name of the task.';
COMMENT ON COLUMN task_scores.task_index IS 'Which task it is, 1-based: update i teaches task i.';
COMMENT ON COLUMN task_scores.score IS 'The score on the task.';
COMMENT ON COLUMN task_scores.higher_is_better IS 'Direction of score; NULL is true.';
COMMENT ON COLUMN task_scores.scored_at IS 'When it was scored, UTC.';

COMMENT ON COLUMN training_epochs.session_id IS 'The session that it is an epoch of.';
COMMENT ON COLUMN training_epochs.attempt IS 'The attempt that logged it, 1-based.';
COMMENT ON COLUMN training_epochs.epoch_seconds IS 'How long it took, seconds.';
COMMENT ON COLUMN training_epochs.learning_rate IS 'As it was at the end of the epoch.';
COMMENT ON COLUMN training_epochs.tokens IS 'Tokens trained on in this epoch.';
COMMENT ON COLUMN training_epochs.gpu_utilization IS 'Share of the time that the GPU was busy, 0 to 1.';
COMMENT ON COLUMN training_epochs.logged_at IS 'When it was logged, UTC.';

COMMENT ON COLUMN training_sessions.id IS 'The id of its run.';
COMMENT ON COLUMN training_sessions.agent_id IS 'The agent that is trained.';
COMMENT ON COLUMN training_sessions.workspace_id IS 'The workspace it belongs to.';
COMMENT ON COLUMN training_sessions.monitor_mode IS 'min where smaller values of monitor_metric are better, else max.';
COMMENT ON COLUMN training_sessions.started_at IS 'Start of the first attempt, UTC.';
COMMENT ON COLUMN training_sessions.status IS 'queued, running, completed, failed, cancelled; imported ones may also be early_stopped.';
COMMENT ON COLUMN training_sessions.base_model IS 'The pretrained model it started from.';
COMMENT ON COLUMN training_sessions.dataset_id IS 'The data it was trained on.';
COMMENT ON COLUMN training_sessions.dataset_size IS 'Examples in the training part.';
COMMENT ON COLUMN training_sessions.dataset_quality_score IS 'Quality of the data, 0 to 1.';
COMMENT ON COLUMN training_sessions.completed_steps IS 'Finished optimizer steps.';
COMMENT ON COLUMN training_sessions.final_training_loss IS 'train_loss of the last epoch.';
COMMENT ON COLUMN training_sessions.final_validation_loss IS 'val_loss of the last evaluated epoch.';
COMMENT ON COLUMN training_sessions.early_stopping_triggered IS 'Whether early stopping ended it.';
COMMENT ON COLUMN training_sessions.total_tokens_processed IS 'Tokens trained on, in all.';
COMMENT ON COLUMN training_sessions.parameters IS 'Weights of the model.';
COMMENT ON COLUMN training_sessions.trainable_parameters IS 'Those that are trained.';
COMMENT ON COLUMN training_sessions.model_path IS 'Folder of the saved model inside the yard.';
COMMENT ON COLUMN training_sessions.model_sha256 IS 'Of manifest.json in that folder, which holds the sums of all its files.';
COMMENT ON COLUMN training_sessions.error_details IS 'The traceback.';

COMMENT ON COLUMN transfer_learning_sessions.id IS 'The id of its run.';
COMMENT ON COLUMN transfer_learning_sessions.target_agent_id IS 'The agent that learned.';
COMMENT ON COLUMN transfer_learning_sessions.source_agent_id IS 'The agent whose model it started from.';
COMMENT ON COLUMN transfer_learning_sessions.knowledge_domain IS 'What the knowledge is about.';
COMMENT ON COLUMN transfer_learning_sessions.transfer_method IS 'How the weights were taken over.';
COMMENT ON COLUMN transfer_learning_sessions.fine_tuning_epochs IS 'Epochs trained since.';
COMMENT ON COLUMN transfer_learning_sessions.training_time_hours IS 'How long it took, hours.';
COMMENT ON COLUMN transfer_learning_sessions.training_cost_usd IS 'What it cost, dollars.';
COMMENT ON COLUMN transfer_learning_sessions.started_at IS 'Start, UTC.';
COMMENT ON COLUMN transfer_learning_sessions.completed_at IS 'End, UTC.';
COMMENT ON COLUMN transfer_learning_sessions.status IS 'As in training_sessions.status.';
COMMENT ON COLUMN transfer_learning_sessions.tensors_transferred IS 'Tensors that were taken over.';
COMMENT ON COLUMN transfer_learning_sessions.parameters_transferred IS 'Weights that were taken over.';
COMMENT ON COLUMN transfer_learning_sessions.metric IS 'The metric of score_before and score_after.';
