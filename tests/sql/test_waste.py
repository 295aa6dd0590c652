"""overtraining_waste: the example of the definitions, every label by hand, and random sessions against plain Python."""

from __future__ import annotations

import csv
import math
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))

from plain_waste import waste

DATA = Path(__file__).parent / "data"
START = datetime(2026, 3, 1)
ALL = "FROM overtraining_waste"


def as_python(text: str) -> Any:
    if text == "":
        return None
    if text in ("true", "false"):
        return text == "true"
    try:
        return float(text)
    except ValueError:
        return text


def test_the_example_of_the_definitions(empty: Any, same: Any) -> None:
    for name in ("training_sessions", "training_epochs"):
        empty.duck.execute(
            f"INSERT INTO {name} BY NAME FROM read_csv('{DATA / name}.csv', nullstr = '', header = true)"
        )
    with (DATA / "expected_overtraining_waste.csv").open() as file:
        expected = {row["session_id"]: row for row in csv.DictReader(file)}
    found = {str(row["session_id"]): row for row in empty.rows(ALL)}
    assert found.keys() == expected.keys()
    for session, row in expected.items():
        assert list(found[session]) == list(row)
        for column, text in row.items():
            value = found[session][column]
            wanted = text if isinstance(value, str | UUID) else as_python(text)
            assert same(str(value) if isinstance(value, UUID) else value, wanted), (session, column, value, text)


def test_numbers_done_by_hand(empty: Any) -> None:
    """Best epoch 4 of 10: 6 epochs wasted, 60 % of 10 hours; patience 3 stops at epoch 7 and saves 3."""
    curve = [1.0, 0.8, 0.6, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8]
    put(empty, 1, curve, gpu_hours=10.0, hyperparameters='{"early_stopping_patience": 3}')
    (row,) = empty.rows(ALL)
    assert (row["best_epoch"], row["wasted_epochs"], row["wasted_compute_hours"]) == (4, 6, 6.0)
    assert (row["es_stop_epoch"], row["es_saved_epochs"], row["es_regret"]) == (7, 3, 0.0)
    assert row["waste_category"] == "overtraining"
    assert row["overtraining_detected"] is True


NAN, INF = math.nan, math.inf


@pytest.mark.parametrize(
    ("label", "curve"),
    [
        ("no_validation", []),
        ("no_validation", [None, None, None, None]),
        ("diverged", [NAN, NAN, NAN]),
        ("diverged", [1.0, 0.5, NAN]),
        ("diverged", [1.0, 0.5, 0.4, INF]),
        ("diverged", [NAN]),
        ("insufficient_data", [1.0]),
        ("insufficient_data", [1.0, None, 5.0]),
        ("none", [1.0, 0.9, 0.8, 0.7]),
        ("none", [1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 5.0, 5.0, 5.0]),
        ("overtraining", [1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 5.0, 5.0, 5.0, 5.0]),
        ("overtraining", [1.0, 0.5, 0.6, 0.7]),
        ("overtraining", [0.0, 0.5, 0.6, 0.7]),
        ("plateau", [1.0, 0.8, 0.81, 0.82]),
        ("plateau", [2.0, 1.0, 1.04, 1.05]),
        ("overtraining", [2.0, 1.0, 1.04, 1.0500001]),
        ("plateau", [0.0, 0.0, 0.0, 0.0]),
        ("plateau", [1.0, 0.5, NAN, 0.5]),
    ],
)
def test_every_label(empty: Any, label: str, curve: list[float | None]) -> None:
    put(empty, 1, curve)
    (row,) = empty.rows(ALL)
    assert row["waste_category"] == label
    assert row["overtraining_detected"] is (label == "overtraining")


def test_larger_is_better_is_the_mirror_image(empty: Any, same: Any) -> None:
    curve = [0.5, 0.7, 0.9, 0.8, 0.75, 0.7]
    put(empty, 1, [-value for value in curve])
    put(empty, 2, [None] * 6, val_metric=curve, monitor_metric="accuracy", monitor_mode="max")
    smaller, larger = empty.rows(f"{ALL} ORDER BY session_id")
    assert larger["best_value"] == 0.9
    assert smaller["best_value"] == -0.9
    for column in ("best_epoch", "wasted_epochs", "final_gl_pct", "es_regret", "waste_category"):
        assert same(smaller[column], larger[column]), column


def test_running_sessions_and_those_of_unknown_status_have_no_row(empty: Any) -> None:
    for number, status in enumerate(("queued", "pending", "running", None), start=1):
        put(empty, number, [1.0, 0.5], status=status)
    assert empty.rows(ALL) == []


