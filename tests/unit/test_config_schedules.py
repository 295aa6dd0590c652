"""`lr_at` on its own: the warm-up, the floor, and the shape of each schedule."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runyard.config.part import Part
from runyard.config.schedules import Constant, Cosine, Exponential, Linear, Polynomial, lr_at

SCHEDULES: list[Part] = [
    Constant(),
    Linear(min_lr=1e-5),
    Cosine(min_lr=1e-5),
    Cosine(total_steps=40),
    Polynomial(power=2, min_lr=1e-5),
    Exponential(decay_rate=0.9, decay_steps=10),
]


@given(st.sampled_from(SCHEDULES), st.integers(0, 300), st.integers(0, 50), st.floats(1e-4, 1))
def test_the_rate_stays_between_zero_and_the_base(schedule: Part, step: int, warmup: int, base: float) -> None:
    rate = lr_at(schedule, step, base=base, warmup=warmup, total=200)
    assert 0 <= rate <= base * (1 + 1e-12)
    if step >= warmup:
        following = lr_at(schedule, step + 1, base=base, warmup=warmup, total=200)
        assert following <= rate + 1e-12


@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda part: type(part).__name__)
def test_the_warm_up_is_a_straight_line_to_the_base(schedule: Part) -> None:
    rates = [lr_at(schedule, step, base=0.1, warmup=10, total=100) for step in range(11)]
    assert rates == pytest.approx([0.01 * step for step in range(11)])


def test_the_floor_is_reached_at_the_end() -> None:
    for schedule in (Linear(min_lr=1e-3), Cosine(min_lr=1e-3), Polynomial(power=3, min_lr=1e-3)):
        assert lr_at(schedule, 100, base=0.1, warmup=10, total=100) == pytest.approx(1e-3)
        assert lr_at(schedule, 1000, base=0.1, warmup=10, total=100) == pytest.approx(1e-3)
    assert lr_at(Exponential(decay_rate=0.5, decay_steps=10), 20, base=0.8, warmup=0, total=9) == pytest.approx(0.2)
