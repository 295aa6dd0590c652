-- Thresholds, labels and guards, each said once. Non-finite is "measured, but unusable": it becomes NULL.

CREATE OR REPLACE MACRO finite_or_null(x) AS CASE WHEN isfinite(x) THEN x END;
CREATE OR REPLACE MACRO safe_divide(a, b) AS finite_or_null(CAST(a AS DOUBLE) / nullif(CAST(b AS DOUBLE), 0));
CREATE OR REPLACE MACRO clip_to_share(x) AS CASE WHEN x IS NOT NULL THEN greatest(0, least(1, x)) END;
CREATE OR REPLACE MACRO is_more(x, threshold) AS round(x, 9) > threshold;
CREATE OR REPLACE MACRO is_less(x, threshold) AS round(x, 9) < threshold;
-- A threshold is its workspace's row in `settings`, else the row of every workspace (NULL), else as in the definitions.
-- It is one map for all rows, on purpose: no filter would get past a subquery for each.
CREATE OR REPLACE MACRO thresholds_set() AS (
  SELECT map_from_entries(list({'key': (workspace, name), 'value': value}))
  FROM (
    SELECT
      coalesce(workspace, '') AS workspace,
      name,
      max(finite_or_null(TRY_CAST(value AS DOUBLE))) AS value
    FROM settings
    GROUP BY ALL
  )
);
CREATE OR REPLACE MACRO threshold(of_workspace, called, as_defined) AS
  list_transform(
    [thresholds_set()],
    lambda chosen: coalesce(chosen[(coalesce(of_workspace, ''), called)], chosen[('', called)], as_defined)
  )[1];
CREATE OR REPLACE MACRO oriented_loss(x, mode) AS CASE WHEN mode = 'max' THEN -x ELSE x END;
CREATE OR REPLACE MACRO generalization_loss_pct(last_loss, best_loss) AS
  finite_or_null(100 * safe_divide(last_loss - best_loss, abs(best_loss)));
CREATE OR REPLACE MACRO is_terminal(status) AS status NOT IN ('queued', 'pending', 'running');
-- A training of Runyard's own, no trial, fold or arm, counts among the versions of its agent from the moment it is queued.
CREATE OR REPLACE MACRO is_numbered(kind, parent_run_id, queued_at, launched_by) AS
  kind = 'train'
  AND parent_run_id IS NULL
  AND queued_at IS NOT NULL
  AND coalesce(launched_by NOT IN ('sdk', 'import'), true);

-- Prechelt 1998, GL_5: worse than the best by more than 5 % while the training loss went on falling.
CREATE OR REPLACE MACRO is_overfitting(gl_pct, last_train_loss, best_train_loss) AS
  is_more(gl_pct, 5) AND last_train_loss <= best_train_loss;
-- The last five evaluations improved the best by at most 1 %.
CREATE OR REPLACE MACRO is_converged(earlier_best, best) AS
  round(earlier_best - best, 9) <= round(0.01 * abs(best), 9);

CREATE OR REPLACE MACRO patience_of(hyperparameters, of_workspace) AS
  CAST(least(2147483647, greatest(1, coalesce(
    TRY_CAST(hyperparameters ->> 'early_stopping_patience' AS INTEGER),
    threshold(of_workspace, 'early_stopping_patience', 10)
  ))) AS INTEGER);
CREATE OR REPLACE MACRO waste_label(
  n_evals, last_is_finite, best_epoch, total_epochs, gl_pct, best_loss, last_loss, of_workspace
) AS
  CASE
    WHEN n_evals = 0 THEN 'no_validation'
    WHEN NOT last_is_finite OR best_epoch IS NULL THEN 'diverged'
    WHEN n_evals < 3 THEN 'insufficient_data'
    WHEN 10 * best_epoch >= 7 * total_epochs THEN 'none'
    WHEN is_more(gl_pct, threshold(of_workspace, 'overtraining_pct', 5)) OR (best_loss = 0 AND last_loss > 0) THEN 'overtraining'
    ELSE 'plateau'
  END;

-- Oriented so that positive is better; a benchmark without a direction is higher-is-better.
CREATE OR REPLACE MACRO gain(new_score, old_score, higher_is_better) AS
  CASE WHEN coalesce(higher_is_better, true) THEN new_score - old_score ELSE old_score - new_score END;
CREATE OR REPLACE MACRO hours_between(from_time, to_time) AS epoch_us(to_time - from_time) / 3.6e9;

