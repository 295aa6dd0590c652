"""P values of several comparisons at once: Holm decides, Benjamini–Hochberg screens."""

from __future__ import annotations

from collections.abc import Sequence


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Return Holm's adjusted p values, 0 to 1, in the order given: they bound the chance of any false finding.

    Args:
        p_values: raw, 0 to 1; None is a comparison that could not be made, stays None and is not counted.

    Source: Holm 1979; `statsmodels.stats.multitest.multipletests(method="holm")`.
    """
    known = _in_order(p_values)
    adjusted: list[float | None] = [None] * len(p_values)
    largest = 0.0
    for rank, (p, place) in enumerate(known):
        largest = max(largest, min(1.0, p * (len(known) - rank)))
        adjusted[place] = largest
    return adjusted


def benjamini_hochberg(p_values: Sequence[float | None]) -> list[float | None]:
    """Return Benjamini–Hochberg's adjusted p values, 0 to 1: they bound the share of false ones among the findings.

    Args:
        p_values: raw, 0 to 1; None is a comparison that could not be made, stays None and is not counted.

    Source: Benjamini & Hochberg 1995; `statsmodels.stats.multitest.multipletests(method="fdr_bh")`.
    """
    known = _in_order(p_values)
    adjusted: list[float | None] = [None] * len(p_values)
    smallest = 1.0
    for rank in range(len(known), 0, -1):
        p, place = known[rank - 1]
        smallest = min(smallest, p * len(known) / rank)
        adjusted[place] = smallest
    return adjusted


def _in_order(p_values: Sequence[float | None]) -> list[tuple[float, int]]:
    known = sorted((p, place) for place, p in enumerate(p_values) if p is not None)
    if wrong := [p for p, _ in known if not 0 <= p <= 1]:
        raise ValueError(f"p values lie between 0 and 1, not {wrong[0]}")
    return known
