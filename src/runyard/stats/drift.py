"""How a score moves as time passes: its slope per day, and how fast it is back after a drop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

Direction = Literal["improving", "degrading", "stable", "insufficient_data"]
CONFIDENCE = 0.95
FEWEST_POINTS = 3
TOLERANCE = 0.05  # a score within 5 % of the baseline is back
_DIGITS = 9  # thresholds are compared after rounding, so that what is equal but for the last digit is equal


@dataclass(frozen=True)
class Drift:
    """A slope per day with its 95 % interval, all turned so that positive is better, and the points it rests on.

    `slope` and `intercept` are the line as it is drawn: score = intercept + slope * day, not turned.
    """

    rate: float | None
    low: float | None
    high: float | None
    direction: Direction
    points: int
    slope: float | None = None
    intercept: float | None = None


def drift(days: Sequence[float], scores: Sequence[float | None], *, higher_is_better: bool = True) -> Drift:
    """Return the Theil–Sen slope of scores over time: the median slope of all pairs, which outliers hardly move.

    Args:
        days: times of the scores in days, from any origin, shape (n,); pairs are compared, so memory grows as n².
        scores: shape (n,); missing and not-finite ones are left out.
        higher_is_better: with False the slope is turned.

    Returns:
        Unknown rate and `insufficient_data` with fewer than three finite points, or when they lie within one day
        (first to last less than 24 hours). `improving` and `degrading` need an interval that leaves out zero.

    Source: `scipy.stats.theilslopes(y, x, 0.95)`; Sen 1968.
    """
    x, y = np.asarray(days, dtype=float), np.array([np.nan if s is None else s for s in scores], dtype=float)
    if x.shape != y.shape:
        raise ValueError(f"{x.size} days do not go with {y.size} scores")
    usable = np.isfinite(x) & np.isfinite(y)
    x, y = x[usable], y[usable]
    if x.size < FEWEST_POINTS or np.ptp(x) < 1:
        return Drift(None, None, None, "insufficient_data", int(x.size))
    from scipy.stats import theilslopes  # takes a second to import, which only pages with a drift should pay

    with np.errstate(all="ignore"):
        found = theilslopes(y, x, CONFIDENCE)
    slope, intercept, low, high = (
        float(value) if np.isfinite(value) else None
        for value in (found.slope, found.intercept, found.low_slope, found.high_slope)
    )
    if slope is None or intercept is None:
        return Drift(None, None, None, "insufficient_data", int(x.size))
    if higher_is_better:
        rate = slope
    else:
        rate, low, high = -slope, _turned(high), _turned(low)
    return Drift(rate, low, high, _direction(low, high), int(x.size), slope, intercept)


def newest_drop(
    scores: Sequence[float | None], *, higher_is_better: bool = True
) -> tuple[float, list[float | None]] | None:
    """Return the baseline before the newest drop of more than 5 %, and the scores after the drop.

    Args:
        scores: in order of time, shape (n,). The baseline is the last score before the drop; a drop lasts until a score
            is back within 5 % of it.

    Returns:
        None when no score dropped.
    """
    baseline: float | None = None
    found: tuple[float, list[float | None]] | None = None
    below = False
    for place, score in enumerate(scores):
        if score is None or not np.isfinite(score):
            continue
        if baseline is None or _is_back(score, baseline, higher_is_better):
            baseline, below = score, False
        elif not below:
            below, found = True, (baseline, list(scores[place + 1 :]))
    return found


def adaptation_speed(
    scores: Sequence[float | None], baseline: float | None, *, higher_is_better: bool = True
) -> float | None:
    """Return 1 / the number of updates until the score is back within 5 % of |baseline|: 0 to 1, 1 is at once.

    Args:
        scores: one per update after the change, in order, shape (n,); a missing or not-finite one is not back.
        baseline: the score before the change.

    Returns:
        None when the score did not come back, or without a finite baseline.
    """
    if baseline is None or not np.isfinite(baseline):
        return None
    for updates, score in enumerate(scores, start=1):
        if score is not None and np.isfinite(score) and _is_back(score, baseline, higher_is_better):
            return 1 / updates
    return None


def _is_back(score: float, baseline: float, higher_is_better: bool) -> bool:
    gap = (score - baseline) * (1 if higher_is_better else -1)
    return round(gap + TOLERANCE * abs(baseline), _DIGITS) >= 0


def _direction(low: float | None, high: float | None) -> Direction:
    if low is not None and round(low, _DIGITS) > 0:
        return "improving"
    return "degrading" if high is not None and round(high, _DIGITS) < 0 else "stable"


def _turned(value: float | None) -> float | None:
    return None if value is None else -value