CREATE OR REPLACE MACRO improvement_label(score, previous, improvement, pct, of_workspace) AS
  CASE
    WHEN score IS NULL THEN 'no_benchmark'
    WHEN previous IS NULL THEN 'baseline'
    WHEN previous = 0 THEN
      CASE
        WHEN is_more(improvement, 0) THEN 'significant_improvement'
        WHEN is_less(improvement, 0) THEN 'degradation'
        ELSE 'no_change'
      END
    WHEN is_more(pct, threshold(of_workspace, 'significant_improvement_pct', 10)) THEN 'significant_improvement'
    WHEN is_more(pct, threshold(of_workspace, 'moderate_improvement_pct', 5)) THEN 'moderate_improvement'
    WHEN is_more(pct, 0) THEN 'slight_improvement'
    WHEN is_less(pct, 0) THEN 'degradation'
    ELSE 'no_change'
  END;

CREATE OR REPLACE MACRO transfer_label(accuracy_gain, time_reduction_pct, of_workspace) AS
  CASE
    WHEN accuracy_gain IS NULL THEN 'insufficient_data'
    WHEN is_more(accuracy_gain, threshold(of_workspace, 'highly_effective_gain', 0.1))
      AND is_more(time_reduction_pct, threshold(of_workspace, 'highly_effective_time_pct', 50)) THEN 'highly_effective'
    WHEN is_more(accuracy_gain, threshold(of_workspace, 'effective_gain', 0.05))
      AND is_more(time_reduction_pct, threshold(of_workspace, 'effective_time_pct', 30)) THEN 'effective'
    WHEN is_more(accuracy_gain, 0) THEN 'moderately_effective'
    ELSE 'ineffective'
  END;

CREATE OR REPLACE MACRO version_label(parent_version, accuracy_delta, reliability_delta, of_workspace) AS
  CASE
    WHEN parent_version IS NULL THEN 'initial_version'
    WHEN accuracy_delta IS NULL THEN 'insufficient_data'
    WHEN is_less(accuracy_delta, 0) THEN 'regression'
    WHEN is_more(accuracy_delta, 0) AND is_less(coalesce(reliability_delta, 0), 0) THEN 'mixed_results'
    WHEN is_more(accuracy_delta, threshold(of_workspace, 'major_improvement', 0.05)) THEN 'major_improvement'
    WHEN is_more(accuracy_delta, 0) OR is_more(coalesce(reliability_delta, 0), 0) THEN 'improvement'
    WHEN is_less(coalesce(reliability_delta, 0), 0) THEN 'regression'
    ELSE 'no_change'
  END;

-- The grid of early-stopping rules that the waste ledger replays.
CREATE OR REPLACE MACRO stopping_rules() AS TABLE
  SELECT
    unnest([1, 2, 3, 5, 10, 20]) AS patience,
    min_delta
  FROM (SELECT unnest(CAST([0, 0.001, 0.01] AS DOUBLE[])) AS min_delta);
-- The evaluation, 1-based, at which a rule stops, or NULL: Keras' EarlyStopping, and transformers' at min_delta 0. A value
-- that is NULL is no improvement. `since` is the last improvement.
CREATE OR REPLACE MACRO stopping_place(losses, patience, min_delta) AS
  list_reduce(
    list_transform(losses, lambda x, i: {'best': x, 'since': i, 'stop': CAST(NULL AS BIGINT)}),
    lambda so_far, x: CASE
      WHEN so_far.stop IS NOT NULL THEN so_far
      WHEN x.best + min_delta < coalesce(so_far.best, CAST('infinity' AS DOUBLE)) THEN x
      WHEN x.since - so_far.since >= patience THEN {'best': so_far.best, 'since': so_far.since, 'stop': x.since}
      ELSE so_far
    END,
    {'best': CAST(NULL AS DOUBLE), 'since': CAST(0 AS BIGINT), 'stop': CAST(NULL AS BIGINT)}
  ).stop;
-- When each rule would have stopped a curve, and the best loss seen by then. `losses` are those of `eval_epochs`.
CREATE OR REPLACE MACRO replays_of(eval_epochs, losses) AS
  list_transform(
    list_transform(
      (
        SELECT list({'patience': patience, 'min_delta': min_delta} ORDER BY patience, min_delta)
        FROM stopping_rules()
      ),
      lambda rule: {
        'patience': rule.patience,
        'min_delta': rule.min_delta,
        'place': stopping_place(losses, rule.patience, rule.min_delta)
      }
    ),
    lambda replay: {
      'patience': replay.patience,
      'min_delta': replay.min_delta,
      'stop_epoch': eval_epochs[replay.place],
      'seen_loss': list_min(losses[1:replay.place])
    }
  );
