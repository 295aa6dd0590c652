"""A/A tests by the ten thousand: looking early raises no more false alarms than alpha, and intervals cover."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from runyard.stats.effects import satterthwaite, welch_p_values
from runyard.stats.resampling import bca
from runyard.stats.sequential import FIRST_LOOK, always_valid_p, equal_looks, running_moments

ALPHA = 0.05
RUNS = 100
Floats = NDArray[np.float64]


def looks(tests: int, seed: int) -> tuple[Floats, Floats, Floats]:
    """Difference, and variance / runs of both arms, after each run of A/A tests: shape (tests, RUNS)."""
    dice = np.random.default_rng(seed)
    (one, v1), (other, v2) = (running_moments(dice.normal(size=(tests, RUNS))) for _ in range(2))
    runs = np.arange(1, RUNS + 1)
    return other - one, v1 / runs, v2 / runs


@pytest.fixture(scope="module")
def tests(short: bool) -> int:
    return 2_000 if short else 20_000


def test_looking_early_raises_no_more_false_alarms(tests: int) -> None:
    difference, one, other = (part[:, FIRST_LOOK - 1 :] for part in looks(tests, 42))
    runs = np.arange(FIRST_LOOK, RUNS + 1)
    most = ALPHA + 2 * math.sqrt(ALPHA * (1 - ALPHA) / tests)
    p = welch_p_values(difference, one, runs, other, runs)
    print(f"\n{tests} A/A tests, at most {most:.4f}; Welch's p after each run: {(p < ALPHA).any(axis=1).mean():.4f}")
    for effect in (0.25, 0.5, 1.0, 2.0):
        rate = (always_valid_p(difference, one + other, effect=effect)[:, -1] < ALPHA).mean()
        print(f"always valid after each run, effect {effect} sd: {rate:.4f}")
        assert rate <= most
    for step in (10, 20):
        at = np.arange(1, 6) * step - FIRST_LOOK
        nominal = np.array([look.nominal_p for look in equal_looks(5, alpha=ALPHA)])
        rate, naive = (p[:, at] < nominal).any(axis=1).mean(), (p[:, at] < ALPHA).any(axis=1).mean()
        print(f"five looks, every {step} runs: {rate:.4f}; Welch's p at the same looks: {naive:.4f}")
        assert rate <= most


@pytest.mark.parametrize(("n", "m", "spread"), [(5, 5, 1.0), (10, 10, 3.0), (10, 30, 2.0), (50, 20, 0.5)])
def test_welchs_interval_covers(n: int, m: int, spread: float, tests: int) -> None:
    from scipy.special import stdtrit

    dice = np.random.default_rng(n + m)
    one, other = dice.normal(size=(tests, n)), dice.normal(scale=spread, size=(tests, m))
    parts = one.var(axis=1, ddof=1) / n, other.var(axis=1, ddof=1) / m
    half = stdtrit(satterthwaite(parts[0], n, parts[1], m), 1 - ALPHA / 2) * np.sqrt(parts[0] + parts[1])
    covered = (np.abs(other.mean(axis=1) - one.mean(axis=1)) <= half).mean()
    print(f"\nWelch, {n} and {m} runs, spread {spread}: {covered:.4f}")
    assert covered == pytest.approx(0.95, abs=0.015)


@pytest.mark.parametrize("n", [5, 10, 20, 40])
def test_coverage_of_the_bootstrap_is_told(n: int, short: bool) -> None:
    dice, tests = np.random.default_rng(n), 100 if short else 600
    found = [bca(dice.normal(size=n), dice.normal(size=n), alpha=ALPHA, resamples=1_999, seed=k) for k in range(tests)]
    covered = sum(one is not None and one.low <= 0 <= one.high for one in found) / tests
    print(f"\nBCa, {n} runs per arm: {covered:.3f} of {tests}")
    assert covered > 0.75
