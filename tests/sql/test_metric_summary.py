"""The summary of each metric: a golden by hand, goals and patterns, what is not finite, against plain Python."""

from __future__ import annotations

import csv
import json
import math
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

DATA = Path(__file__).resolve().parent / "data"
START = datetime(2026, 11, 21, 14)
ONE, TWO = str(UUID(int=1)), str(UUID(int=2))


def metric(name: str, step: int | None, value: float | None, session: str = ONE, **columns: Any) -> dict[str, Any]:
    return {
        "session_id": session,
        "name": name,
        "step": step,
        "value": value,
        "attempt": 1,
        "logged_at": START,
        **columns,
    }


def goal(name: str, session: str = ONE, minute: int = 0, **body: Any) -> dict[str, Any]:
    return {
        "run_id": session, "kind": "metric", "logged_at": START + timedelta(minutes=minute), "journal": "j",
        "line_offset": minute, "body": json.dumps({"name": name, **body}),
    }  # fmt: skip


def summary(tables: Any, session: str = ONE) -> dict[str, dict[str, Any]]:
    found = tables.rows("FROM metric_summary WHERE session_id = $id", {"id": session})
    return {row.pop("name"): row for row in found}


def test_the_golden(empty: Any, same: Any) -> None:
    empty.insert("training_sessions", [
        {"id": ONE, "monitor_metric": "val_loss", "monitor_mode": "min"},
        {"id": TWO, "monitor_metric": "f1", "monitor_mode": "max"},
    ])  # fmt: skip
    empty.insert("metrics", [
        *(metric("train/loss", step, value) for step, value in ((10, 0.9), (20, 0.4), (30, math.nan))),
        *(metric("val/f1", step, value, epoch=step / 10) for step, value in ((10, 0.5), (20, 0.8), (30, 0.8))),
        *(metric("val/error", step, value) for step, value in ((10, 0.5), (20, 0.2), (30, 0.3))),
        metric("val/error", 20, 0.1, attempt=2),
        metric("val/error", 30, 0.3, attempt=2),
        *(metric("speed", step, value) for step, value in ((1, 7.0), (2, 9.0))),
        *(metric("f1", None, value, TWO, epoch=epoch) for epoch, value in ((1.0, 0.1), (2.0, 0.7), (3.0, 0.6))),
    ])  # fmt: skip
    empty.insert("training_epochs", [
        {"session_id": ONE, "epoch": epoch, "attempt": 1, "step": 10 * epoch, "train_loss": train, "val_loss": val}
        for epoch, train, val in ((1, 1.0, 0.6), (2, 0.5, 0.5), (3, 0.2, math.inf))
    ])  # fmt: skip
    empty.insert("run_events", [
        goal("val/*", goal="max", unit="share"), goal("val/error", goal="max"),
        goal("val/error", minute=1, goal="min"), goal("train/loss", goal="min"), goal("*", session=TWO, unit="?"),
    ])  # fmt: skip
    expected = list(csv.DictReader((DATA / "expected_metric_summary.csv").open()))
    found = empty.rows("FROM metric_summary ORDER BY session_id, name")
    assert len(found) == len(expected)
    for row, wanted in zip(found, expected, strict=True):
        for name, text in wanted.items():
            value = str(row[name]) if isinstance(row[name], UUID) else row[name]
            right = None if text == "" else text if isinstance(value, str) else float(text)
            assert same(value, right), (row["name"], name, value, text)


def test_without_a_goal_nothing_is_best(empty: Any) -> None:
    empty.insert("metrics", [metric("speed", 1, 3.0), metric("speed", 2, 5.0)])
    row = summary(empty)["speed"]
    assert (row["first_value"], row["last_value"], row["min_value"], row["max_value"]) == (3.0, 5.0, 3.0, 5.0)
    assert (row["goal"], row["best_value"], row["best_step"]) == (None, None, None)


def test_nothing_usable_is_unknown(empty: Any) -> None:
    empty.insert("metrics", [metric("loss", 1, math.nan), metric("loss", 2, math.inf), metric("gone", 1, None)])
    empty.insert("run_events", [goal("loss", goal="min")])
    found = summary(empty)
    assert "gone" not in found
    row = found["loss"]
    assert (row["points"], row["finite_points"]) == (2, 0)
    for name in ("first_value", "last_value", "min_value", "max_value", "best_value", "best_step"):
        assert row[name] is None


VALUES = st.lists(st.tuples(st.integers(1, 30), st.sampled_from([0.0, 1.0, -2.5, 3.0, math.nan, math.inf])),
                  min_size=1, max_size=12, unique_by=lambda point: point[0])  # fmt: skip


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(points=VALUES, wanted=st.sampled_from(["min", "max"]))
def test_any_curve_is_as_plain_python_has_it(tables: Any, points: list[tuple[int, float]], wanted: str) -> None:
    tables.clear()
    tables.insert("metrics", [metric("m", step, value) for step, value in points])
    tables.insert("run_events", [goal("m", goal=wanted)])
    row = summary(tables)["m"]
    tables.clear()
    ordered = sorted(points)
    finite = [(step, value) for step, value in ordered if math.isfinite(value)]
    usable = [value if math.isfinite(value) else None for _, value in ordered]
    assert (row["first_value"], row["last_value"]) == (usable[0], usable[-1])
    sign = 1 if wanted == "min" else -1
    best = min(finite, key=lambda point: (sign * point[1], point[0]), default=(None, None))
    assert (row["best_step"], row["best_value"]) == best
    assert (row["points"], row["finite_points"]) == (len(points), len(finite))
