"""What an attempt did beyond the point that a later one went back to counts nowhere."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from runyard.queries.compare import unusable

RUN, START = str(UUID(int=1)), datetime(2026, 4, 1, 12)


def logged(tables: Any, attempt: int, steps: range, losses: float) -> None:
    """Log ten steps an epoch, one step a second, and an accuracy of 1 - loss for each epoch."""
    began = START + timedelta(hours=attempt)
    moments = {step: began + timedelta(seconds=step - steps.start) for step in steps}
    tables.insert("metrics", [
        {"session_id": RUN, "attempt": attempt, "step": step, "epoch": step / 10, "name": name, "value": value,
         "logged_at": moment}
        for step, moment in moments.items() for name, value in (("train/loss", losses), ("accuracy", 1 - losses))
    ])  # fmt: skip
    tables.insert("training_epochs", [
        {"session_id": RUN, "attempt": attempt, "epoch": step // 10, "step": step, "train_loss": losses,
         "val_loss": losses, "epoch_seconds": 10.0, "logged_at": moment}
        for step, moment in moments.items() if step % 10 == 0
    ])  # fmt: skip


def rewound(tables: Any, *, steps: range) -> None:
    """A run of ten epochs: its first attempt came to step 90, the second begins again after step 20."""
    tables.insert("runs", [{"id": RUN, "kind": "train", "status": "running", "attempt": 2, "queued_at": START,
                            "config": "{}"}])  # fmt: skip
    tables.insert("training_sessions", [{"id": RUN, "status": "running", "monitor_metric": "val_loss",
                                         "monitor_mode": "min", "total_epochs": 10}])  # fmt: skip
    logged(tables, 1, range(1, 91), 0.1)
    logged(tables, 2, steps, 0.5)


def test_steps_and_metrics_of_an_abandoned_branch_are_left_out(empty: Any) -> None:
    rewound(empty, steps=range(21, 31))

    points = empty.rows("SELECT step, value FROM metric_points WHERE name = 'accuracy' ORDER BY step")
    assert [row["step"] for row in points] == list(range(1, 31))
    assert {row["value"] for row in points[20:]} == {0.5}
    (facts,) = empty.rows("SELECT points, last_value FROM metric_facts WHERE name = 'accuracy'")
    assert (facts["points"], facts["last_value"]) == (30, 0.5)


def test_nothing_of_an_abandoned_branch_stands_apart(empty: Any) -> None:
    """Neither a metric nor a loss: attempt 2 went back to step 20, so epochs 4 to 9 are nobody's any more."""
    rewound(empty, steps=range(21, 31))
    empty.duck.execute("UPDATE training_epochs SET val_loss = 'nan' WHERE epoch IN (2, 8)")
    empty.duck.execute("UPDATE metrics SET value = 'nan' WHERE name = 'accuracy' AND step IN (15, 80)")

    found = empty.rows("SELECT name, step FROM metric_anomalies WHERE value IS NULL ORDER BY name")
    assert found == [{"name": "accuracy", "step": 15}, {"name": "val_loss", "step": 20}]
    query = unusable([UUID(RUN)], "epoch", "val_loss")
    assert empty.rows(query.sql, list(query.arguments)) == [{"session_id": UUID(RUN), "unusable": 1}]


def test_a_rewound_run_stands_where_its_newest_attempt_is(empty: Any) -> None:
    rewound(empty, steps=range(21, 31))

    (row,) = empty.rows("SELECT * FROM run_situation")
    assert (row["step"], row["completed_epochs"], row["training_loss"]) == (30, 3, 0.5)
    assert (row["last_value"], row["last_progress_at"]) == (0.5, START + timedelta(hours=2, seconds=9))
    assert row["first_step_at"] == START + timedelta(hours=2)


def test_an_attempt_that_still_loads_has_not_got_on(empty: Any) -> None:
    rewound(empty, steps=range(0))

    (row,) = empty.rows("SELECT * FROM run_situation")
    assert (row["first_step_at"], row["last_progress_at"]) == (None, None)
    assert row["completed_epochs"] == 9, "nothing says yet that it went back"
