"""Looking at an experiment before it is over without more false alarms: at any time, or at looks planned before it.

A plain p value that is looked at again and again finds a difference in every fourth experiment that has none.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from runyard.stats.effects import ALPHA, Results, compare, finite

FIRST_LOOK = 10  # runs per arm before which the always-valid p is 1: the variances are not known well enough
NEAREST_LOOKS = 0.001  # share of the runs between two planned looks
_FARTHEST = 9.0  # standard deviations beyond which a path that goes on is not looked for
_TINIEST = 1e-300


@dataclass(frozen=True)
class Look:
    """A planned look: the share of the runs that are there, the alpha spent up to it, its bound, and its nominal p.

    The Welch p value of the look is a finding if it is below `nominal_p`. `bound` is the same for a z statistic.
    """

    share: float
    spent: float
    bound: float
    nominal_p: float

    def is_crossed(self, p: float | None) -> bool:
        """Say whether the Welch p value at this look is a finding; an unknown one is none."""
        return p is not None and p < self.nominal_p


def always_valid_p(
    differences: NDArray[np.float64], variances: NDArray[np.float64], *, effect: float
) -> NDArray[np.float64]:
    """Return the p value after each look, which may be looked at after every run: it never rises.

    Args:
        differences: of the means at each look, the last axis in order of time, in units of the metric.
        variances: V = s1² / n1 + s2² / n2 at each look, same shape; looks without a positive one are no evidence.
        effect: tau, the effect that matters, in units of the metric, above 0: the standard deviation of the normal
            mixture. It changes how soon something is found, not how often something is found wrongly.

    Returns:
        min(1, smallest 1 / L so far), same shape, with L = sqrt(V / (V + tau²)) exp(tau² d² / (2 V (V + tau²))).

    Source: the mixture sequential probability ratio test, Johari et al. 2017.
    """
    if not 0 < effect < math.inf:
        raise ValueError(f"the effect that matters is above 0 and finite, not {effect}")
    with np.errstate(all="ignore"):
        shrunk = 1 / (1 + variances / effect**2)  # tau² / (V + tau²)
        evidence = (np.log1p(-shrunk) + shrunk * differences**2 / variances) / 2
        p = np.exp(-np.where((variances > 0) & np.isfinite(evidence), np.maximum(evidence, 0), 0))
    return np.asarray(np.minimum.accumulate(p, axis=-1), dtype=np.float64)


def after_every_run(control: Results, treatment: Results, *, effect: float) -> NDArray[np.float64]:
    """Return the always-valid p after each run from the tenth of either arm on, shape (looks,); none before.

    Args:
        control, treatment: one number per run in the order in which the runs ended; not-finite ones are left out.
            Once one arm has no more runs, the looks go on with those of the other.
        effect: as in `always_valid_p`.
    """
    one, other = running_moments(finite(control)), running_moments(finite(treatment))
    sizes = one[0].size, other[0].size
    if min(sizes) < FIRST_LOOK:
        return np.empty(0)
    runs = np.arange(FIRST_LOOK, max(sizes) + 1)
    first, second = np.minimum(runs, sizes[0]), np.minimum(runs, sizes[1])
    variances = one[1][first - 1] / first + other[1][second - 1] / second
    return always_valid_p(other[0][second - 1] - one[0][first - 1], variances, effect=effect)


def running_moments(results: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean and variance (n - 1; 0 for one run) after each run along the last axis, both shaped as `results`."""
    n = np.arange(1, results.shape[-1] + 1)
    origin = results[..., :1]  # near the mean, so that no digits are lost in the squares
    sums, squares = np.cumsum(results - origin, axis=-1), np.cumsum((results - origin) ** 2, axis=-1)
    variance = np.maximum(squares - sums**2 / n, 0) / np.maximum(n - 1, 1)
    return origin + sums / n, variance


