"""Forecasts: the power law against scipy's own fit, the band's coverage, and curves that say too little."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.optimize import curve_fit, minimize

from runyard.stats.forecast import COVERAGE, Curve, forecast, half_width, power_law


def squares(epochs: np.ndarray, losses: np.ndarray, level: float, gain: float, exponent: float) -> float:
    return float(((level + gain * epochs**-exponent - losses) ** 2).sum())


@pytest.mark.parametrize(("level", "gain", "exponent"), [(0.3, 1.2, 0.5), (-1.0, 0.4, 1.5), (2.0, 5.0, 0.15)])
def test_an_exact_curve_is_found_again(level: float, gain: float, exponent: float) -> None:
    epochs = np.arange(1, 31)
    law = power_law(list(epochs), list(level + gain * epochs**-exponent))
    assert law is not None
    assert (law.level, law.gain, law.exponent) == pytest.approx((level, gain, exponent), rel=1e-4)
    assert law.at(100) == pytest.approx(level + gain * 100**-exponent, rel=1e-5)


@pytest.mark.parametrize("seed", range(6))
def test_a_noisy_curve_is_fitted_as_well_as_scipy_does(seed: int) -> None:
    dice = np.random.default_rng(seed)
    epochs = np.arange(1, 41)
    losses = 0.5 + 2 * epochs**-0.6 + dice.normal(0, 0.03, 40)
    law = power_law(list(epochs), list(losses))
    assert law is not None
    found, _ = curve_fit(lambda t, a, b, c: a + b * t**-c, epochs, losses, p0=(0.5, 2, 0.6), maxfev=10_000)
    assert squares(epochs, losses, law.level, law.gain, law.exponent) <= squares(epochs, losses, *found) + 1e-9


def test_the_gain_is_never_negative() -> None:
    """A curve that rises is best met by its mean: nothing of it fades."""
    epochs, losses = np.arange(1, 21), 1 + 0.05 * np.arange(1, 21)
    law = power_law(list(epochs), list(losses))
    assert law is not None
    assert law.gain == pytest.approx(0, abs=1e-6)
    best = minimize(lambda p: squares(epochs, losses, *p), (1, 0.5, 1), bounds=((None, None), (0, None), (0.01, 10)))
    assert squares(epochs, losses, law.level, law.gain, law.exponent) <= best.fun + 1e-6


@pytest.mark.parametrize(
    "losses", [[], [1.0, 0.9, 0.8, 0.7], [1.0, math.nan, 0.8, None, 0.7, math.inf, 0.65, math.nan]]
)
def test_fewer_than_five_finite_points_say_nothing(losses: list[float | None]) -> None:
    epochs = list(range(1, len(losses) + 1))
    assert power_law(epochs, losses) is None
    usable = [(e, loss) for e, loss in zip(epochs, losses, strict=True) if loss is not None and math.isfinite(loss)]
    assert forecast(Curve([e for e, _ in usable], [loss for _, loss in usable], 10), []) is None


@pytest.mark.parametrize("value", [0.0, 1e-12, 3.0, 1e12, -5.0])
def test_a_flat_curve_stays_where_it_is(value: float) -> None:
    law = power_law(list(range(1, 11)), [value] * 10)
    assert law is not None
    assert law.at(100) == pytest.approx(value, abs=1e-9 * max(1.0, abs(value)))


def test_half_the_width_is_the_ninth_of_nine_errors_and_needs_nine() -> None:
    errors = [0.9, 0.1, 0.5, 0.2, 0.3, 0.4, 0.7, 0.6, 0.8]
    assert half_width(errors) == 0.9  # ceil(10 * 0.9) = 9
    assert half_width(errors[:8]) is None
    assert half_width([float(n) for n in range(1, 20)]) == 18.0  # ceil(20 * 0.9)
    assert half_width([float(n) for n in range(1, 101)]) == 91.0  # ceil(101 * 0.9)


def curve_of(dice: np.random.Generator, epochs: int) -> Curve:
    """A run of a family: levels and exponents vary, with noise at each epoch."""
    t = np.arange(1, epochs + 1)
    losses = dice.normal(0.5, 0.1) + dice.uniform(1, 2) * t ** -dice.uniform(0.3, 1) + dice.normal(0, 0.02, epochs)
    return Curve(list(range(1, epochs + 1)), [float(x) for x in losses], epochs)


def test_the_band_holds_the_end_about_as_often_as_it_says() -> None:
    """Split conformal: runs of one family, each foretold a third of the way by 20 others."""
    dice = np.random.default_rng(1)
    held = runs = 0
    for _ in range(60):
        earlier, own = [curve_of(dice, 30) for _ in range(20)], curve_of(dice, 30)
        found = forecast(Curve(own.epochs[:10], own.losses[:10], 30), earlier)
        assert found is not None
        assert found.low is not None
        assert found.high is not None
        assert found.earlier_runs == 20
        runs += 1
        held += found.low <= own.losses[-1] <= found.high
    assert COVERAGE - 0.12 < held / runs <= 1.0


def test_runs_that_were_too_short_count_for_nothing() -> None:
    dice = np.random.default_rng(2)
    own, short = curve_of(dice, 30), Curve([1, 2, 3], [1.0, 0.9, 0.8], 3)
    found = forecast(Curve(own.epochs[:10], own.losses[:10], 30), [short] * 20)
    assert found is not None
    assert (found.low, found.high, found.earlier_runs) == (None, None, 0)
    assert found.value == pytest.approx(own.losses[-1], abs=0.3)
