"""Eight faults, twenty runs each: how many of them complete although they were hit.

Memory is bounded by the kernel, disks are small file systems that are really full, processes are really killed and
checkpoints really damaged. What cannot be had from outside (a row that is not a number, a loader that crashes, a
machine without bfloat16) is put into the runner's process by tests/train/faults.py.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "train"))

import recovering
from recovering import attempts, carry_through, waves_config
from warm import WarmRunner

from runyard.runtime import Runtime, open_runtime

SEED, SHARE, RUNS = 20261121, 0.95, 20
Config = dict[str, Any]


@pytest.fixture(scope="module")
def rt(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runtime]:
    runtime = open_runtime(tmp_path_factory.mktemp("faults") / "yard", create=True)
    recovering.put_waves(runtime.yard.datasets)
    yield runtime
    runtime.close()


def steps_of(folder: Path, attempt: int) -> int:
    lines = b"".join(path.read_bytes() for path in folder.glob(f"journal-{attempt}-*.jsonl"))
    return lines.count(b'"train/loss"')


def when_at_step(runner: WarmRunner, folder: Path, attempt: int, step: int) -> bool:
    """Wait until an attempt has journalled so many steps; False when it ended before."""
    deadline = time.monotonic() + 120
    while runner.poll() is None and time.monotonic() < deadline:
        if steps_of(folder, attempt) >= step:
            return True
        time.sleep(0.002)
    return False


@pytest.fixture(autouse=True)
def _long_round(short: bool) -> None:
    if short:
        pytest.skip("the tests have one of each fault; make proof without SHORT has twenty")


def report(fault: str, completed: int, runs: int, tried: list[int]) -> None:
    mean = sum(tried) / len(tried)
    print(f"\n{fault}: {completed} of {runs} runs complete ({completed / runs:.0%}), {mean:.1f} attempts on average")
    assert completed / runs >= SHARE, fault


def share_that_completes(
    rt: Runtime, fault: str, make: Callable[[random.Random], tuple[Config, dict[str, Any]]], least: int
) -> None:
    """Run a fault twenty times; each run must have been hit: it took `least` attempts or more."""
    runs, completed, tried = RUNS, 0, list[int]()
    dice = random.Random(f"{SEED} {fault}")
    for number in range(runs):
        config, how = make(dice)
        config["seed"] = number
        run, now = carry_through(rt, config, **how)
        tried.append(len(attempts(rt, run)))
        completed += now.status == "completed"
        assert tried[-1] >= least, f"run {number} was not hit"
        assert (
            rt.store.live(
                "SELECT count(*) AS n FROM run_attempts WHERE run_id = $id AND attempt > 1 AND cause IS NULL",
                {"id": str(run)},
            )["n"][0]
            == 0
        ), "each attempt says why it was begun"
    report(fault, completed, runs, tried)


@pytest.mark.timeout(1800)
def test_out_of_memory(rt: Runtime, tmp_path: Path) -> None:
    recovering.put_waves(tmp_path, count=640, steps=256)
    big = {**waves_config()["training_data"], "source": None, "path": str(tmp_path / "waves.npz")}
    model = {"model_type": "cnn1d", "channels": [128, 128], "kernel_size": 3}

    def make(dice: random.Random) -> tuple[Config, dict[str, Any]]:
        hyper = {"epochs": 1, "batch_size": 512}
        resources = {"memory_limit_gb": dice.uniform(0.6, 0.8)}
        config = waves_config(model=model, training_data=big, hyperparameters=hyper, resources=resources)
        return config, {}

    share_that_completes(rt, "out of memory", make, 2)


@pytest.mark.timeout(1800)
def test_a_row_that_is_not_a_number(rt: Runtime) -> None:
    share_that_completes(rt, "NaN", lambda dice: (waves_config(), {"fault": "poisoned_row"}), 3)


@pytest.mark.timeout(1800)
def test_divergence(rt: Runtime) -> None:
    """Each step multiplies the matrices by far more than one, until the rate is low enough."""

    def make(dice: random.Random) -> tuple[Config, dict[str, Any]]:
        optimization = {
            "optimizer": "sgd",
            "schedule": "constant",
            "early_stopping": False,
            "gradient_clipping": None,
            "checkpoint_frequency": 5,
        }
        hyper = {"epochs": 12, "batch_size": 12, "learning_rate": dice.uniform(0.45, 0.9), "weight_decay": 10}
        return waves_config(optimization=optimization, hyperparameters=hyper), {}

    share_that_completes(rt, "divergence", make, 2)


@pytest.mark.timeout(1800)
def test_sigkill(rt: Runtime) -> None:
    def make(dice: random.Random) -> tuple[Config, dict[str, Any]]:
        moments = [dice.randint(0, 25) for _ in range(3)]

        def kill(runner: WarmRunner, folder: Path, attempt: int) -> None:
            if attempt <= 3 and when_at_step(runner, folder, attempt, moments[attempt - 1]):
                runner.send_signal(9)

        return waves_config(), {"meddle": kill}

    share_that_completes(rt, "SIGKILL", make, 2)


@pytest.mark.timeout(1800)
def test_a_checkpoint_that_is_damaged(rt: Runtime) -> None:
    def make(dice: random.Random) -> tuple[Config, dict[str, Any]]:
        step = dice.randint(11, 25)

        def damage(runner: WarmRunner, folder: Path, attempt: int) -> None:
            if attempt == 1 and when_at_step(runner, folder, attempt, step):
                runner.send_signal(9)
                runner.wait(60)
                newest = max((folder / "checkpoints").glob("step-*[0-9]"))
                victim = newest / dice.choice(["model.safetensors", "state.pt", "manifest.json"])
                data = bytearray(victim.read_bytes())
                data[len(data) // 2] ^= 0xFF
                victim.write_bytes(bytes(data))

        return waves_config(), {"meddle": damage}

    share_that_completes(rt, "corrupt checkpoint", make, 2)


@pytest.mark.timeout(1800)
def test_no_bfloat16(rt: Runtime) -> None:
    def make(dice: random.Random) -> tuple[Config, dict[str, Any]]:
        return waves_config(optimization={"mixed_precision": True}), {"fault": "no_bfloat16"}

    share_that_completes(rt, "missing bf16", make, 1)
    said = rt.store.live("SELECT count(*) AS n FROM run_events WHERE kind = 'notice' AND body LIKE '%no bfloat16%'")
    assert said["n"][0] == RUNS


@pytest.mark.timeout(1800)
def test_a_crashing_loader(rt: Runtime) -> None:
    share_that_completes(rt, "crashing loader", lambda dice: (waves_config(), {"fault": "crashing_loader"}), 3)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Runtime]:
    """A yard on a file system of 1 GB, room for a store and its copies of a minute; making one needs root."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256m", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("a small file system needs root")
    runtime = open_runtime(place / "yard", create=True)
    recovering.put_waves(runtime.yard.datasets)
    yield runtime
    runtime.close()
    subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.mark.timeout(1800)
def test_a_disk_that_is_full_for_a_moment(small_disk: Runtime) -> None:
    rt, hits = small_disk, []

    def make(dice: random.Random) -> tuple[Config, dict[str, Any]]:
        step, seconds = dice.randint(1, 25), dice.uniform(0.5, 3.0)
        ballast = rt.yard.home / "ballast"
        while ballast.exists():  # a run cannot be launched before there is room
            time.sleep(0.1)

        def fill(runner: WarmRunner, folder: Path, attempt: int) -> None:
            if attempt == 1 and when_at_step(runner, folder, attempt, step):
                with ballast.open("wb") as file:
                    # At once, before the run has ended; what somebody else has taken meanwhile is asked for again.
                    while left := shutil.disk_usage(rt.yard.home).free:
                        with suppress(OSError):
                            os.posix_fallocate(file.fileno(), os.fstat(file.fileno()).st_size, left)
                hits.append(os.statvfs(rt.yard.home).f_bavail)
                threading.Timer(seconds, ballast.unlink).start()

        return waves_config(), {"meddle": fill}

    share_that_completes(rt, "disk full for a moment", make, 1)
    assert len(hits) >= RUNS - 1
    assert set(hits) == {0}
