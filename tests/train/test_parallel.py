"""Several processes train one model: what one would do with twice the accumulation, and one voice."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import recovering
import torch
from recovering import attempts, waves_config
from safetensors.torch import load_file
from warm import WarmRunner

from runyard.config.run import parse_run_config
from runyard.core.paths import RunFolder
from runyard.runtime import Runtime, open_runtime
from runyard.service import runs
from runyard.service.launch import launch
from runyard.service.processes import run_in_foreground
from runyard.service.pump import pump


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start_two(folder: RunFolder, attempt: int = 1, fault: str = "") -> list[WarmRunner]:
    """Start two processes as torchrun does."""
    place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), "WORLD_SIZE": "2"}
    return [
        WarmRunner(
            [str(folder.path), "--attempt", str(attempt), "--together"],
            log=folder.log,
            cwd=folder.path,
            fault=fault if rank else "",
            environment={**place, "RANK": str(rank), "LOCAL_RANK": str(rank)},
        )
        for rank in (0, 1)
    ]


def config(**changes: Any) -> dict[str, Any]:
    """Ninety-six examples in batches of seven: shares are uneven, and one process is idle now and then."""
    hyper = {"epochs": 3, "batch_size": 7, "dropout": 0.0, "gradient_accumulation": 2}
    return waves_config(hyperparameters={**hyper, **changes.pop("hyperparameters", {})}, **changes)


@pytest.mark.parametrize("accumulation", [1, 2])
def test_two_processes_do_what_one_does_with_twice_the_accumulation(bench: Any, accumulation: int) -> None:
    recovering.put_waves(bench.yard.datasets)
    alone = bench.prepare(**config(hyperparameters={"gradient_accumulation": 2 * accumulation}))
    two = bench.prepare(**config(hyperparameters={"gradient_accumulation": accumulation}))
    code, expected = bench.finish(alone)
    assert code == 0
    assert [runner.wait(120) for runner in start_two(two)] == [0, 0], two.log.read_text()[-3000:]
    found = bench.story(two)
    for name in ("train/loss", "train/gradient_norm"):
        ours, theirs = found.curve(name), expected.curve(name)
        assert ours.keys() == theirs.keys()
        assert list(ours.values()) == pytest.approx(list(theirs.values()), rel=1e-5, abs=1e-6)
    for ours, theirs in zip(found.epochs(), expected.epochs(), strict=True):
        assert (ours["step"], ours["samples"]) == (theirs["step"], theirs["samples"])
        assert ours["val_loss"] == pytest.approx(theirs["val_loss"], rel=1e-5)
        assert ours["metrics"] == theirs["metrics"]
    kinds = [event["k"] for event in found.events if event["k"] not in ("metrics", "checkpoint")]
    assert kinds == ["dataset", "started", "planned", "epoch", "epoch", "epoch", "ended"], "one voice"
    steps = [event["step"] for event in found.of("checkpoint")]
    assert len(steps) == len(set(steps))
    weights = [load_file(folder.model / "model.safetensors") for folder in (two, alone)]
    assert all(torch.allclose(weights[0][name], weights[1][name], rtol=1e-4, atol=1e-5) for name in weights[1])


def test_the_batch_of_one_process_may_as_well_be_the_double(bench: Any) -> None:
    recovering.put_waves(bench.yard.datasets)
    double = bench.prepare(**config(hyperparameters={"gradient_accumulation": 1, "batch_size": 16}))
    two = bench.prepare(**config(hyperparameters={"gradient_accumulation": 1, "batch_size": 8}))
    assert bench.finish(double)[0] == 0
    assert [runner.wait(120) for runner in start_two(two)] == [0, 0]
    losses = [list(bench.story(folder).curve("train/loss").values()) for folder in (two, double)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


@pytest.mark.slow
def test_cancelled_and_resumed_two_processes_end_as_if_they_had_not_stopped(bench: Any) -> None:
    recovering.put_waves(bench.yard.datasets)
    many = {"epochs": 12, "dropout": 0.3, "batch_size": 2}
    whole, broken = (bench.prepare(**config(hyperparameters=many)) for _ in range(2))
    assert [runner.wait(120) for runner in start_two(whole)] == [0, 0]
    first, second = start_two(broken)
    while b"train/loss" not in b"".join(path.read_bytes() for path in broken.path.glob("journal-1-*")):
        time.sleep(0.01)
    first.send_signal(signal.SIGTERM)
    assert (first.wait(60), second.wait(60)) == (1, 1), "the others follow the first"
    assert bench.story(broken).ended["status"] == "cancelled"
    assert [runner.wait(120) for runner in start_two(broken, attempt=2)] == [0, 0], broken.log.read_text()[-3000:]
    assert bench.story(broken).epochs() == bench.story(whole).epochs()
    assert (broken.model / "model.safetensors").read_bytes() == (whole.model / "model.safetensors").read_bytes()


@pytest.mark.slow
def test_why_another_process_broke_off_is_known(bench: Any) -> None:
    recovering.put_waves(bench.yard.datasets)
    folder = bench.prepare(**config())
    assert [runner.wait(120) for runner in start_two(folder, fault="crashing_loader")] == [1, 1]
    ended = bench.story(folder).ended
    assert (ended["status"], ended["error_kind"]) == ("failed", "data_loader")
    killed = bench.prepare(**config(hyperparameters={"epochs": 500, "batch_size": 2}))
    first, second = start_two(killed)
    while b"train/loss" not in b"".join(path.read_bytes() for path in killed.path.glob("journal-1-*")):
        time.sleep(0.01)
    second.send_signal(signal.SIGKILL)
    assert first.wait(60) == 1
    assert bench.story(killed).ended["error_kind"] == "worker_lost"


@pytest.fixture
def rt(tmp_path: Path) -> Iterator[Runtime]:
    runtime = open_runtime(tmp_path / "launched", create=True)
    recovering.put_waves(runtime.yard.datasets)
    yield runtime
    runtime.close()


@pytest.mark.slow
def test_torchrun_starts_them_and_a_killed_run_is_resumed(rt: Runtime) -> None:
    values = config(hyperparameters={"epochs": 200}, resources={"devices": 2})
    run = launch(rt, parse_run_config(values), launched_by="foreground", start=False)
    rt.store.ingest(wait_seconds=30)
    child = run_in_foreground(rt, run)
    pid = until_it_trains(rt, run, child)
    os.kill(pid, signal.SIGKILL)
    assert child.wait(120) != 0
    pump(rt, wait_seconds=30, foreground=run)
    now = runs.state(rt, run)
    assert (now.status, now.attempt, now.launched_by) == ("queued", 2, "foreground")
    child = run_in_foreground(rt, run, 2)
    until_it_trains(rt, run, child)
    runs.cancel(rt, str(run), by="test")
    child.wait(120)
    rt.store.ingest(wait_seconds=30)
    first, second = attempts(rt, run)
    assert (first["reason"], second["status"]) == ("lost", "cancelled"), rt.yard.run(run).log.read_text()[-3000:]


def until_it_trains(rt: Runtime, run: Any, child: subprocess.Popen[bytes]) -> int:
    """Wait until the newest attempt has finished an epoch; returns the pid of its first process."""
    sql = "SELECT count(*) AS n FROM training_epochs AS e JOIN runs AS r ON r.id = session_id AND r.attempt = e.attempt"
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and child.poll() is None:
        rt.store.ingest()
        if rt.store.live(sql)["n"][0]:
            pid = runs.state(rt, run).pid
            assert pid is not None
            return pid
        time.sleep(0.1)
    raise AssertionError(rt.yard.run(run).log.read_text()[-3000:])