-- A run ends costly when a rule loses more than 1 % of its best value, or all of it because nothing usable was seen by
-- the stop. A rule is fit for use when at most one run in twenty ends so.
CREATE OR REPLACE MACRO is_costly(best_loss, metric_cost, metric_cost_pct, of_workspace) AS
  best_loss IS NOT NULL AND metric_cost IS DISTINCT FROM 0 AND coalesce(is_more(metric_cost_pct, threshold(of_workspace, 'costly_pct', 1)), true);
CREATE OR REPLACE MACRO is_fit(costly_runs, runs) AS 20 * costly_runs <= runs;
-- What a run's money went into, each run in one line.
CREATE OR REPLACE MACRO waste_line(status, is_repetition, saved_epochs) AS
  CASE
    WHEN status = 'failed' THEN 'failed'
    WHEN status = 'cancelled' THEN 'cancelled'
    WHEN is_repetition THEN 'repeated_configuration'
    WHEN saved_epochs > 0 THEN 'overtrained_tail'
    ELSE 'used'
  END;

-- A rise of the generalization loss: an unusable value is one, the value after it is not.
CREATE OR REPLACE MACRO is_rise(loss, loss_before) AS loss IS NULL OR coalesce(loss > loss_before, false);
-- Prechelt 1998, PQ_5: progress in a strip of training, and whether the loss of generalization outweighs it.
CREATE OR REPLACE MACRO progress(mean_train_loss, best_train_loss) AS
  round(1000 * (safe_divide(mean_train_loss, best_train_loss) - 1), 9);
CREATE OR REPLACE MACRO outweighs(gl_pct, strip_progress) AS
  CASE WHEN strip_progress = 0 THEN is_more(gl_pct, 0) ELSE is_more(safe_divide(gl_pct, strip_progress), 5) END;

-- Iglewicz & Hoaglin 1993; infinite where nothing ever deviated before.
CREATE OR REPLACE MACRO modified_z(deviation, median_deviation, mean_deviation) AS
  CASE
    WHEN median_deviation > 0 THEN 0.6745 * deviation / median_deviation
    WHEN mean_deviation > 0 THEN deviation / (1.253314 * mean_deviation)
    WHEN deviation = 0 THEN 0
    WHEN deviation IS NOT NULL THEN sign(deviation) * CAST('infinity' AS DOUBLE)
  END;
CREATE OR REPLACE MACRO gradient_floor() AS 1e-8;
CREATE OR REPLACE MACRO is_explosion(norm, z, median_norm) AS
  CASE
    WHEN norm IS NULL THEN true
    WHEN norm <= gradient_floor() THEN false
    ELSE is_more(z, 3.5) AND NOT is_less(norm / median_norm, 10)
  END;
CREATE OR REPLACE MACRO is_vanishing(norm, z, median_norm) AS
  CASE
    WHEN norm IS NULL THEN false
    WHEN norm <= gradient_floor() THEN true
    ELSE is_less(z, -3.5) AND NOT is_more(norm / median_norm, 0.1)
  END;

-- Wilson's 95 % interval of a share; `side` is -1 or 1.
CREATE OR REPLACE MACRO wilson_bound(hits, n, side) AS
  CASE
    WHEN n > 0 THEN clip_to_share((
      hits / n + pow(1.959964, 2) / (2 * n)
      + side * 1.959964 * sqrt(hits / n * (1 - hits / n) / n + pow(1.959964, 2) / (4 * pow(n, 2)))
    ) / (1 + pow(1.959964, 2) / n))
  END;
CREATE OR REPLACE MACRO is_underutilized(utilization, of_workspace) AS
  is_less(utilization, threshold(of_workspace, 'underutilized_below', 0.5));

-- The most FLOP/s that one device does, dense, in 16 bits, by its maker's data sheet; unknown for others, such as a CPU.
-- The setting `peak_flops DEVICE` says it, or says otherwise.
CREATE OR REPLACE MACRO peak_flops_of(device, of_workspace) AS
  threshold(of_workspace, 'peak_flops ' || device, CASE
    WHEN regexp_matches(device, '\bB200\b') THEN 2250e12
    WHEN regexp_matches(device, '\bH[12]00\b') THEN 989e12
    WHEN regexp_matches(device, '\bA100\b') THEN 312e12
    WHEN regexp_matches(device, '\bL40S\b') THEN 362e12
    WHEN regexp_matches(device, '\bL4\b') THEN 121e12
    WHEN regexp_matches(device, '\bA10\b') THEN 125e12
    WHEN regexp_matches(device, '\bV100\b') THEN 125e12
    WHEN regexp_matches(device, '\bT4\b') THEN 65e12
  END);
