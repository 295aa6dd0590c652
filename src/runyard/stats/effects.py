"""The difference of two arms, treatment - control: Welch's and the paired t test, Hedges' g.

A result is the number of one independent run. One that is missing or not finite is no run: it is left out and counted.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

ALPHA = 0.05
Z_95 = 1.959963984540054

Key = TypeVar("Key", bound=Hashable)
Results = Sequence[float | None]
Outcome = Literal["tested", "not_enough_data", "no_spread"]


@dataclass(frozen=True)
class Moments:
    """The finite results of an arm in three numbers, and how many were left out; variance over n - 1, 0 for one run."""

    n: int
    mean: float
    variance: float
    left_out: int = 0


@dataclass(frozen=True)
class Difference:
    """Treatment - control in units of the metric, with the interval and p of Welch's test, and Hedges' g.

    `outcome` says why the rest may be None: `not_enough_data` with fewer than two runs in an arm, `no_spread` where
    neither arm varies (the difference is known then, but nothing says how large it would be by chance).
    """

    control: Moments
    treatment: Moments
    outcome: Outcome
    difference: float | None = None
    t: float | None = None
    freedom: float | None = None
    p: float | None = None
    low: float | None = None
    high: float | None = None
    g: float | None = None
    g_low: float | None = None
    g_high: float | None = None


@dataclass(frozen=True)
class Paired:
    """The mean difference within pairs (same seed or fold), its interval and p; `unpaired` had no usable partner."""

    pairs: int
    unpaired: int
    outcome: Outcome
    difference: float | None = None
    t: float | None = None
    p: float | None = None
    low: float | None = None
    high: float | None = None


def finite(results: Results) -> NDArray[np.float64]:
    """Return the results that are finite, in their order, shape (n,)."""
    values = np.array([np.nan if value is None else value for value in results], dtype=np.float64)
    return values[np.isfinite(values)]


def moments(results: Results) -> Moments:
    """Return count, mean and variance of the finite results; the mean of none is NaN."""
    values = finite(results)
    left_out = len(results) - values.size
    if not values.size:
        return Moments(0, math.nan, 0.0, left_out)
    with np.errstate(over="ignore", invalid="ignore"):
        varies = values.size > 1 and values.min() < values.max()  # the mean of equal numbers may be off by a digit
        mean = float(values.mean()) if varies else float(values[0])
        return Moments(int(values.size), mean, float(values.var(ddof=1)) if varies else 0.0, left_out)


def compare(control: Results, treatment: Results, *, alpha: float = ALPHA) -> Difference:
    """Return treatment - control with Welch's test (Satterthwaite's degrees of freedom, two-sided) and Hedges' g.

    Args:
        control, treatment: one number per run, in units of the metric, in any order.
        alpha: the interval of the difference covers 1 - alpha. That of g is always of 95 %.

    Source: Welch 1947, `statsmodels CompareMeans.ttest_ind / tconfint_diff(usevar="unequal")`; Hedges 1981,
    `statsmodels.stats.meta_analysis.effectsize_smd`.
    """
    one, other = moments(control), moments(treatment)
    if min(one.n, other.n) < 2:
        return Difference(one, other, "not_enough_data")
    difference = other.mean - one.mean
    error = _standard_error(one, other)
    if not math.isfinite(difference) or not math.isfinite(error):
        return Difference(one, other, "not_enough_data")  # results so large that their sum or square is infinite
    if error == 0:
        return Difference(one, other, "no_spread", difference)
    from scipy.special import stdtrit  # SciPy takes a second to import

    freedom = float(satterthwaite(one.variance / one.n, one.n, other.variance / other.n, other.n))
    half = float(stdtrit(freedom, 1 - alpha / 2)) * error
    g, g_half = _hedges(one, other, difference)
    return Difference(
        one,
        other,
        "tested",
        difference,
        t=difference / error,
        freedom=freedom,
        p=welch_p(one, other),
        low=difference - half,
        high=difference + half,
        g=g,
        g_low=g - g_half,
        g_high=g + g_half,
    )


def welch_p(one: Moments, other: Moments) -> float | None:
    """Return the two-sided p of Welch's test; a fixed result is an arm of one run without variance.

    None where neither arm varies. Source: Welch 1947.
    """
    error = _standard_error(one, other)
    if not 0 < error < math.inf:
        return None
    p = welch_p_values(other.mean - one.mean, one.variance / one.n, one.n, other.variance / other.n, other.n)
    return float(p)


def welch_p_values(
    difference: ArrayLike, control_part: ArrayLike, control_runs: ArrayLike, part: ArrayLike, runs: ArrayLike
) -> NDArray[np.float64]:
    """Return Welch's two-sided p of each of many comparisons: arrays of any shapes that go together.

    Args:
        difference: of the means.
        control_part, part: variance / runs of either arm; not both 0.
        control_runs, runs: runs of either arm.
    """
    from scipy.special import stdtr

    freedom = satterthwaite(control_part, control_runs, part, runs)
    error = np.sqrt(np.add(control_part, part))
    p: NDArray[np.float64] = 2 * stdtr(freedom, -np.abs(difference) / error)
    return p


def satterthwaite(
    control_part: ArrayLike, control_runs: ArrayLike, part: ArrayLike, runs: ArrayLike
) -> NDArray[np.float64]:
    """Return the degrees of freedom of Welch's test; arguments as in `welch_p_values`. Source: Satterthwaite 1946."""
    share = np.asarray(control_part) / np.add(control_part, part)
    of_control = share**2 / np.maximum(np.subtract(control_runs, 1), 1)  # one run has no variance: its share is 0
    of_treatment = (1 - share) ** 2 / np.maximum(np.subtract(runs, 1), 1)
    return np.asarray(1 / (of_control + of_treatment), dtype=np.float64)


