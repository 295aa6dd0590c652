"""Scores of runs and of gradients: the published curves, edges by hand, random curves against plain Python."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))

from plain_scores import gradients, run_scores

CASES = json.loads((Path(__file__).parent / "data" / "example_run_curves.json").read_text())["cases"]
NAN, INF = math.nan, math.inf


def put(tables: Any, number: int, train: list[Any], evaluated: list[Any], **session: Any) -> None:
    run = str(UUID(int=number))
    tables.insert("training_sessions", [{"id": run, "status": "completed", "agent_id": "a", **session}])
    tables.insert(
        "training_epochs",
        [
            {"session_id": run, "epoch": epoch, "train_loss": loss, "val_loss": value, "val_metric": value}
            for epoch, (loss, value) in enumerate(zip(train, evaluated, strict=True), start=1)
        ],
    )


def plain(values: list[Any]) -> list[Any]:
    return [NAN if value == "NaN" else value for value in values]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_the_published_curves(empty: Any, same: Any, case: Any) -> None:
    train, evaluated = plain(case["train_loss"]), plain(case["val_loss"])
    put(empty, 1, train, evaluated)
    (row,) = empty.rows("FROM run_scores")
    reference = run_scores(train, evaluated)
    for column, value in case["expected"].items():
        assert same(row[column], value), (column, row[column], value)
        assert same(reference[column], value), (column, reference[column], value)


VALUES = st.one_of(
    st.sampled_from([None, NAN, INF, -INF, 0.0, 0.5, 0.505, 0.525, 0.6, 1.0, -1.0]),
    st.floats(-10, 10).map(lambda value: round(value, 3)),
)
GOOD = st.floats(0.1, 2).map(lambda value: round(value, 2))
CURVES = st.one_of(
    st.lists(st.tuples(VALUES, VALUES), min_size=1, max_size=16),
    st.lists(st.tuples(st.sampled_from([0.5, 0.5, 0.5001]), GOOD), min_size=4, max_size=16),
    st.lists(st.tuples(GOOD, GOOD), min_size=5, max_size=30),
)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(curves=st.lists(CURVES, min_size=1, max_size=8))
def test_random_curves_against_plain_python(tables: Any, same: Any, curves: Any) -> None:
    tables.clear()
    for number, curve in enumerate(curves):
        put(tables, number, [train for train, _ in curve], [value for _, value in curve])
    found = {row["session_id"].int: row for row in tables.rows("FROM run_scores")}
    assert found.keys() == set(range(len(curves)))
    for number, curve in enumerate(curves):
        expected = run_scores([train for train, _ in curve], [value for _, value in curve])
        for column, value in expected.items():
            assert same(found[number][column], value), (column, found[number][column], value)


def test_a_metric_that_grows_is_turned_and_has_no_gap(empty: Any, same: Any) -> None:
    curve = [0.5, 0.7, 0.9, 0.88, 0.85, 0.8]
    put(empty, 1, [1.0, 0.9, 0.8, 0.7, 0.6, 0.5], curve, monitor_metric="accuracy", monitor_mode="max")
    (row,) = empty.rows("FROM run_scores")
    assert (row["best_epoch"], row["best_value"], row["generalization_gap"]) == (3, 0.9, None)
    assert same(row["overfitting_score"], 100 / 9)
    assert (row["overfitting_detected"], row["up_stop_epoch"], row["gl_stop_epoch"]) == (True, 6, 5)


def put_norms(tables: Any, norms: list[float]) -> None:
    tables.insert(
        "metrics",
        [
            {"session_id": str(UUID(int=1)), "name": "train/gradient_norm", "step": step, "value": norm}
            for step, norm in enumerate(norms, start=1)
        ],
    )


STEADY = [1.0, 1.1, 0.9, 1.05, 0.95] * 5


@pytest.mark.parametrize(
    ("norms", "exploded", "vanished"),
    [
        ([*STEADY, 50.0], 1, 0),
        ([*STEADY, 9.0], 0, 0),
        ([*STEADY, NAN, INF], 2, 0),
        ([*STEADY, 0.01], 0, 1),
        ([*STEADY, 0.0, 1e-8], 0, 2),
        ([1.0] * 19 + [100.0], 0, 0),
        ([1.0] * 20 + [100.0], 1, 0),
        ([1.0] * 20 + [0.1], 0, 1),
        ([0.1 + 0.2] * 20 + [3.0], 1, 0),  # ten times as much, but for the last digit
        ([1.0] * 19 + [1.5, 100.0], 1, 0),
        ([0.99**step for step in range(400)], 0, 0),
    ],
)
def test_explosions_and_vanishings(empty: Any, norms: list[float], exploded: int, vanished: int) -> None:
    put_norms(empty, norms)
    (row,) = empty.rows("FROM gradient_facts")
    assert (row["exploded_steps"], row["vanished_steps"]) == (exploded, vanished)
    assert row["gradient_explosion_detected"] is (exploded > 0)
    assert row["gradient_vanishing_detected"] is (vanished > 0)


NORMS = st.one_of(
    st.sampled_from([1.0, 1.0, 1.0, 2.0, 0.5, 10.0, 100.0, 0.1, 0.01, NAN, INF, 0.0, 1e-9]), st.floats(0.5, 2)
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(norms=st.lists(NORMS, min_size=1, max_size=90))
def test_random_gradients_against_plain_python(tables: Any, norms: list[float]) -> None:
    tables.clear()
    put_norms(tables, norms)
    columns = ("gradient_explosion_detected", "gradient_vanishing_detected")
    rows = tables.rows("FROM gradient_steps ORDER BY step")
    assert [tuple(row[column] for column in columns) for row in rows] == gradients(norms)
