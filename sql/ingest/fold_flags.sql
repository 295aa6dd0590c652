-- Judges the sessions in the variable `touched` that have ended by their curves, after fold_progress.
UPDATE training_sessions AS t
SET
  overfitting_detected = is_overfitting(
    generalization_loss_pct(c.last_loss, c.best_loss), t.final_training_loss, c.train_loss_at_best
  ),
  convergence_achieved = CASE WHEN c.n_finite > 5 THEN is_converged(c.earlier_best, c.best_loss) END
FROM (
  SELECT
    session_id,
    arg_min_null(train_loss, (loss, epoch)) FILTER (WHERE loss IS NOT NULL) AS train_loss_at_best,
    min(loss) AS best_loss,
    arg_max_null(loss, epoch) FILTER (WHERE evaluated) AS last_loss,
    count(loss) AS n_finite,
    min(loss) FILTER (WHERE from_end > 5) AS earlier_best
  FROM (
    SELECT *, count(*) FILTER (WHERE evaluated) OVER (PARTITION BY session_id ORDER BY epoch DESC) AS from_end
    FROM epochs
    WHERE session_id IN getvariable('touched')
  )
  GROUP BY session_id
) AS c
WHERE c.session_id = t.id AND is_terminal(t.status);
