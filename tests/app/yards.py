"""Yards to look at: real journals of made-up runs, folded in by the real ingest.

`python tests/app/yards.py FOLDER` makes the full yard in a folder, to serve it and look at the pages.
"""

from __future__ import annotations

import json
import math
import random
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from ready import ready_yard

from runyard.core.clock import now_us
from runyard.core.ids import new_id
from runyard.core.journal import Journal
from runyard.core.paths import Yard
from runyard.store.store import Store

SECOND = 1_000_000
NOBODY = 4_194_305  # above the largest process id of Linux, so that no signal of a test ever meets a process


@dataclass(frozen=True)
class Story:
    """How a made-up run went."""

    name: str
    status: str
    epochs: int
    planned: int
    best: int
    minutes_ago: float = 30.0
    epoch_seconds: float = 6.0
    floor: float = 0.35
    agent: str = "demo"
    model: str = "cnn1d"
    error: str = ""
    stopped_early: bool = False
    seed: int = 1
    launched_by: str = "page"
    samples: tuple[tuple[str, str, str, str], ...] = ()


STORIES = (
    Story("watch-cnn", "completed", 60, 60, 22, floor=0.31),
    Story("reviews-lora", "completed", 8, 20, 5, 20, 21.0, 0.42, "reviewer", "all-MiniLM-L6-v2", stopped_early=True),
    Story("reviews-lora-hot", "failed", 4, 20, 2, 16, 20.0, 0.6, "reviewer", "all-MiniLM-L6-v2",
          "The validation loss became NaN in epoch 5 at learning rate 0.03."),
    Story("watch-cnn-wide", "cancelled", 17, 60, 15, 12),
    Story("![x](http://evil.example/a.png) **bold**", "completed", 30, 30, 29, 9, agent="odd"),
    Story("watch-cnn-live", "running", 14, 60, 11, 2.0, 6.0),
    Story("watch-cnn-next", "queued", 0, 60, 0, 1.0),
)  # fmt: skip


def full_yard(home: Path, stories: tuple[Story, ...] = STORIES) -> dict[str, UUID]:
    """Make a yard of these runs and return their ids by name."""
    yard = ready_yard(home)
    ids = {story.name: new_id() for story in stories}
    for story in stories:
        write_run(yard, ids[story.name], story)
    Store(yard).ingest(verb="test", wait_seconds=20, snapshot=True, replace_views=True)
    return ids


def empty_yard(home: Path) -> None:
    """Make a yard without a run."""
    full_yard(home, ())


def write_run(yard: Yard, run_id: UUID, story: Story) -> None:
    """Write the journals, the config and the log of one run."""
    folder = yard.run(run_id)
    queued = now_us() - int(story.minutes_ago * 60 * SECOND)
    launcher = Journal(yard.events / f"{run_id}.jsonl")
    launcher.write({"k": "queued", "run": str(run_id), "at": queued, "attempt": 1, **_queued(story)})
    launcher.close()
    folder.path.mkdir(parents=True, exist_ok=True)
    folder.config.write_text(f"name: {json.dumps(story.name)}\nmodel: {{model_type: {story.model}}}\n", "utf-8")
    if story.status == "queued":
        return
    journal = Journal(folder.journal(1))
    for event in _life(story, queued + SECOND):
        journal.write({"k": event["k"], "run": str(run_id), "attempt": 1, **event})
    journal.close()
    lines = (f"epoch {epoch:3d}  train {1 / epoch:.4f}" for epoch in range(1, story.epochs + 1))
    folder.log.write_text("\n".join(["loading data", *lines, story.error or "done"]) + "\n", "utf-8")


def _queued(story: Story) -> dict[str, Any]:
    config = {
        "name": story.name, "agent": story.agent, "workspace": "default", "training_type": "from_scratch",
        "seed": story.seed, "model": {"model_type": _kind(story)},
        "hyperparameters": {"learning_rate": 1e-3, "batch_size": 32, "epochs": story.planned},
        "optimization": {"early_stopping": {"enabled": True, "monitor": "val_loss", "mode": "min", "patience": 10}},
    }  # fmt: skip
    return {
        "kind": "train", "name": story.name, "agent": story.agent, "workspace": "default", "config": config,
        "digest": "0" * 64, "group": "1" * 64, "seed": story.seed, "launched_by": story.launched_by,
        "command": f"runyard launch {story.name}.yaml", "tags": ["tests"],
    }  # fmt: skip


def _kind(story: Story) -> str:
    return "causal_lm" if story.samples else ("cnn1d" if story.model == "cnn1d" else "text_encoder")


