"""The replay of early stopping on real curves: equal to Keras' rule, and to the real callback of transformers."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from uuid import UUID

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from sklearn.datasets import load_digits
from sklearn.metrics import log_loss
from sklearn.neural_network import MLPClassifier
from transformers import EarlyStoppingCallback, TrainerControl, TrainerState

from runyard.store.migrate import migrate

REAL = Path(__file__).parents[1] / "data" / "curves" / "real.json"
RULES = [(patience, delta) for patience in (1, 2, 3, 5, 10, 20) for delta in (0.0, 0.001, 0.01)]


@dataclass(frozen=True)
class Curve:
    run: str
    metric: str
    mode: str
    values: list[float]


class KerasEarlyStopping:
    """`keras.callbacks.EarlyStopping` of Keras 3.15 as it decides: baseline, weights and warm-up left out."""

    def __init__(self, patience: int, min_delta: float, mode: str) -> None:
        self.patience, self.monitor_op = patience, np.less if mode == "min" else np.greater
        self.min_delta = abs(min_delta) * (-1 if mode == "min" else 1)
        self.wait, self.best, self.stop_training = 0, None, False

    def on_epoch_end(self, epoch: int, current: float) -> None:
        self.wait += 1
        if self.best is None or self.monitor_op(current - self.min_delta, self.best):
            self.best, self.wait = current, 0
            return
        if self.wait >= self.patience and epoch > 0:
            self.stop_training = True


def keras_stop(curve: Curve, patience: int, min_delta: float) -> int | None:
    """Return the 1-based epoch after which Keras ends the training."""
    callback = KerasEarlyStopping(patience, min_delta, curve.mode)
    for epoch, value in enumerate(curve.values):
        callback.on_epoch_end(epoch, value)
        if callback.stop_training:
            return epoch + 1
    return None


def transformers_stop(curve: Curve, patience: int) -> int | None:
    """Return the evaluation after which the callback stops, in the order in which a Trainer calls it."""
    greater = curve.mode == "max"
    callback, state, control = EarlyStoppingCallback(patience, 0.0), TrainerState(), TrainerControl()
    args = SimpleNamespace(metric_for_best_model="eval_metric", greater_is_better=greater)
    for place, value in enumerate(curve.values, start=1):
        callback.on_evaluate(args, state, control, metrics={"eval_metric": value})
        if state.best_metric is None or (value > state.best_metric if greater else value < state.best_metric):
            state.best_metric = value
        if control.should_training_stop:
            return place
    return None


def trained_here() -> Iterator[Curve]:
    """Nets of scikit-learn on its digits: small ones that go on falling, a large one that learns few by heart."""
    x, y = load_digits(return_X_y=True)
    for width, examples, rate in ((8, 800, 0.02), (64, 60, 0.01), (16, 300, 0.2)):
        net = MLPClassifier((width,), learning_rate_init=rate, random_state=0, batch_size=32)
        losses, accuracies = [], []
        for _ in range(40):
            net.partial_fit(x[:examples] / 16, y[:examples], classes=np.arange(10))
            losses.append(float(log_loss(y[1000:], net.predict_proba(x[1000:] / 16), labels=np.arange(10))))
            accuracies.append(float(net.score(x[1000:] / 16, y[1000:])))
        yield Curve(f"digits/{width}", "val_loss", "min", losses)
        yield Curve(f"digits/{width}", "accuracy", "max", accuracies)


@pytest.fixture(scope="module")
def curves() -> list[Curve]:
    found = [*(Curve(**row) for row in json.loads(REAL.read_text())), *trained_here()]
    assert all(map(math.isfinite, (value for curve in found for value in curve.values)))
    return found


@pytest.fixture(scope="module")
def duck(curves: list[Curve]) -> Iterator[duckdb.DuckDBPyConnection]:
    sessions = [
        {"id": str(UUID(int=number)), "status": "completed", "agent_id": "a", "monitor_metric": "m",
         "monitor_mode": curve.mode, "hyperparameters": '{"early_stopping_patience": 3}'}
        for number, curve in enumerate(curves)
    ]  # fmt: skip
    epochs = [
        {"session_id": str(UUID(int=number)), "epoch": epoch, "val_metric": value}
        for number, curve in enumerate(curves)
        for epoch, value in enumerate(curve.values, start=1)
    ]
    with duckdb.connect(config={"threads": 1}) as duck:
        migrate(duck, {}, replace_views=True)
        for table, rows in (("training_sessions", sessions), ("training_epochs", epochs)):
            duck.register("given", pa.Table.from_pylist(rows))
            duck.execute(f"INSERT INTO {table} BY NAME FROM given")
            duck.unregister("given")
        yield duck


def test_the_ledger_stops_where_keras_and_transformers_stop(
    duck: duckdb.DuckDBPyConnection, curves: list[Curve]
) -> None:
    rows = duck.execute("SELECT session_id, patience, min_delta, stop_epoch FROM waste_ledger").fetchall()
    stops = {(session.int, patience, delta): stop for session, patience, delta, stop in rows}
    assert stops.keys() == {(number, *rule) for number in range(len(curves)) for rule in RULES}
    for (number, patience, delta), stop in stops.items():
        curve = curves[number]
        assert stop == keras_stop(curve, patience, delta), (curve, patience, delta)
        if delta == 0:
            assert stop == transformers_stop(curve, patience), (curve, patience)
    assert sum(stop is not None for stop in stops.values()) > len(stops) / 4, "the rules have to bite"
    assert sum(stop is None for stop in stops.values()) > len(stops) / 10


def test_what_a_session_wasted_follows_from_the_same_replay(
    duck: duckdb.DuckDBPyConnection, curves: list[Curve]
) -> None:
    rows = duck.execute("SELECT session_id, es_stop_epoch, es_saved_epochs FROM overtraining_waste").fetchall()
    assert len(rows) == len(curves)
    for session, stop, saved in rows:
        curve = curves[session.int]
        assert stop == keras_stop(curve, 3, 0.0)
        assert saved == (0 if stop is None else len(curve.values) - stop)
