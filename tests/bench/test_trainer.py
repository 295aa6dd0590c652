"""Against transformers' Trainer on the same model, texts and batch size: pace, padding, memory."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import rivals

from runyard.core.paths import Yard
from runyard.demodata.place import place

Interleaved = Callable[..., list[float]]


@pytest.fixture
def texts(yard: Yard, demo_cache: Path) -> Callable[..., Path]:
    place(demo_cache, yard)

    def write(**choice: Any) -> Path:
        target = yard.home / "texts.parquet"
        source, model = yard.datasets / "food-reviews.parquet", yard.models / "all-MiniLM-L6-v2"
        rivals.write_texts(source, target, model, **choice)
        return target

    return write


@pytest.mark.timeout(900)
def test_pace(yard: Yard, texts: Callable[..., Path], board: Any, interleaved: Interleaved, long_round: None) -> None:
    path = texts(count=16 * 12, longer_than=32)
    config = rivals.config_of(path, method="full", max_length=32)  # all of one length: nothing to gain by padding

    mine, theirs = interleaved(
        lambda: rivals.ours(config, yard).of_a_step, lambda: rivals.trainer(config, yard).of_a_step, repeat=5
    )

    note = f"{1 / mine:.2f} against {1 / theirs:.2f} steps a CPU second, MiniLM, all weights, 16 x 32 tokens"
    board.add("steps/s of the loop / of Trainer", theirs / mine, 0.97, "x", note, at_least=True)


@pytest.mark.timeout(900)
def test_padding(yard: Yard, texts: Callable[..., Path], board: Any, long_round: None) -> None:
    path = texts(count=512)
    config = rivals.config_of(path, method="full", max_length=256)
    mine, theirs = rivals.ours(config, yard), rivals.trainer(config, yard)

    note = f"{mine.padded_tokens:,} against {theirs.padded_tokens:,} tokens with padding, one epoch of 512 reviews"
    seconds = f"{mine.of_all:.1f} against {theirs.of_all:.1f} CPU s"
    board.add("padded tokens of the loop / of Trainer", mine.padded_tokens / theirs.padded_tokens, 0.65, "x", note)
    board.add("an epoch of the loop / of Trainer", mine.of_all / theirs.of_all, 0.65, "x", seconds)


def test_memory(yard: Yard, texts: Callable[..., Path], board: Any, long_round: None) -> None:
    path = texts(count=96, longer_than=127)

    def peak(who: str) -> float:
        command = [sys.executable, rivals.__file__, who, "lora", str(yard.home), str(path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-2000:]
        return float(json.loads(done.stdout.splitlines()[-1])["peak_mb"])

    mine, theirs = peak("ours"), peak("trainer")

    board.add("peak memory, LoRA / Trainer's", mine / theirs, 1, "x", f"{mine:.0f} against {theirs:.0f} MB")
