"""SIGKILL of real runners at random moments: the run that was resumed each time equals one that was never stopped."""

from __future__ import annotations

import random
import signal
import subprocess
import time
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from reading import stored, tables, told

from runyard.config.run import parse_run_config
from runyard.runtime import Runtime, open_runtime
from runyard.service import runs
from runyard.service.launch import launch
from runyard.service.processes import run_in_foreground

SEED = 20261121
STEPS_PER_EPOCH = 12
_TIMES = "attempt, epoch_seconds, memory_gb, gpu_utilization, cpu_utilization, logged_at"


def config(epochs: int) -> Any:
    return parse_run_config(
        {
            "model": {"model_type": "cnn1d", "channels": [8, 8], "kernel_size": 3},
            "training_data": {"source": "waves", "split_by": "stratified"},
            "hyperparameters": {
                "epochs": epochs,
                "batch_size": 4,
                "dropout": 0.3,
                "gradient_accumulation": 2,
                "warmup_steps": 17,
                "weight_decay": 0.01,
            },
            "optimization": {
                "schedule": "cosine",
                "gradient_clipping": 0.3,
                "checkpoint_frequency": 7,
                "early_stopping": {"enabled": False},
            },
            "resources": {"threads": 1},
        }
    )


def make_waves(folder: Path) -> None:
    dice = np.random.default_rng(5)
    y = (np.arange(120) % 3 == 0).astype(np.int64)
    x = dice.normal(0, 1, (120, 24, 2)).astype(np.float32) + y[:, None, None]
    np.savez(folder / "waves.npz", X=x, y=y)


def kill_after(rt: Runtime, run: UUID, attempt: int, child: subprocess.Popen[bytes], steps: int, more: float) -> None:
    """Kill an attempt once it has journalled some steps, and a moment later."""
    folder, deadline = rt.yard.run(run), time.monotonic() + 120
    while steps and child.poll() is None and time.monotonic() < deadline:
        said = b"".join(path.read_bytes() for path in folder.path.glob(f"journal-{attempt}-*.jsonl"))
        if said.count(b'"train/loss"') >= steps:
            break
        time.sleep(0.003)
    time.sleep(more)
    child.send_signal(signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL, f"it ended by itself:\n{folder.log.read_text()[-2000:]}"


def finish(rt: Runtime, run: UUID, attempt: int) -> None:
    child = run_in_foreground(rt, run, attempt)
    try:
        code = child.wait(timeout=240)
    finally:
        child.kill()
    assert code == 0, rt.yard.run(run).log.read_text()[-3000:]


def epochs(rt: Runtime, run: UUID) -> list[tuple[Any, ...]]:
    sql = f"SELECT * EXCLUDE (session_id, {_TIMES}) FROM epochs WHERE session_id = $id ORDER BY epoch"
    return rt.store.live(sql, {"id": str(run)}).rows()


@pytest.mark.timeout(1800)
def test_a_run_killed_again_and_again_equals_an_unbroken_one(tmp_path: Path, short: bool) -> None:
    kills = 2 if short else 20
    count = 12 * kills
    dice = random.Random(SEED)
    rt = open_runtime(tmp_path / "yard", create=True)
    make_waves(rt.yard.datasets)
    whole = launch(rt, config(count), launched_by="foreground", start=False)
    finish(rt, whole, 1)

    broken = launch(rt, config(count), launched_by="foreground", start=False)
    moments = []
    for attempt in range(1, kills + 1):
        # One in five dies while it is still starting or resuming, the others a while into their steps.
        young = attempt % 5 == 0
        steps = 0 if young else dice.randint(1, 5 * STEPS_PER_EPOCH)
        more = dice.uniform(0.0, 4.0) if young else dice.uniform(0.0, 0.05)
        kill_after(rt, broken, attempt, run_in_foreground(rt, broken, attempt), steps, more)
        assert runs.resume(rt, str(broken), by="proof", start=False) == broken
        moments.append((steps, round(more, 3)))
    finish(rt, broken, kills + 1)
    rt.store.ingest(wait_seconds=30)

    weights = [(rt.yard.run(run).model / "model.safetensors").read_bytes() for run in (whole, broken)]
    assert weights[0] == weights[1]
    assert [row[0] for row in epochs(rt, broken)] == list(range(1, count + 1)), "no epoch is lost"
    assert epochs(rt, broken) == epochs(rt, whole)
    state = runs.state(rt, broken)
    assert (state.status, state.attempt) == ("completed", kills + 1)
    attempts = rt.store.live(
        "SELECT attempt, status FROM run_attempts WHERE run_id = $id ORDER BY 1", {"id": str(broken)}
    )
    assert attempts.rows() == [*((number, "failed") for number in range(1, kills + 1)), (kills + 1, "completed")]
    assert stored(rt.store) == told(rt.yard), "every event is in the tables, once"
    before = tables(rt.store)
    assert before["rejected_events"] == []
    rt.store.rebuild()
    assert tables(rt.store) == before
    rt.close()
    print(f"\nseed {SEED}: {kills} kills after (steps, seconds more) {moments}")
