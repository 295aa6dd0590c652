"""Runyard's loop against a bare one of torch on SmolLM2 with LoRA: the same batches, weights and optimizer."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent))

import rivals

from runyard.config.run import RunConfig, parse_run_config
from runyard.core.paths import Yard
from runyard.demodata.place import place
from runyard.train.language import LanguageTask

STEPS, BATCH = 8, 4


def bare(config: RunConfig, yard: Yard) -> rivals.Pace:
    """Take the same steps with nothing around them; only the loss is looked at."""
    torch.set_num_threads(1)
    task = LanguageTask(config, yard, lambda *_: None, torch.device("cpu"))
    model = task.build().model.train()
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=1e-3, weight_decay=0.0, fused=True)
    pace = rivals.Pace()
    for batch in task.batches("train", 1):
        logits = model(**batch.inputs).logits[:, :-1].flatten(0, 1)
        loss = torch.nn.functional.cross_entropy(logits.float(), batch.labels[:, 1:].flatten(), ignore_index=-100)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        loss.item()
        pace.tick()
    return pace


@pytest.mark.timeout(1200)
def test_lora_of_a_language_model(
    yard: Yard, board: Any, demo_cache: Path, interleaved: Callable[..., list[float]], long_round: None
) -> None:
    place(demo_cache, yard)
    config = parse_run_config(
        {
            "model": {"model_type": "causal_lm"},
            "training_data": {"source": "chat-pairs", "max_examples": STEPS * BATCH + 8, "validation_split": 0.2},
            "hyperparameters": {"learning_rate": 1e-3, "batch_size": BATCH, "epochs": 1, "max_length": 96},
            "evaluation": {"samples": 0},
        }
    )

    mine, plain = interleaved(
        lambda: rivals.ours(config, yard, LanguageTask).of_a_step, lambda: bare(config, yard).of_a_step, repeat=3
    )

    note = f"{mine:.2f} against {plain:.2f} CPU s a step, SmolLM2-135M, {BATCH} conversations"
    board.add("a step of LoRA / of a bare loop", mine / plain, 1.1, "x", note)