def test_the_last_attempt_counts_before_the_last_time(empty: Any) -> None:
    put(empty, 1, [1.0, 0.5, 0.4])
    late = START + timedelta(days=1)
    empty.insert(
        "training_epochs",
        [
            {"session_id": uuid(1), "epoch": 3, "attempt": 2, "val_loss": 0.9, "logged_at": START - timedelta(days=1)},
            {"session_id": uuid(1), "epoch": 3, "attempt": 1, "val_loss": 0.1, "logged_at": late},
        ],
    )
    (row,) = empty.rows(ALL)
    assert (row["best_epoch"], row["total_epochs"], row["n_evals"]) == (2, 3, 3)


def test_a_row_with_the_definitions_columns_alone_can_be_inserted(empty: Any) -> None:
    empty.duck.execute(f"INSERT INTO training_sessions (id, status) VALUES ('{uuid(1)}', 'completed')")
    empty.duck.execute(f"INSERT INTO training_epochs (session_id, epoch, val_loss) VALUES ('{uuid(1)}', 1, 0.5)")
    (row,) = empty.rows(ALL)
    assert row["waste_category"] == "insufficient_data"
    assert row["patience"] == 10


VALUES = st.one_of(
    st.none(),
    st.sampled_from([0.0, 0.5, 0.5, 1.0, -1.0, NAN, INF, -INF, 0.525, 1.05]),
    st.floats(-1e3, 1e3, allow_subnormal=False).filter(lambda value: value == 0 or abs(value) > 1e-6),
)
SECONDS = st.one_of(st.floats(0.01, 1e4), st.sampled_from([0.0, None, NAN]))
EPOCH = st.fixed_dictionaries(
    {
        "epoch": st.integers(1, 14),
        "attempt": st.integers(1, 3),
        "val_loss": VALUES,
        "val_metric": VALUES,
        "epoch_seconds": SECONDS,
    }
)
SESSION = st.fixed_dictionaries(
    {
        "status": st.sampled_from(["completed", "failed", "cancelled", "early_stopped", "running", "queued", None]),
        "monitor_metric": st.sampled_from([None, "val_loss", "accuracy"]),
        "monitor_mode": st.sampled_from([None, "min", "max"]),
        "gpu_hours": st.sampled_from([None, 0.0, 2.5, NAN, INF]),
        "training_cost_usd": st.sampled_from([None, 0.0, 12.5]),
        "patience": st.sampled_from([None, 0, 1, 2, 3]),
    }
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    world=st.lists(
        st.tuples(SESSION, st.one_of(st.lists(EPOCH, max_size=20), st.lists(VALUES, max_size=16))),
        min_size=1,
        max_size=12,
    )
)
def test_random_sessions_against_plain_python(tables: Any, same: Any, world: list[Any]) -> None:
    tables.clear()
    sessions, epochs, expected = [], [], {}
    for number, (drawn, curve) in enumerate(world, start=1):
        session = {**drawn, "id": uuid(number), "agent_id": "a"}
        rows = [
            item if isinstance(item, dict) else {"epoch": place, "attempt": 1, "val_loss": item, "val_metric": item}
            for place, item in enumerate(curve, start=1)
        ]
        rows = [
            {"epoch_seconds": 1.0, **row, "session_id": session["id"], "logged_at": START + timedelta(seconds=place)}
            for place, row in enumerate(rows)
        ]
        epochs += rows
        patience = session["patience"]
        hyper = None if patience is None else f'{{"early_stopping_patience": {patience}}}'
        stored = {key: value for key, value in session.items() if key != "patience"}
        sessions.append({**stored, "hyperparameters": hyper})
        row = waste(session, rows)
        if row is not None:
            expected[session["id"]] = row
    tables.insert("training_sessions", sessions)
    tables.insert("training_epochs", epochs)
    found = {str(row["session_id"]): row for row in tables.rows(ALL)}
    assert found.keys() == expected.keys()
    for session_id, wanted in expected.items():
        for column, value in wanted.items():
            shown = found[session_id][column]
            shown = str(shown) if isinstance(shown, UUID) else shown
            assert same(shown, value), (column, shown, value, wanted)


def uuid(number: int) -> str:
    return str(UUID(int=number))


def put(
    tables: Any, number: int, curve: list[float | None], *, val_metric: list[float] | None = None, **session: Any
) -> None:
    """Insert a completed session with this curve of val_loss."""
    tables.insert("training_sessions", [{"id": uuid(number), "status": "completed", **session}])
    tables.insert(
        "training_epochs",
        [
            {
                "session_id": uuid(number),
                "epoch": epoch,
                "val_loss": value,
                "val_metric": val_metric[epoch - 1] if val_metric else None,
                "logged_at": START + timedelta(seconds=epoch),
            }
            for epoch, value in enumerate(curve, start=1)
        ],
    )
