"""Drift, adaptation and McNemar's test: by hand, against scipy and statsmodels, and where there is too little."""

from __future__ import annotations

import math
import random
import subprocess
import sys

import pytest
from scipy.stats import theilslopes
from statsmodels.stats.contingency_tables import mcnemar

from runyard.stats.drift import adaptation_speed, drift, newest_drop
from runyard.stats.paired import mcnemar_p

DAYS = [0.0, 1.0, 2.0, 4.0, 5.0]


def test_the_slope_is_the_median_of_all_pairs() -> None:
    """The pairs of (0, 0), (1, 1), (2, 2), (4, 4), (5, 50): six have slope 1, the others 10, 12.25, 16 and 46."""
    found = drift(DAYS, [0.0, 1.0, 2.0, 4.0, 50.0])

    assert (found.rate, found.points) == (1.0, 5)


@pytest.mark.parametrize("seed", range(5))
def test_rate_and_interval_are_scipys(seed: int) -> None:
    dice = random.Random(seed)
    days = sorted(dice.uniform(0, 30) for _ in range(25))
    scores = [0.8 + dice.choice([-0.02, 0, 0.02]) * day + dice.gauss(0, 0.05) for day in days]

    found = drift(days, scores)

    expected = theilslopes(scores, days, 0.95)
    assert (found.rate, found.low, found.high) == pytest.approx(
        (expected.slope, expected.low_slope, expected.high_slope), rel=1e-12
    )
    assert found.intercept == pytest.approx(expected.intercept, rel=1e-12)


@pytest.mark.parametrize(
    ("scores", "higher_is_better", "direction", "rate"),
    [
        ([0.5, 0.6, 0.7, 0.9, 1.0], True, "improving", 0.1),
        ([0.5, 0.6, 0.7, 0.9, 1.0], False, "degrading", -0.1),
        ([1.0, 0.9, 0.8, 0.6, 0.5], True, "degrading", -0.1),
        ([1.0, 0.9, 0.8, 0.6, 0.5], False, "improving", 0.1),
        ([0.8, 0.8, 0.8, 0.8, 0.8], True, "stable", 0.0),
        ([0.8, 0.7, 0.9, 0.75, 0.85], True, "stable", None),
    ],
)
def test_a_direction_needs_an_interval_without_zero(
    scores: list[float], higher_is_better: bool, direction: str, rate: float | None
) -> None:
    found = drift(DAYS, scores, higher_is_better=higher_is_better)

    assert found.direction == direction
    assert rate is None or found.rate == pytest.approx(rate)
    assert found.rate is not None
    assert found.low is not None
    assert found.high is not None
    assert found.low <= found.rate <= found.high


@pytest.mark.parametrize(
    ("days", "scores", "points"),
    [
        ([], [], 0),
        ([0, 5], [0.1, 0.2], 2),
        ([0, 1, 2, 3], [0.1, math.nan, 0.2, None], 2),
        ([0, 1, 2, 3], [0.1, math.inf, 0.2, -math.inf], 2),
        ([0.0, 0.5, 0.9], [0.1, 0.2, 0.3], 3),
        ([3.0, 3.0, 3.0], [0.1, 0.2, 0.3], 3),
        ([0, 1, 2], [-1e308, 1e308, 1e308], 3),
    ],
)
def test_too_little_is_no_rate(days: list[float], scores: list[float | None], points: int) -> None:
    found = drift(days, scores)

    assert (found.rate, found.low, found.high) == (None, None, None)
    assert (found.direction, found.points) == ("insufficient_data", points)


def test_an_interval_that_cannot_be_had_is_unknown_and_not_nan() -> None:
    found = drift([0.0, 0.0, 2.0, 2.0], [0.5, 0.5, 0.5, 0.5])

    assert found.direction == "stable"
    assert found.rate == 0
    assert found.low is None or math.isfinite(found.low)


def test_as_many_days_as_scores() -> None:
    with pytest.raises(ValueError, match="2 days"):
        drift([0.0, 1.0], [0.5])


@pytest.mark.parametrize(
    ("scores", "baseline", "higher_is_better", "speed"),
    [
        ([0.7, 0.8, 0.855], 0.9, True, 1 / 3),  # 0.855 is exactly 5 % below
        ([0.9], 0.9, True, 1.0),
        ([1.2], 0.9, True, 1.0),
        ([0.7, 0.8], 0.9, True, None),
        ([None, math.nan, 0.9], 0.9, True, 1 / 3),
        ([50.0, 42.0], 40.0, False, 0.5),
        ([43.0], 40.0, False, None),
        ([-1.2, -1.05], -1.0, True, 0.5),
        ([], 0.9, True, None),
        ([0.9], None, True, None),
        ([0.9], math.nan, True, None),
    ],
)
def test_adaptation_speed(
    scores: list[float | None], baseline: float | None, higher_is_better: bool, speed: float | None
) -> None:
    found = adaptation_speed(scores, baseline, higher_is_better=higher_is_better)

    assert found == (None if speed is None else pytest.approx(speed))


@pytest.mark.parametrize(
    ("scores", "higher_is_better", "drop"),
    [
        ([0.9, 0.91, 0.7, 0.8, 0.9], True, (0.91, [0.8, 0.9])),
        ([0.9, 0.5, 0.9, 0.8, 0.6], True, (0.9, [0.6])),
        ([0.9, 0.87, 0.9], True, None),
        ([40.0, 39.0, 60.0], False, (39.0, [])),
        ([None, 0.9, math.nan, 0.5, None, 0.9], True, (0.9, [None, 0.9])),
        ([], True, None),
    ],
)
def test_the_newest_drop(
    scores: list[float | None], higher_is_better: bool, drop: tuple[float, list[float | None]] | None
) -> None:
    assert newest_drop(scores, higher_is_better=higher_is_better) == drop


@pytest.mark.parametrize(("fixed", "broken"), [(0, 0), (1, 0), (0, 7), (3, 9), (25, 25), (400, 350)])
def test_mcnemars_p_is_that_of_statsmodels(fixed: int, broken: int) -> None:
    expected = mcnemar([[11, broken], [fixed, 13]], exact=True).pvalue

    assert mcnemar_p(fixed, broken) == pytest.approx(expected, rel=1e-9)


def test_counts_are_not_negative() -> None:
    with pytest.raises(ValueError, match="-1 fixed"):
        mcnemar_p(-1, 2)


def test_scipy_waits_until_it_is_needed() -> None:
    code = "import sys, runyard.stats.drift, runyard.stats.paired; print('scipy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
