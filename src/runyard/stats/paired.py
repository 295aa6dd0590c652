"""Tests of the same items judged twice."""

from __future__ import annotations


def mcnemar_p(fixed: int, broken: int) -> float:
    """Return McNemar's exact two-sided p, 0 to 1: how likely is so uneven a split when changes go either way alike?

    Args:
        fixed: items that were wrong before and are right after.
        broken: items that were right before and are wrong after.

    Source: `scipy.stats.binomtest(fixed, fixed + broken, 0.5)`, equal to statsmodels' `mcnemar(exact=True)`; without
    any changed item it is 1.
    """
    if fixed < 0 or broken < 0:
        raise ValueError(f"counts are not negative: {fixed} fixed, {broken} broken")
    if not fixed + broken:
        return 1.0
    from scipy.stats import binomtest  # takes a second to import

    return float(binomtest(fixed, fixed + broken, 0.5).pvalue)
