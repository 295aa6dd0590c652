"""What looking at gradients and layers costs a training: the same net with and without, in turn."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from threading import Event
from typing import Any

import numpy as np
import pytest

from runyard.config.run import parse_run_config
from runyard.core.journal import Journal, RunJournal
from runyard.core.paths import Yard

OFF = {"track_gradients": False, "track_weights": False}
NORMS: dict[str, Any] = {"gradient_histogram_frequency": 0, "track_weights": False}  # of each layer every 50 steps
HISTOGRAMS = {"track_activations": True}  # of gradients, weights and activations every 100 steps


@pytest.fixture
def train(yard: Yard, short: bool) -> Callable[[dict[str, Any]], float]:
    """Return a function that trains a net of 0.6 M weights for 200 steps and returns its CPU seconds."""
    import torch

    from runyard.train.callbacks import usual_callbacks
    from runyard.train.network import assemble, task_maker
    from runyard.train.progress import Progress

    torch.set_num_threads(1)
    random = np.random.default_rng(1)
    count = 32 * (40 if short else 100)
    y = np.arange(count) % 4
    x = random.normal(y[:, None, None] / 4, 1.0, (count, 64, 9)).astype(np.float32)
    np.savez(yard.datasets / "noise.npz", X=x, y=y)

    def run(monitoring: dict[str, Any]) -> float:
        config = parse_run_config(
            {
                "model": {"model_type": "cnn1d", "channels": [64, 128, 128, 256], "kernel_size": 7},
                "training_data": {"source": "noise", "validation_split": 0.01},
                "hyperparameters": {"epochs": 2, "batch_size": 32},
                "optimization": {"checkpoint_frequency": 0},
                "monitoring": monitoring,
            }
        )
        folder = yard.run(uuid.uuid4())
        pen = RunJournal(Journal(folder.journal(1)), folder.path.name, 1)
        device = torch.device("cpu")
        network = assemble(
            config,
            task_maker(config)(config, yard, lambda *_: None, device),
            pen,
            checkpoints=folder.checkpoints,
            callbacks=usual_callbacks(config, Event(), folder.cancel),
            device=device,
            progress=Progress(),
        )
        began = time.process_time()
        network.loop.run()
        return time.process_time() - began

    run(OFF)
    return run


def test_tracking_beside_none(
    train: Callable[[dict[str, Any]], float], board: Any, interleaved: Callable[..., list[float]]
) -> None:
    off, norms, histograms = interleaved(*(lambda m=m: train(m) for m in (OFF, NORMS, HISTOGRAMS)), repeat=5)
    note = f"{off:.2f} s without"
    board.add("training with gradient norms", norms / off, 1.02, "x", note)
    board.add("training with histograms every 100 steps", histograms / off, 1.05, "x", note)