def planned_looks(shares: Sequence[float], *, alpha: float = ALPHA) -> tuple[Look, ...]:
    """Return the looks of a plan with their bounds, two-sided, of the O'Brien–Fleming type: strict first, then less so.

    Args:
        shares: share of the planned runs that are there at each look, rising, the last one 1.
        alpha: of all looks together; each side spends alpha / 2 by 2 - 2 Phi(z_{alpha/4} / sqrt(share)).

    Raises:
        ValueError: the shares do not rise from above 0 to 1 by at least 0.001, or alpha is not between 0 and 1.

    Source: Lan & DeMets 1983; the bounds by the recursive integration of Armitage, McPherson & Rowe 1969.
    """
    if not 0 < alpha < 1:
        raise ValueError(f"alpha lies between 0 and 1, not {alpha}")
    rising = all(other - one > 0.999 * NEAREST_LOOKS for one, other in pairwise((0.0, *shares)))
    if not shares or not rising or not math.isclose(shares[-1], 1, rel_tol=1e-9):
        raise ValueError(f"the shares of planned looks rise to 1 by at least 0.001, not {list(shares)}")
    return _planned(tuple(map(float, shares)), float(alpha))


def equal_looks(looks: int, *, alpha: float = ALPHA) -> tuple[Look, ...]:
    """Return a plan of equally distant looks; see `planned_looks`."""
    return planned_looks([(place + 1) / looks for place in range(looks)], alpha=alpha)


def first_crossing(
    control: Results, treatment: Results, runs: Sequence[int], *, alpha: float = ALPHA
) -> tuple[int, int | None]:
    """Return how many planned looks are due, and the first one (from 1) whose Welch p value is a finding, if any.

    Args:
        control, treatment: one number per run in the order in which the runs ended; not-finite ones are left out.
            A look is at the first so many of each arm, whatever has come in since.
        runs: per arm at each planned look, rising, the last one all that are planned.
        alpha: of all looks together.
    """
    one, other = finite(control).tolist(), finite(treatment).tolist()
    looks = planned_looks([count / runs[-1] for count in runs], alpha=alpha)
    due = [count for count in runs if count <= min(len(one), len(other))]
    for place, count in enumerate(due):
        if looks[place].is_crossed(compare(one[:count], other[:count]).p):
            return len(due), place + 1
    return len(due), None


@lru_cache(maxsize=64)
def _planned(shares: tuple[float, ...], alpha: float) -> tuple[Look, ...]:
    """Carry the density of the paths that have crossed no bound from look to look, on Gauss–Legendre nodes."""
    from scipy.special import ndtr, ndtri

    quarter = float(-ndtri(alpha / 4))
    looks: list[Look] = []
    nodes, weights = np.zeros(1), np.ones(1)  # the path starts at 0; weights are density times node weight
    before, spent_before = 0.0, 0.0
    for share in shares:
        spent = float(4 * ndtr(-quarter / math.sqrt(share)))
        step, scale = math.sqrt(share - before), math.sqrt(share)
        bound = _bound((spent - spent_before) / 2, nodes, weights, step, scale)
        looks.append(Look(share, spent, bound, float(2 * ndtr(-bound))))
        edge = min(bound, _FARTHEST) * scale
        places, sizes = _grid(edge, step)
        steps = (places[:, None] - nodes[None, :]) / step
        density = np.exp(-(steps**2) / 2) @ weights / (step * math.sqrt(2 * math.pi))
        nodes, weights, before, spent_before = places, density * sizes, share, spent
    return tuple(looks)


def _grid(edge: float, step: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return nodes and weights from -edge to edge: panels of at most a step, each with ten Gauss–Legendre nodes."""
    nodes, weights = np.polynomial.legendre.leggauss(10)
    panels = max(2, math.ceil(2 * edge / step))
    half = edge / panels
    middles = -edge + half * (2 * np.arange(panels) + 1)
    return (middles[:, None] + half * nodes).ravel(), np.tile(half * weights, panels)


def _bound(chance: float, nodes: NDArray[np.float64], weights: NDArray[np.float64], step: float, scale: float) -> float:
    """Return the z above which so large a share of the paths lies; infinite where nothing is left to spend."""
    if chance < _TINIEST:
        return math.inf
    from scipy.optimize import brentq
    from scipy.special import ndtr

    def excess(z: float) -> float:
        above = float(ndtr((nodes - z * scale) / step) @ weights)
        return math.log(max(above, _TINIEST / 10)) - math.log(chance)

    return float(brentq(excess, 0.0, 40.0, xtol=1e-12)) if excess(0.0) > 0 else 0.0
