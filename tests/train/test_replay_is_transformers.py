"""The ledger's replay of early stopping against the real callback of transformers, at threshold 0."""

from __future__ import annotations

import random
from types import SimpleNamespace

import duckdb
import pytest
from transformers import EarlyStoppingCallback, TrainerControl, TrainerState

from runyard.store.migrate import migrate


def transformers_stop(curve: list[float], patience: int) -> int | None:
    """Return the evaluation after which the callback stops, in the order in which a Trainer calls it."""
    callback, state, control = EarlyStoppingCallback(patience, 0.0), TrainerState(), TrainerControl()
    args = SimpleNamespace(metric_for_best_model="eval_loss", greater_is_better=False)
    for place, loss in enumerate(curve, start=1):
        callback.on_evaluate(args, state, control, metrics={"eval_loss": loss})
        if state.best_metric is None or loss < state.best_metric:
            state.best_metric = loss
        if control.should_training_stop:
            return place
    return None


@pytest.mark.parametrize("patience", [1, 2, 3, 5])
def test_the_replay_stops_where_transformers_does(patience: int) -> None:
    dice = random.Random(patience)
    duck = duckdb.connect(config={"threads": 1})
    migrate(duck, {}, replace_views=True)
    for _ in range(100):
        curve = [round(dice.random(), dice.choice([1, 2])) for _ in range(dice.randint(1, 25))]
        given = {"curve": curve, "patience": patience}
        found = duck.execute("SELECT stopping_place($curve, $patience, 0.0)", given).fetchone()
        assert found == (transformers_stop(curve, patience),), curve