-- PaLM, appendix B: 6N for the weights, 12LHQT for attention, which is left out where the shape is unknown.
CREATE OR REPLACE MACRO flops_per_token(parameters, layers, heads, head_size, sequence_length) AS
  6e0 * parameters + coalesce(12e0 * layers * heads * head_size * sequence_length, 0);
-- McCandlish 2018: how large a batch is against the critical one. Too small needs room for one twice as large.
CREATE OR REPLACE MACRO batch_size_label(batch_size, critical, has_room) AS
  CASE
    WHEN batch_size IS NULL OR critical IS NULL THEN 'insufficient_data'
    WHEN is_more(batch_size - 2 * critical, 0) THEN 'too_large'
    WHEN is_less(batch_size - critical / 2, 0) AND has_room IS NULL THEN 'insufficient_data'
    WHEN is_less(batch_size - critical / 2, 0) AND has_room THEN 'too_small'
    ELSE 'suitable'
  END;
-- A value of a series that stands apart from the whole of it; one that is not finite does.
CREATE OR REPLACE MACRO is_anomaly(point, z) AS point IS NULL OR coalesce(is_more(abs(z), 3.5), false);

-- Population stability: the share of a bin was p and is q; shares are floored, so that an empty bin counts.
CREATE OR REPLACE MACRO psi_part(p, q) AS
  (greatest(q, 1e-4) - greatest(p, 1e-4)) * ln(greatest(q, 1e-4) / greatest(p, 1e-4));
-- By chance alone ten bins reach 0.25 easily in small samples, hardly ever with 200 values on each side.
CREATE OR REPLACE MACRO input_drift_label(psi, fewest_values) AS
  CASE
    WHEN psi IS NULL OR fewest_values < 200 THEN 'insufficient_data'
    WHEN is_more(psi, 0.25) THEN 'drift'
    WHEN is_less(psi, 0.1) THEN 'stable'
    ELSE 'small_drift'
  END;

-- The settings of a configuration (JSON), each named by its path. Objects are taken apart four levels deep, which is
-- deeper than any training is described; lists and what lies below stay whole. NULL where it is no JSON object.
-- Scalar on purpose: no filter would get past a join with json_tree.
CREATE OR REPLACE MACRO one_level_apart(settings) AS
  flatten(list_transform(
    settings,
    lambda setting: CASE
      WHEN json_type(setting.value) = 'OBJECT' THEN list_transform(
        map_entries(CAST(setting.value AS MAP(VARCHAR, JSON))),
        lambda part: {'key': setting.key || '.' || part.key, 'value': part.value}
      )
      ELSE [setting]
    END
  ));
CREATE OR REPLACE MACRO settings_of(config) AS
  one_level_apart(one_level_apart(one_level_apart(map_entries(TRY_CAST(config AS MAP(VARCHAR, JSON))))));

-- What was estimated before a run, held against what it took.
CREATE OR REPLACE MACRO estimate_label(actual, low, high) AS
  CASE
    WHEN actual IS NULL OR low IS NULL OR high IS NULL THEN 'unknown'
    WHEN actual < low THEN 'below'
    WHEN actual > high THEN 'above'
    ELSE 'inside'
  END;

-- How a loss moves, for people: too few evaluations, falling, standing still, getting worse, or no number any more.
-- Worse is by more than the overtraining threshold above the best, as in waste_label; still is no new best for as many
-- evaluations as the threshold says.
CREATE OR REPLACE MACRO loss_course(
  n_evals, last_is_finite, gl_pct, best_loss, last_loss, evals_since_best, of_workspace
) AS
  CASE
    WHEN n_evals > 0 AND NOT last_is_finite THEN 'unusable'
    WHEN n_evals IS NULL OR n_evals < 2 THEN 'too_early'
    WHEN evals_since_best >= 2
      AND (is_more(gl_pct, threshold(of_workspace, 'overtraining_pct', 5)) OR (best_loss = 0 AND last_loss > 0)) THEN 'getting_worse'
    WHEN evals_since_best >= threshold(of_workspace, 'still_evaluations', 3) THEN 'not_falling'
    ELSE 'falling'
  END;
-- A run counts as stalled when it has been silent for longer than this, and than three times its longest pause so far.
CREATE OR REPLACE MACRO stalled_after_seconds(longest_pause, of_workspace) AS
  greatest(threshold(of_workspace, 'stalled_seconds', 300), coalesce(3 * longest_pause, 0));
CREATE OR REPLACE MACRO memory_course(memory_gb, limit_gb, of_workspace) AS
  CASE
    WHEN memory_gb IS NULL OR limit_gb IS NULL THEN 'unknown'
    WHEN is_more(memory_gb / limit_gb, threshold(of_workspace, 'memory_tight_share', 0.9)) THEN 'tight'
    ELSE 'enough'
  END;
