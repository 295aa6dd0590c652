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

CREATE OR REPLACE MACRO waste_label(n_evals, last_is_finite, best_epoch, total_epochs, gl_pct, best_loss, last_loss) AS
  CASE
    WHEN n_evals = 0 THEN 'no_validation'
    WHEN NOT last_is_finite OR best_epoch IS NULL THEN 'diverged'
    WHEN n_evals < 3 THEN 'insufficient_data'
    WHEN 10 * best_epoch >= 7 * total_epochs THEN 'none'
    WHEN is_more(gl_pct, 5) OR (best_loss = 0 AND last_loss > 0) THEN 'overtraining'
    ELSE 'plateau'
  END;
