"""From launching a run to its first optimizer step, against a bare script with the same imports and model."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import rivals

from runyard.config.run import parse_run_config
from runyard.core.paths import Yard
from runyard.demodata.place import place
from runyard.runtime import Runtime, open_runtime
from runyard.service.launch import launch

BARE = Path(__file__).with_name("bare_script.py")


@pytest.mark.timeout(600)
def test_first_step(
    yard: Yard, board: Any, demo_cache: Path, interleaved: Callable[..., list[float]], long_round: None
) -> None:
    place(demo_cache, yard)
    model, path = yard.models / "all-MiniLM-L6-v2", yard.home / "texts.parquet"
    rivals.write_texts(yard.datasets / "food-reviews.parquet", path, model, count=256)
    config = rivals.config_of(path, method="lora", max_length=64)
    rt = open_runtime(yard.home)

    def launched() -> float:
        began = time.time()
        seed = int(began * 1000) % 2**31  # or the run would be one that is there already
        run_id = launch(rt, parse_run_config({**config.model_dump(), "seed": seed}), launched_by="bench")
        done = _first_step(rt, run_id)
        _ended(rt, run_id)
        return done - began

    def bare() -> float:
        began = time.time()
        command = [sys.executable, str(BARE), str(model), str(path)]
        return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout) - began

    mine, script = interleaved(launched, bare, repeat=3)
    rt.close()

    board.add("launch to first step / bare script", mine / script, 1.5, "x", f"{mine:.1f} against {script:.1f} s")


def _first_step(rt: Runtime, run_id: UUID) -> float:
    while True:
        for journal in rt.yard.run(run_id).path.glob("journal-*.jsonl"):
            for line in journal.read_bytes().splitlines():
                if b'"train/loss"' in line:
                    return float(json.loads(line)["at"]) / 1e6
        time.sleep(0.05)


def _ended(rt: Runtime, run_id: UUID) -> None:
    while rt.store.live("SELECT status FROM runs WHERE id = ?", [run_id]).item() in ("queued", "running"):
        time.sleep(0.2)
        rt.store.ingest(verb="bench", wait_seconds=5.0)
