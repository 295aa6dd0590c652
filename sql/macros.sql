-- Thresholds, labels and guards, each said once. Non-finite is "measured, but unusable": it becomes NULL.

CREATE OR REPLACE MACRO finite_or_null(x) AS CASE WHEN isfinite(x) THEN x END;
CREATE OR REPLACE MACRO safe_divide(a, b) AS finite_or_null(CAST(a AS DOUBLE) / nullif(CAST(b AS DOUBLE), 0));
CREATE OR REPLACE MACRO is_more(x, threshold) AS round(x, 9) > threshold;
CREATE OR REPLACE MACRO is_less(x, threshold) AS round(x, 9) < threshold;
CREATE OR REPLACE MACRO oriented_loss(x, mode) AS CASE WHEN mode = 'max' THEN -x ELSE x END;
CREATE OR REPLACE MACRO generalization_loss_pct(last_loss, best_loss) AS
  finite_or_null(100 * safe_divide(last_loss - best_loss, abs(best_loss)));
CREATE OR REPLACE MACRO is_terminal(status) AS status NOT IN ('queued', 'pending', 'running');

-- Prechelt 1998, GL_5: worse than the best by more than 5 % while the training loss went on falling.
CREATE OR REPLACE MACRO is_overfitting(gl_pct, last_train_loss, best_train_loss) AS
  is_more(gl_pct, 5) AND last_train_loss <= best_train_loss;
-- The last five evaluations improved the best by at most 1 %.
CREATE OR REPLACE MACRO is_converged(earlier_best, best) AS
  round(earlier_best - best, 9) <= round(0.01 * abs(best), 9);

CREATE OR REPLACE MACRO patience_of(hyperparameters) AS
  greatest(1, coalesce(TRY_CAST(hyperparameters ->> 'early_stopping_patience' AS INTEGER), 10));
CREATE OR REPLACE MACRO waste_label(n_evals, last_is_finite, best_epoch, total_epochs, gl_pct, best_loss, last_loss) AS
  CASE
    WHEN n_evals = 0 THEN 'no_validation'
    WHEN NOT last_is_finite OR best_epoch IS NULL THEN 'diverged'
    WHEN n_evals < 3 THEN 'insufficient_data'
    WHEN 10 * best_epoch >= 7 * total_epochs THEN 'none'
    WHEN is_more(gl_pct, 5) OR (best_loss = 0 AND last_loss > 0) THEN 'overtraining'
    ELSE 'plateau'
  END;

-- Oriented so that positive is better; a benchmark without a direction is higher-is-better.
CREATE OR REPLACE MACRO gain(new_score, old_score, higher_is_better) AS
  CASE WHEN coalesce(higher_is_better, true) THEN new_score - old_score ELSE old_score - new_score END;
CREATE OR REPLACE MACRO hours_between(from_time, to_time) AS epoch_us(to_time - from_time) / 3.6e9;

CREATE OR REPLACE MACRO improvement_label(score, previous, improvement, pct) AS
  CASE
    WHEN score IS NULL THEN 'no_benchmark'
    WHEN previous IS NULL THEN 'baseline'
    WHEN previous = 0 THEN
      CASE
        WHEN is_more(improvement, 0) THEN 'significant_improvement'
        WHEN is_less(improvement, 0) THEN 'degradation'
        ELSE 'no_change'
      END
    WHEN is_more(pct, 10) THEN 'significant_improvement'
    WHEN is_more(pct, 5) THEN 'moderate_improvement'
    WHEN is_more(pct, 0) THEN 'slight_improvement'
    WHEN is_less(pct, 0) THEN 'degradation'
    ELSE 'no_change'
  END;

CREATE OR REPLACE MACRO transfer_label(accuracy_gain, time_reduction_pct) AS
  CASE
    WHEN accuracy_gain IS NULL THEN 'insufficient_data'
    WHEN is_more(accuracy_gain, 0.1) AND is_more(time_reduction_pct, 50) THEN 'highly_effective'
    WHEN is_more(accuracy_gain, 0.05) AND is_more(time_reduction_pct, 30) THEN 'effective'
    WHEN is_more(accuracy_gain, 0) THEN 'moderately_effective'
    ELSE 'ineffective'
  END;

CREATE OR REPLACE MACRO version_label(parent_version, accuracy_delta, reliability_delta) AS
  CASE
    WHEN parent_version IS NULL THEN 'initial_version'
    WHEN accuracy_delta IS NULL THEN 'insufficient_data'
    WHEN is_less(accuracy_delta, 0) THEN 'regression'
    WHEN is_more(accuracy_delta, 0) AND is_less(coalesce(reliability_delta, 0), 0) THEN 'mixed_results'
    WHEN is_more(accuracy_delta, 0.05) THEN 'major_improvement'
    WHEN is_more(accuracy_delta, 0) OR is_more(coalesce(reliability_delta, 0), 0) THEN 'improvement'
    WHEN is_less(coalesce(reliability_delta, 0), 0) THEN 'regression'
    ELSE 'no_change'
  END;
