-- One row is a training session: training_sessions with what is not finite as NULL.
-- grain: id
SELECT
  * REPLACE (
    finite_or_null(best_validation_loss) AS best_validation_loss,
    finite_or_null(final_training_loss) AS final_training_loss,
    finite_or_null(final_validation_loss) AS final_validation_loss,
    finite_or_null(gpu_hours) AS gpu_hours,
    finite_or_null(cpu_hours) AS cpu_hours,
    finite_or_null(energy_kwh) AS energy_kwh,
    finite_or_null(memory_peak_gb) AS memory_peak_gb,
    finite_or_null(dataset_quality_score) AS dataset_quality_score
  )
FROM training_sessions
