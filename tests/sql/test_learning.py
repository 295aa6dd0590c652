"""Continual learning, feedback, efficiency: by hand, against statsmodels, random matrices against plain Python."""

from __future__ import annotations

import math
from datetime import datetime
from statistics import mean
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from statsmodels.stats.proportion import proportion_confint

Matrix = dict[tuple[int, int], float]


def put_matrix(tables: Any, matrix: Matrix, **columns: Any) -> None:
    tables.insert(
        "task_scores",
        [
            {"agent_id": "a", "update_index": i, "task_index": j, "task": f"t{j}", "score": score, **columns}
            for (i, j), score in matrix.items()
        ],
    )


def continual(matrix: Matrix, sign: int = 1) -> dict[str, float | None]:
    """Return the scores of section 6, written from the definitions alone."""
    good = {key: sign * value for key, value in matrix.items() if math.isfinite(value)}
    last = max(i for i, _ in matrix)
    tasks = sorted({j for _, j in matrix})
    old = [j for j in tasks if j < last]

    def average(values: list[float]) -> float | None:
        return mean(values) if values else None

    backward = [good[last, j] - good[j, j] for j in old if (last, j) in good and (j, j) in good]
    forward = [good[j - 1, j] - good[0, j] for j in tasks if j > 1 and (j - 1, j) in good and (0, j) in good]
    forgotten, worst = [], []
    for j in old:
        before = [good[i, j] for i in range(j, last) if (i, j) in good]
        if before and (last, j) in good:
            forgotten.append(max(before) - good[last, j])
        since = [good[i, j] for i in range(j + 1, last + 1) if (i, j) in good]
        if since:
            worst.append(sign * min(since))
    return {
        "average_accuracy": average([sign * good[last, j] for j in tasks if (last, j) in good]),
        "backward_transfer": average(backward),
        "forward_transfer": average(forward),
        "catastrophic_forgetting_score": average(forgotten),
        "stability_score": average(worst),
    }


def test_three_tasks_by_hand(empty: Any, same: Any) -> None:
    matrix = {
        (0, 1): 0.1, (0, 2): 0.1, (0, 3): 0.2,
        (1, 1): 0.9, (1, 2): 0.3, (1, 3): 0.2,
        (2, 1): 0.6, (2, 2): 0.8, (2, 3): 0.4,
        (3, 1): 0.7, (3, 2): 0.7, (3, 3): 0.9,
    }  # fmt: skip
    put_matrix(empty, matrix)
    (row,) = empty.rows("FROM continual_learning")
    assert same(row["average_accuracy"], 2.3 / 3)
    assert same(row["backward_transfer"], (-0.2 - 0.1) / 2)
    assert same(row["forward_transfer"], (0.2 + 0.2) / 2)
    assert same(row["catastrophic_forgetting_score"], (0.2 + 0.1) / 2)
    assert same(row["stability_score"], (0.6 + 0.7) / 2)


def test_one_task_and_no_untrained_scores(empty: Any) -> None:
    put_matrix(empty, {(1, 1): 0.9})
    (row,) = empty.rows("FROM continual_learning")
    assert row["average_accuracy"] == 0.9
    for name in ("backward_transfer", "forward_transfer", "catastrophic_forgetting_score"):
        assert row[name] is None


def test_of_a_repeated_task_score_the_newest_counts(empty: Any) -> None:
    cell = {"agent_id": "a", "update_index": 1, "task": "t", "higher_is_better": False}
    empty.insert(
        "task_scores",
        [
            {**cell, "task_index": 1, "score": 0.4, "scored_at": datetime(2026, 3, 1)},
            {**cell, "task_index": 1, "score": 0.6, "scored_at": datetime(2026, 3, 2)},
            {**cell, "task_index": 1, "score": 0.9, "scored_at": None},
            {**cell, "task_index": 2, "score": math.nan, "scored_at": None},
            {**cell, "task_index": None, "score": 0.3, "scored_at": None},
        ],
    )
    rows = empty.rows("SELECT task_index, score, goodness, scored_at FROM task_results ORDER BY task_index")
    assert rows == [
        {"task_index": 1, "score": 0.6, "goodness": -0.6, "scored_at": datetime(2026, 3, 2)},
        {"task_index": 2, "score": None, "goodness": None, "scored_at": None},
    ]


