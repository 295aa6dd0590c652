"""A run that MLflow and W&B hear of, in a database and files of its own: seconds to make, so not among the tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from runyard.config.run import parse_run_config
from runyard.runtime import open_runtime
from runyard.service.launch import launch
from runyard.service.processes import run_in_foreground


def test_mlflow_and_wandb_hear_what_the_journal_has(tmp_path: Path) -> None:
    from mlflow import MlflowClient

    rt = open_runtime(tmp_path / "yard", create=True)
    y = np.arange(60) % 2
    x = np.random.default_rng(0).normal(y[:, None, None], 1.0, (60, 16, 2)).astype(np.float32)
    np.savez(rt.yard.datasets / "waves.npz", X=x, y=y)
    config = parse_run_config(
        {
            "name": "mirrored",
            "tags": ["t"],
            "model": {"model_type": "cnn1d", "channels": [8]},
            "training_data": {"source": "waves"},
            "hyperparameters": {"epochs": 2},
            "monitoring": {"mlflow_logging": True, "wandb_logging": True},
        }
    )
    run_id = launch(rt, config, launched_by="foreground", start=False)
    assert run_in_foreground(rt, run_id).wait(timeout=300) == 0
    rt.store.ingest(snapshot=True, wait_seconds=10)
    wanted = dict(rt.store.read("SELECT step, value FROM metrics WHERE name = 'train/loss'").rows())
    warned = rt.store.read("SELECT body FROM run_events WHERE kind = 'notice' AND body ->> 'level' = 'warning'")
    assert warned.rows() == []

    client = MlflowClient(tracking_uri=f"sqlite:///{rt.yard.home}/mlflow.db")
    experiment: Any = client.get_experiment_by_name("runyard/default")
    (run,) = client.search_runs([experiment.experiment_id])
    assert (run.info.run_name, run.info.status) == ("mirrored", "FINISHED")
    assert {one.step: one.value for one in client.get_metric_history(run.info.run_id, "train/loss")} == wanted
    (offline,) = (rt.yard.run(run_id).path / "wandb").glob("offline-run-*/run-*.wandb")
    assert str(run_id) in offline.name
    assert offline.stat().st_size > 1000
    rt.close()