def compare_pairs(
    control: Mapping[Key, float | None], treatment: Mapping[Key, float | None], *, alpha: float = ALPHA
) -> Paired:
    """Return the mean of treatment - control within pairs, with its t interval and two-sided p.

    Args:
        control, treatment: result by what pairs them: the seed, the fold, or both. A pair needs two finite results.
        alpha: the interval covers 1 - alpha.

    Source: Student's t of the differences, `scipy.stats.ttest_rel`.
    """
    keys = [key for key in control if key in treatment]
    before, after = [_number(control[key]) for key in keys], [_number(treatment[key]) for key in keys]
    inner = moments([b - a for a, b in zip(before, after, strict=True)])
    unpaired = len(control) + len(treatment) - 2 * inner.n
    if inner.n < 2 or not math.isfinite(inner.mean) or not math.isfinite(inner.variance):
        return Paired(inner.n, unpaired, "not_enough_data")
    error = math.sqrt(inner.variance / inner.n)
    scale = max(abs(value) for value in (*before, *after) if math.isfinite(value))
    if error <= 10 * np.finfo(float).eps * scale:
        return Paired(inner.n, unpaired, "no_spread", inner.mean)
    from scipy.special import stdtr, stdtrit

    t = inner.mean / error
    half = float(stdtrit(inner.n - 1, 1 - alpha / 2)) * error
    p = float(2 * stdtr(inner.n - 1, -abs(t)))
    return Paired(inner.n, unpaired, "tested", inner.mean, t, p, inner.mean - half, inner.mean + half)


def _standard_error(one: Moments, other: Moments) -> float:
    """Return the standard error of the difference; 0 where it is but the last digits of the means, as R's t.test."""
    error = math.sqrt(one.variance / one.n + other.variance / other.n)
    return 0.0 if error <= 10 * np.finfo(float).eps * max(abs(one.mean), abs(other.mean)) else error


def _hedges(one: Moments, other: Moments, difference: float) -> tuple[float, float]:
    """Return Hedges' g and half of its 95 % interval."""
    n = one.n + other.n
    pooled = math.sqrt(((one.n - 1) * one.variance + (other.n - 1) * other.variance) / (n - 2))
    g = (1 - 3 / (4 * n - 9)) * difference / pooled
    return g, Z_95 * math.sqrt(n / (one.n * other.n) + g**2 / (2 * (n - 3.94)))


def _number(value: float | None) -> float:
    return math.nan if value is None else value