CELLS = st.sampled_from([math.nan, math.inf, 0.0, 0.25, 0.5, 0.75, 1.0])
MATRIX = st.dictionaries(st.tuples(st.integers(0, 4), st.integers(1, 4)), CELLS, min_size=1)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(matrix=MATRIX, higher=st.sampled_from([None, True, False]))
def test_random_matrices_against_plain_python(tables: Any, same: Any, matrix: Matrix, higher: bool | None) -> None:
    tables.clear()
    put_matrix(tables, matrix, higher_is_better=higher)
    (row,) = tables.rows("FROM continual_learning")
    for column, value in continual(matrix, -1 if higher is False else 1).items():
        assert same(row[column], value), (column, row[column], value)


@pytest.mark.parametrize(("positive", "negative"), [(0, 0), (1, 0), (0, 3), (7, 3), (90, 10)])
def test_the_interval_is_wilsons(empty: Any, same: Any, positive: int, negative: int) -> None:
    votes = [True] * positive + [False] * negative + [None]
    empty.insert(
        "feedback_events",
        [{"id": str(UUID(int=n)), "agent_id": "a", "is_positive": vote} for n, vote in enumerate(votes)],
    )
    (row,) = empty.rows("FROM feedback_ratios")
    total = positive + negative
    low, high = proportion_confint(positive, total, method="wilson") if total else (None, None)
    assert same(row["positive_feedback_ratio"], positive / total if total else None)
    assert row["low"] == (None if low is None else pytest.approx(low, abs=1e-7))
    assert row["high"] == (None if high is None else pytest.approx(high, abs=1e-7))


def test_items_fixed_and_broken(empty: Any) -> None:
    pairs = [(False, True), (False, True), (False, False), (True, False), (True, True), (None, True), (True, True)]
    empty.insert(
        "feedback_events",
        [
            {
                "id": str(UUID(int=n)), "agent_id": "a", "item_id": f"i{n % 6}",
                "was_correct_before": before, "was_correct_after": after,
            }
            for n, (before, after) in enumerate(pairs)
        ],
    )  # fmt: skip
    (row,) = empty.rows("FROM feedback_ratios")
    assert (row["judged_items"], row["fixed_items"], row["broken_items"]) == (5, 1, 1)
    assert (row["learning_from_mistakes_score"], row["negative_flip_rate"]) == (0.5, 0.2)
    assert row["feedback_impact_score"] == 0.0


def test_efficiency_and_savings_by_hand(empty: Any, same: Any) -> None:
    run = str(UUID(int=1))
    session = {"id": run, "status": "completed", "agent_id": "a", "workspace_id": "w", "gpu_hours": 10.0}
    empty.insert("training_sessions", [{**session, "hyperparameters": '{"early_stopping_patience": 3}'}])
    curve = [1.0, 0.8, 0.6, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8]
    busy = [0.2, None, *[0.6] * 8]
    empty.insert(
        "training_epochs",
        [
            {
                "session_id": run, "epoch": n, "val_loss": loss, "samples": 10, "epoch_seconds": 3.0 if n == 1 else 1.0,
                "gpu_utilization": share,
            }
            for n, (loss, share) in enumerate(zip(curve, busy, strict=True), start=1)
        ],
    )  # fmt: skip
    (row,) = empty.rows("FROM run_efficiency")
    assert (row["examples_until_convergence"], row["convergence_efficiency"]) == (40, 0.4)
    assert same(row["resource_utilization"], (0.6 + 4.8) / 11)
    assert row["underutilized"] is True
    (saved,) = empty.rows("FROM potential_savings")
    assert (saved["unnecessary_epochs"], saved["potential_savings_hours"]) == (3, 3.0)
    assert saved["potential_savings_usd"] is None
