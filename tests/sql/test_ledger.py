"""The waste ledger: replays against Keras' rule in plain Python, its sums, the best rule, the lines of the bill."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

START = datetime(2026, 3, 31, 23)
RULES = [(patience, delta) for patience in (1, 2, 3, 5, 10, 20) for delta in (0.0, 0.001, 0.01)]


def keras_stop(values: Sequence[float], patience: int, min_delta: float, mode: str) -> int | None:
    """Return the 1-based epoch at whose end Keras' EarlyStopping stops."""
    best, wait = (math.inf if mode == "min" else -math.inf), 0
    for epoch, current in enumerate(values, start=1):
        wait += 1
        improved = current + min_delta < best if mode == "min" else current - min_delta > best
        if improved:
            best, wait = current, 0
        elif wait >= patience:
            return epoch
    return None


def transformers_stop(values: Sequence[float], patience: int) -> int | None:
    """Return the evaluation after which transformers' EarlyStoppingCallback stops, at threshold 0."""
    best: float | None = None
    counter = 0
    for place, metric in enumerate(values, start=1):
        if best is None or (metric < best and abs(metric - best) > 0):
            best, counter = metric, 0
        else:
            counter += 1
        if counter >= patience:
            return place
    return None


def put(tables: Any, number: int, curve: Sequence[float | None], **session: Any) -> None:
    run = str(UUID(int=number))
    ended = START + timedelta(hours=number)
    row = {"id": run, "status": "completed", "agent_id": "a", "workspace_id": "w", "completed_at": ended, **session}
    tables.insert("training_sessions", [row])
    tables.insert(
        "training_epochs",
        [{"session_id": run, "epoch": e, "val_loss": v, "val_metric": v} for e, v in enumerate(curve, start=1)],
    )


CURVES = st.lists(
    st.one_of(st.sampled_from([0.5, 0.501, 0.51, 0.49, 0.499]), st.floats(-10, 10).map(lambda x: round(x, 4))),
    min_size=1,
    max_size=30,
)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(curves=st.lists(st.tuples(CURVES, st.sampled_from(["min", "max"])), min_size=1, max_size=5))
def test_the_replay_is_that_of_keras_and_transformers(tables: Any, same: Any, curves: Any) -> None:
    tables.clear()
    for number, (curve, mode) in enumerate(curves):
        put(tables, number, curve, monitor_mode=mode)
    found = {
        (row["session_id"].int, row["patience"], row["min_delta"]): row for row in tables.rows("FROM waste_ledger")
    }
    assert found.keys() == {(number, *rule) for number in range(len(curves)) for rule in RULES}
    for (number, patience, min_delta), row in found.items():
        curve, mode = curves[number]
        stop = keras_stop(curve, patience, min_delta, mode)
        assert row["stop_epoch"] == stop
        losses = [value if mode == "min" else -value for value in curve]
        if min_delta == 0:
            assert stop == transformers_stop(losses, patience)
        assert row["saved_epochs"] == (0 if stop is None else len(curve) - stop)
        assert same(row["metric_cost"], min(losses[:stop]) - min(losses))


VALUES = st.lists(st.sampled_from([None, math.nan, math.inf, 0.0, 0.4, 0.5, 0.6]), max_size=16)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(curves=st.lists(VALUES, min_size=1, max_size=6))
def test_at_min_delta_0_it_agrees_with_overtraining_waste(tables: Any, curves: Any) -> None:
    tables.clear()
    for number, curve in enumerate(curves):
        patience = (1, 2, 3, 5)[number % 4]
        put(tables, number, curve, hyperparameters=f'{{"early_stopping_patience": {patience}}}')
    apart = tables.rows(
        """
        SELECT w.*, l.*
        FROM overtraining_waste AS w
        LEFT JOIN waste_ledger AS l ON l.session_id = w.session_id AND l.patience = w.patience AND l.min_delta = 0
        WHERE (l.stop_epoch, l.saved_epochs, l.metric_cost)
          IS DISTINCT FROM (w.es_stop_epoch, w.es_saved_epochs, w.es_regret)
        """
    )
    assert apart == []


def test_savings_by_hand(empty: Any, same: Any) -> None:
    """Best epoch 4 of 10; patience 3 stops at 7: 3 of 10 hours, 6 of 20 dollars, nothing lost."""
    curve = [1.0, 0.8, 0.6, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8]
    put(empty, 1, curve, gpu_hours=10.0, training_cost_usd=20.0)
    (row,) = empty.rows("FROM waste_ledger WHERE patience = 3 AND min_delta = 0")
    assert (row["stop_epoch"], row["saved_epochs"], row["saved_hours"], row["saved_usd"]) == (7, 3, 3.0, 6.0)
    assert (row["metric_cost"], row["metric_cost_pct"], row["is_costly"]) == (0.0, 0.0, False)


@pytest.mark.parametrize(
    ("curve", "costly"),
    [
        ([1.0, 1.1, 0.995], False),
        ([1.0, 1.1, 0.9], True),
        ([math.nan, 0.9], True),
        ([math.nan, math.nan], False),
        ([0.1, 0.2, 0.0], True),
        ([0.3, 0.2, 0.1], False),
    ],
)
def test_what_is_costly(empty: Any, curve: list[float], costly: bool) -> None:
    put(empty, 1, curve)
    (row,) = empty.rows("FROM waste_ledger WHERE patience = 1 AND min_delta = 0")
    assert row["is_costly"] is costly


def test_months_are_utc_and_sum_to_the_ledger(empty: Any, same: Any) -> None:
    for number in range(3):
        put(empty, number, [1.0, 0.5, 0.6, 0.7, 0.8], gpu_hours=5.0, training_cost_usd=1.0)
    rows = empty.rows("FROM waste_by_month WHERE patience = 2 AND min_delta = 0 ORDER BY month")
    assert [(str(row["month"]), row["runs"], row["saved_epochs"]) for row in rows] == [
        ("2026-03-01", 1, 1),
        ("2026-04-01", 2, 2),
    ]
    assert same(sum(row["saved_usd"] for row in rows), 0.6)


def test_the_best_rule_saves_most_without_harm(empty: Any) -> None:
    """Patience 1 would save more, but loses the second descent of every run."""
    for number in range(4):
        put(empty, number, [1.0, 1.1, 0.5, *[0.6] * 20], gpu_hours=1.0, training_cost_usd=1.0)
    rules = empty.rows("FROM waste_best_rule")
    assert len(rules) == len(RULES)
    (best,) = [row for row in rules if row["is_best"]]
    assert (best["patience"], best["min_delta"]) == (2, 0.0)
    assert {row["patience"] for row in rules if not row["is_fit"]} == {1}


def test_each_run_stands_in_one_line_of_the_bill(empty: Any) -> None:
    tail = [1.0, 0.5, *[0.6] * 12]
    common = {"gpu_hours": 14.0, "training_cost_usd": 1.4, "completed_at": datetime(2026, 4, 2)}
    for number, status in enumerate(["failed", "cancelled", "completed", "completed", "completed"], start=1):
        put(empty, number, tail if number < 5 else [1.0, 0.9], **{**common, "status": status})
    empty.insert("runs", [{"id": str(UUID(int=number)), "config_digest": "same"} for number in (1, 3, 4)])
    lines = {row["line"]: (row["runs"], row["epochs"], row["hours"]) for row in empty.rows("FROM waste_lines")}
    assert lines == {
        "failed": (1, 14, 14.0),
        "cancelled": (1, 14, 14.0),
        "overtrained_tail": (1, 2, 2.0),
        "repeated_configuration": (1, 14, 14.0),
        "used": (1, 0, 0.0),
    }
