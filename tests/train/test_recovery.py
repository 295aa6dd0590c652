"""Runs that fail and are tried again: with what mends them, from the right place, and no longer than is set."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import recovering
from ready import ready_yard
from recovering import attempts, carry_through, waves_config
from warm import WarmRunner

from runyard.runtime import Runtime, open_runtime
from runyard.service.pump import pump


@pytest.fixture
def rt(tmp_path: Path) -> Iterator[Runtime]:
    runtime = open_runtime(ready_yard(tmp_path / "yard").home)
    recovering.put_waves(runtime.yard.datasets)
    yield runtime
    runtime.close()


def epochs(rt: Runtime, run: Any) -> list[tuple[Any, ...]]:
    sql = "SELECT epoch, attempt, val_loss FROM epochs WHERE session_id = $id ORDER BY epoch"
    return rt.store.live(sql, {"id": str(run)}).rows()


def kill_in_epoch_two(runner: WarmRunner, folder: Path, attempt: int) -> None:
    deadline = time.monotonic() + 120
    while attempt == 1 and runner.poll() is None and time.monotonic() < deadline:
        said = b"".join(path.read_bytes() for path in folder.glob("journal-1-*.jsonl"))
        if said.count(b'"train/loss"') >= 12:
            runner.send_signal(9)
            return
        time.sleep(0.002)


def test_a_killed_run_is_resumed_by_itself_and_equals_one_that_was_not(rt: Runtime) -> None:
    whole, _ = carry_through(rt, waves_config())
    run, now = carry_through(rt, waves_config(), meddle=kill_in_epoch_two)
    assert (now.status, now.attempt) == ("completed", 2)
    first, second = attempts(rt, run)
    assert (first["status"], first["reason"], first["cause"]) == ("failed", "lost", None)
    assert (second["begun_by"], second["cause"]) == ("recovery", "attempt 2 of 5: resumed after its process was killed")
    assert [row[2] for row in epochs(rt, run)] == [row[2] for row in epochs(rt, whole)]
    weights = [(rt.yard.run(each).model / "model.safetensors").read_bytes() for each in (whole, run)]
    assert weights[0] == weights[1]


def test_a_poisoned_row_lowers_the_rate_then_is_left_out(rt: Runtime) -> None:
    run, now = carry_through(rt, waves_config(), fault="poisoned_row")
    assert (now.status, now.attempt) == ("completed", 3)
    first, second, third = attempts(rt, run)
    assert first["reason"] == second["reason"] == "diverged"
    assert second["changes"]["hyperparameters"]["learning_rate"] == 5e-4
    assert third["changes"] == {"optimization": {"skip_nonfinite_steps": 10}}
    assert now.config["optimization"]["skip_nonfinite_steps"] == 10
    assert len(epochs(rt, run)) == recovering.EPOCHS


def test_a_passing_nan_goes_back_to_the_last_good_epoch_and_the_tail_is_kept_as_rows(rt: Runtime) -> None:
    run, now = carry_through(rt, waves_config(), fault="passing_nan")
    assert (now.status, now.attempt) == ("completed", 2)
    assert [row[:2] for row in epochs(rt, run)] == [(1, 1), (2, 2), (3, 2), (4, 2)]
    aside = rt.yard.run(run).checkpoints / "abandoned-1"
    assert [path.name for path in aside.iterdir()] == ["step-00000010"], "inside the epoch that went astray"
    sql = "SELECT min(step) AS n FROM metrics WHERE session_id = $id AND attempt = 2 AND name = 'train/loss'"
    assert rt.store.live(sql, {"id": str(run)})["n"][0] == 9, "it went on from the end of the first epoch"


def test_out_of_memory_halves_the_batch_until_it_fits(rt: Runtime) -> None:
    recovering.put_waves(rt.yard.datasets, count=640, steps=256)
    config = waves_config(
        model={"model_type": "cnn1d", "channels": [128, 128], "kernel_size": 3},
        hyperparameters={"epochs": 1, "batch_size": 512},
        resources={"memory_limit_gb": 0.7},
    )
    run, now = carry_through(rt, config)
    assert now.status == "completed"
    first, second, *_ = attempts(rt, run)
    assert first["reason"] == "out_of_memory"
    assert second["changes"] == {"hyperparameters": {"batch_size": 256, "gradient_accumulation": 2}}
    hyper = now.config["hyperparameters"]
    assert hyper["batch_size"] * hyper["gradient_accumulation"] == 512
    groups = rt.store.live(
        "SELECT DISTINCT body ->> 'group' AS g FROM run_events WHERE kind = 'queued' AND run_id = $id", {"id": str(run)}
    )
    assert groups.height == 1, "it stays a replicate of the others"


def test_nothing_is_tried_again_where_it_is_off_or_was_cancelled(rt: Runtime) -> None:
    run, now = carry_through(rt, waves_config(recovery=False), fault="passing_nan")
    assert (now.status, len(attempts(rt, run))) == ("failed", 1)

    def cancel(runner: WarmRunner, folder: Path, attempt: int) -> None:
        (folder / "cancel").touch()
        kill_in_epoch_two(runner, folder, attempt)

    run, now = carry_through(rt, waves_config(), meddle=cancel)
    assert (now.status, len(attempts(rt, run))) == ("cancelled", 1)


def test_a_loader_that_goes_on_crashing_ends_in_the_fallback(rt: Runtime) -> None:
    fallback = {"model": {"model_type": "cnn1d", "channels": [2], "kernel_size": 3}}
    config = waves_config(recovery={"max_attempts": 2, "fallback": fallback})
    run, now = carry_through(rt, config, fault="crashing_loader")
    assert (now.status, now.attempt) == ("completed", 3)
    last = attempts(rt, run)[-1]
    assert last["begun_by"] == "fallback"
    assert last["cause"] == "attempt 3: the fallback configuration, since 2 attempts failed"
    assert now.config["model"]["channels"] == [2]
    assert [row[:2] for row in epochs(rt, run)] == [(epoch, 3) for epoch in (1, 2, 3, 4)]


def test_after_the_last_attempt_the_run_says_why_it_is_left(rt: Runtime) -> None:
    run, now = carry_through(rt, waves_config(recovery={"max_attempts": 2}), fault="crashing_loader")
    assert (now.status, now.attempt) == ("failed", 2)
    assert attempts(rt, run)[-1]["verdict"] == (
        "Not tried again: 2 attempts failed, the last since its data could not be read on."
    )
    before = rt.store.live("FROM run_events").height
    assert pump(rt) == []
    rt.store.ingest()
    assert rt.store.live("FROM run_events").height == before, "it is decided once"