def _samples(story: Story, moment: str, step: int) -> dict[str, Any]:
    place = {"before": 2, "after": 3}[moment]
    rows = [
        {"number": number, "prompt": sample[0], "expected": sample[1], "answer": sample[place]}
        for number, sample in enumerate(story.samples, start=1)
    ]
    return {"k": "samples", "moment": moment, "step": step, "samples": rows}


def _life(story: Story, at: int) -> Iterator[dict[str, Any]]:
    rng = random.Random(story.name)
    steps = 24
    yield {"k": "started", "at": at, "pid": NOBODY, "pid_created": at / 1e6, "host": "bench", "device": "cpu",
           "accelerators": 1, "threads": 1, "python": "3.11.7", "command": "python -m runyard.train",
           "git": {"commit": "3f1c0ffee3f1c0ffee3f1c0ffee3f1c0ffee3f1c", "dirty": True},
           "packages": {"torch": "2.13.0", "runyard": "0.1.0", "numpy": "2.3.1"}}  # fmt: skip
    yield {"k": "planned", "at": at + SECOND, "total_epochs": story.planned, "total_steps": steps * story.planned,
           "dataset_id": "watch-series", "dataset_size": 1300, "validation_size": 320, "parameters": 42_310,
           "trainable_parameters": 42_310, "base_model": story.model,
           "class_counts": {"train": {"rest": 900, "walk": 400}, "validation": {"rest": 220, "walk": 100}}}  # fmt: skip
    yield {"k": "notice", "at": at + SECOND, "level": "info", "message": "bf16 is not available; float32 is used"}
    moment = at + 2 * SECOND
    if story.samples:
        yield {**_samples(story, "before", 0), "at": moment}
    for epoch in range(1, story.epochs + 1):
        for second in range(0, int(story.epoch_seconds), 5):
            yield {"k": "metrics", "at": moment + second * SECOND, "step": steps * epoch + second, "metrics": [
                {"name": "system/cpu_percent", "value": 95 + rng.uniform(-8, 4)},
                {"name": "system/memory_gb", "value": 0.45 + 0.002 * epoch + rng.uniform(0, 0.02)},
            ]}  # fmt: skip
        moment += int(story.epoch_seconds * SECOND)
        yield {"k": "epoch", "at": moment, "epoch": epoch, **_losses(story, epoch, rng), "step": steps * epoch,
               "epoch_seconds": story.epoch_seconds + rng.uniform(-0.3, 0.3), "samples": 980,
               "learning_rate": 1e-3 * 0.5 * (1 + math.cos(math.pi * epoch / story.planned)),
               "gradient_norm": 1.4 + rng.uniform(-0.3, 0.3), "memory_gb": 0.46, "cpu_utilization": 0.49,
               "metrics": [{"name": "accuracy", "value": min(0.5 + epoch * 0.02, 0.91)}]}  # fmt: skip
        if epoch % 10 == 0:
            yield {"k": "checkpoint", "at": moment, "step": steps * epoch, "epoch": epoch, "bytes": 170_000,
                   "path": f"checkpoints/step-{steps * epoch}", "sha256": "a" * 64}  # fmt: skip
    if story.status == "running":
        return
    if story.samples:
        yield {**_samples(story, "after", steps * story.epochs), "at": moment}
    if story.stopped_early:
        yield {"k": "early_stop", "at": moment, "epoch": story.epochs, "best_epoch": story.best, "patience": 3}
    if story.status == "cancelled":
        yield {"k": "cancel_requested", "at": moment - SECOND, "by": "page"}
    yield {"k": "ended", "at": moment + SECOND, "status": story.status, "early_stopped": story.stopped_early,
           "error_kind": "diverged" if story.error else None, "error_message": story.error or None,
           "error_hint": "Try a tenth of the learning rate, or gradient clipping." if story.error else None,
           "error_details": "Traceback (most recent call last):\n  Diverged" if story.error else None,
           "memory_peak_gb": 0.61, "cpu_seconds": story.epochs * 5.5, "steps": steps * story.epochs}  # fmt: skip


def _losses(story: Story, epoch: int, rng: random.Random) -> dict[str, float]:
    fall = 1.6 * math.exp(-2.6 * epoch / max(story.best, 1))
    rise = 0.011 * max(epoch - story.best, 0)
    val = story.floor + fall + rise + rng.uniform(0, 0.012) * (epoch != story.best)
    diverged = story.error and epoch == story.epochs
    return {"train_loss": story.floor * 0.8 + fall * 0.95 - 0.003 * epoch, "val_loss": math.nan if diverged else val}


if __name__ == "__main__":
    for made, made_id in full_yard(Path(sys.argv[1])).items():
        print(made_id, made)
