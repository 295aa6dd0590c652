"""`lr_at` equals the schedulers of transformers and torch, warm-up included."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.optim.lr_scheduler import CosineAnnealingLR, ExponentialLR, OneCycleLR, PolynomialLR

from runyard.config.part import Part
from runyard.config.schedules import (
    Constant,
    Cosine,
    CosineRestarts,
    Exponential,
    InverseSqrt,
    Linear,
    OneCycle,
    Polynomial,
    WarmupStableDecay,
    lr_at,
)

STEPS, WARMUP, BASE = 100, 10, 0.3


def rates(make: Callable[[Any], Any]) -> list[float]:
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=BASE)
    schedule = make(optimizer)
    told = []
    for _ in range(STEPS):
        told.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return told


def ours(schedule: Part, warmup: int) -> list[float]:
    return [lr_at(schedule, step, base=BASE, warmup=warmup, total=STEPS) for step in range(STEPS)]


@pytest.mark.parametrize(
    ("schedule", "name", "options"),
    [
        (Constant(), "constant_with_warmup", {}),
        (Linear(), "linear", {}),
        (Cosine(), "cosine", {}),
        (Cosine(min_lr=0.03), "cosine_with_min_lr", {"min_lr": 0.03}),
        (Polynomial(power=2, min_lr=1e-7), "polynomial", {"power": 2, "lr_end": 1e-7}),
        (CosineRestarts(cycles=3), "cosine_with_restarts", {"num_cycles": 3}),
        (InverseSqrt(timescale=40), "inverse_sqrt", {"timescale": 40}),
        (WarmupStableDecay(decay_share=0.2), "warmup_stable_decay", {"num_decay_steps": 18, "decay_type": "linear"}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_equals_transformers(schedule: Part, name: str, options: dict[str, float]) -> None:
    from transformers.optimization import get_scheduler

    theirs = rates(lambda optimizer: get_scheduler(name, optimizer, WARMUP, STEPS, options))
    assert ours(schedule, WARMUP) == pytest.approx(theirs, abs=1e-12)


@pytest.mark.parametrize(
    ("schedule", "make"),
    [
        (Cosine(min_lr=0.02), lambda o: CosineAnnealingLR(o, STEPS, eta_min=0.02)),
        (Polynomial(power=2), lambda o: PolynomialLR(o, STEPS, power=2)),
        (Exponential(decay_rate=0.97, decay_steps=1), lambda o: ExponentialLR(o, 0.97)),
        (OneCycle(), lambda o: OneCycleLR(o, BASE, STEPS, cycle_momentum=False)),
        (
            OneCycle(rise_share=0.45, start_divisor=10, end_divisor=100),
            lambda o: OneCycleLR(
                o, BASE, STEPS, pct_start=0.45, div_factor=10, final_div_factor=100, cycle_momentum=False
            ),
        ),
    ],
)
def test_equals_torch(schedule: Part, make: Callable[[Any], Any]) -> None:
    assert ours(schedule, 0) == pytest.approx(rates(make), rel=1e-9)
