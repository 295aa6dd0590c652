"""How many runs an experiment needs, and whether its runs were dealt out as planned."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

POWER = 0.8
MISMATCH_BELOW = 0.001
_ALPHA = 0.05
_SO_MANY_IS_NORMAL = 100_000


@dataclass(frozen=True)
class SampleRatio:
    """The chi-square test of how many units each arm got; a mismatch means that the assignment is broken."""

    chi2: float
    p: float
    is_mismatch: bool


def power(effect: float, runs: int, *, alpha: float = _ALPHA) -> float:
    """Return the chance, 0 to 1, that a two-sided t test of two arms finds a true effect.

    Args:
        effect: difference of the means in standard deviations of one run (Cohen's d); its sign does not matter.
        runs: per arm, at least 2.
        alpha: the level of the test.

    Source: the noncentral t distribution; `statsmodels.stats.power.TTestIndPower().power`.
    """
    if runs < 2:
        raise ValueError(f"a t test needs two runs in an arm, not {runs}")
    from scipy.special import nctdtr, stdtrit

    freedom, shift = 2 * runs - 2, abs(effect) * math.sqrt(runs / 2)
    critical = float(stdtrit(freedom, 1 - alpha / 2))
    return float(nctdtr(freedom, -shift, -critical) + nctdtr(freedom, shift, -critical))


def required_runs(effect: float, *, alpha: float = _ALPHA, power_wanted: float = POWER) -> int | None:
    """Return the fewest runs per arm, at least 2, that find a true effect with the power wanted.

    None for an effect of zero, or one that is not finite: no number of runs finds it.

    Args:
        effect: difference of the means in standard deviations of one run (Cohen's d).
        alpha: the level of the two-sided t test.
        power_wanted: 0 to 1, more than alpha.

    Source: `statsmodels.stats.power.TTestIndPower().solve_power`, rounded up.
    """
    if not 0 < alpha < power_wanted < 1:
        raise ValueError(f"0 < alpha < power < 1 does not hold for alpha {alpha} and power {power_wanted}")
    if not math.isfinite(effect) or effect == 0:
        return None
    from scipy.special import ndtri

    z = float(ndtri(1 - alpha / 2))
    about = 2 * ((z + float(ndtri(power_wanted))) / effect) ** 2 + z**2 / 4 if abs(effect) > 1e-100 else math.inf
    if about > _SO_MANY_IS_NORMAL:
        return math.ceil(about) if math.isfinite(about) else None
    low, high = 1, max(2, math.ceil(about))
    while power(effect, high, alpha=alpha) < power_wanted:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if power(effect, middle, alpha=alpha) < power_wanted else (low, middle)
    return high


def sample_ratio(assigned: Sequence[int], split: Sequence[float]) -> SampleRatio | None:
    """Return the chi-square test of assigned units against the split; None when nothing was assigned.

    Args:
        assigned: units per arm, not negative.
        split: share of each arm, above 0, in the same order; the shares add up to 1.

    Source: `scipy.stats.chisquare`; a mismatch below p = 0.001, Fabijan et al. 2019.
    """
    if len(assigned) != len(split) or min(assigned, default=0) < 0 or min(split, default=1) <= 0:
        raise ValueError(f"assigned units {list(assigned)} do not go with a split of {list(split)}")
    total, whole = sum(assigned), math.fsum(split)
    if not total:
        return None
    from scipy.special import chdtrc

    expected = [total * share / whole for share in split]
    chi2 = math.fsum((count - share) ** 2 / share for count, share in zip(assigned, expected, strict=True))
    p = float(chdtrc(len(split) - 1, chi2)) if len(split) > 1 else 1.0
    return SampleRatio(chi2, p, p < MISMATCH_BELOW)
