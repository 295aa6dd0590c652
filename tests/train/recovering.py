"""Runs that are tried again until they end: the queue decides, as always, warm runners do the work."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
from warm import WarmRunner

from runyard.config.run import parse_run_config
from runyard.core.errors import Unavailable
from runyard.runtime import Runtime
from runyard.service.launch import launch
from runyard.service.pump import pump
from runyard.service.runs import RunState, state

BATCH, EPOCHS = 12, 4
Meddle = Callable[[WarmRunner, Path, int], None]


def put_waves(folder: Path, *, count: int = 120, steps: int = 24) -> None:
    dice = np.random.default_rng(5)
    y = (np.arange(count) % 3 == 0).astype(np.int64)
    x = dice.normal(0, 1, (count, steps, 2)).astype(np.float32) + y[:, None, None]
    np.savez(folder / "waves.npz", X=x, y=y)


def waves_config(**changes: Any) -> dict[str, Any]:
    """The config of a run of eight steps an epoch, that keeps a checkpoint at every fifth."""
    return {
        "model": {"model_type": "cnn1d", "channels": [4], "kernel_size": 3},
        "training_data": {"source": "waves", "split_by": "stratified"},
        "hyperparameters": {"epochs": EPOCHS, "batch_size": BATCH, "dropout": 0.2},
        "optimization": {"checkpoint_frequency": 5, "early_stopping": False},
        "evaluation": {"benchmark": False},
        **changes,
    }


def carry_through(
    rt: Runtime, config: dict[str, Any], *, fault: str = "", meddle: Meddle | None = None
) -> tuple[UUID, RunState]:
    """Launch a run and see it through all its attempts; returns how it stands at its end.

    Args:
        fault: what of `faults` is put into the way of its processes.
        meddle: called with each attempt's process, the run's folder and the attempt's number.
    """
    run_id = launch(rt, parse_run_config(config), launched_by="foreground", start=False)
    return run_id, carry_on(rt, run_id, fault=fault, meddle=meddle)


def carry_on(rt: Runtime, run_id: UUID, *, fault: str = "", meddle: Meddle | None = None) -> RunState:
    """See a queued run through all its attempts; returns how it stands at its end."""
    rt.store.ingest(wait_seconds=30)
    folder = rt.yard.run(run_id)
    while not (now := state(rt, run_id)).has_ended:
        arguments = [str(folder.path), "--attempt", str(now.attempt)]
        runner = WarmRunner(arguments, log=folder.log, cwd=folder.path, fault=fault)
        rt.record(run_id, "spawned", attempt=now.attempt, pid=runner.pid, host=None)
        if meddle:
            meddle(runner, folder.path, now.attempt)
        runner.wait(timeout=240)
        pump_when_there_is_room(rt, run_id)
    return now


def pump_when_there_is_room(rt: Runtime, run_id: UUID) -> None:
    """Work the queue as whoever comes next would where the disk is still full."""
    deadline = time.monotonic() + 60
    while True:
        try:
            pump(rt, wait_seconds=30, foreground=run_id)
            return
        except Unavailable:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def attempts(rt: Runtime, run_id: UUID) -> list[dict[str, Any]]:
    """Return the attempts of a run as the tables have them, with what each changed."""
    rows = rt.store.live("FROM run_attempts WHERE run_id = $id ORDER BY attempt", {"id": str(run_id)}).to_dicts()
    return [{**row, "changes": json.loads(row["changes"] or "{}")} for row in rows]
