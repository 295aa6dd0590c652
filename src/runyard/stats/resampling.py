"""The BCa bootstrap of a difference of means, for results that no t distribution fits."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from runyard.stats.effects import ALPHA, Results, finite

FEWEST_RUNS_OF_BOOTSTRAP = 20
RESAMPLES = 9_999
_CELLS_AT_ONCE = 4_000_000  # numbers of a bootstrap that are in memory at a time


@dataclass(frozen=True)
class Interval:
    """An interval in units of the metric."""

    low: float
    high: float


def bootstrap(
    control: Results, treatment: Results, *, alpha: float = ALPHA, resamples: int = RESAMPLES, seed: int = 0
) -> Interval | None:
    """Return the BCa bootstrap interval of treatment - control; the same runs in another order give the same one.

    None with fewer than 20 runs in an arm, where it covers too little, and where an arm does not vary.

    Args:
        control, treatment: one number per run, in units of the metric.
        alpha: the interval is meant to cover 1 - alpha.
        resamples: at least 9,999 for numbers that are shown.

    Source: Efron 1987, `scipy.stats.bootstrap(method="BCa")`.
    """
    one, other = np.sort(finite(control)), np.sort(finite(treatment))
    if min(one.size, other.size) < FEWEST_RUNS_OF_BOOTSTRAP or one[0] == one[-1] or other[0] == other[-1]:
        return None
    return bca(one, other, alpha=alpha, resamples=resamples, seed=seed)


def bca(
    control: NDArray[np.float64], treatment: NDArray[np.float64], *, alpha: float, resamples: int, seed: int
) -> Interval | None:
    """`bootstrap` without its conditions: for finite arrays of two runs or more."""
    from scipy.stats import bootstrap as scipy_bootstrap

    found = scipy_bootstrap(
        (control, treatment),
        _mean_difference,
        n_resamples=resamples,
        confidence_level=1 - alpha,
        method="BCa",
        batch=max(1, _CELLS_AT_ONCE // max(control.size, treatment.size)),
        rng=np.random.default_rng(seed),
    ).confidence_interval
    low, high = float(found.low), float(found.high)
    return Interval(low, high) if math.isfinite(low) and math.isfinite(high) else None


def _mean_difference(control: NDArray[np.float64], treatment: NDArray[np.float64], axis: int = -1) -> ArrayLike:
    return np.asarray(treatment.mean(axis=axis) - control.mean(axis=axis))
