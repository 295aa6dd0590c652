"""Models in order of a metric, each with its 95 % interval, and which of them cannot be told from the best."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from runyard.stats.corrections import holm
from runyard.stats.effects import ALPHA, Z_95, Moments, moments, welch_p

Method = Literal["seeds", "examples", "none"]


@dataclass(frozen=True)
class Entry:
    """What a model achieved: a finite result for each of its runs.

    Args:
        examples: held-out examples that a share of right answers was measured on; None where the metric is no share.
        is_fixed: another seed is the same result, so that a single run says all.
    """

    name: str
    results: Sequence[float]
    examples: int | None = None
    is_fixed: bool = False


@dataclass(frozen=True)
class Ranked:
    """A model's place: mean over its runs, 95 % interval, and how it stands against the best.

    `method` says what the interval is over: repeated `seeds` (Student's t), held-out `examples` (Wilson), or `none`.
    Seeds that all give the same share say nothing of chance, the examples behind it still do.
    `p` is Holm's, of Welch's test over seeds or of two shares; None where nothing can be tested. `ties` is True where
    the model cannot be told from the best one, None where that is not known.
    """

    place: int
    name: str
    mean: float | None
    low: float | None
    high: float | None
    runs: int
    method: Method
    p: float | None
    ties: bool | None


def rank(entries: Sequence[Entry], *, higher_is_better: bool) -> list[Ranked]:
    """Put models in order, the best mean first; those without a finite result come last."""
    usable = [entry for entry in entries if entry.results]
    usable.sort(key=lambda entry: (-_mean(entry) if higher_is_better else _mean(entry), entry.name))
    if not usable:
        return [_without_result(0, entry) for entry in entries]
    best = usable[0]
    raw = [_p_against(entry, best) for entry in usable[1:]]
    adjusted: list[float | None] = [None, *holm(raw)]
    ranked = []
    for place, (entry, p) in enumerate(zip(usable, adjusted, strict=True), start=1):
        low, high, method = interval(entry)
        ties = (True if place == 1 else None) if p is None else p >= ALPHA
        ranked.append(Ranked(place, entry.name, _mean(entry), low, high, len(entry.results), method, p, ties))
    rest = [entry for entry in entries if not entry.results]
    return ranked + [_without_result(len(ranked) + place, entry) for place, entry in enumerate(rest)]


def interval(entry: Entry) -> tuple[float | None, float | None, Method]:
    """Return the 95 % interval of a model's mean and what it is over; Nones where one run is all there is."""
    n, mean = len(entry.results), _mean(entry)
    if n > 1 and not (entry.examples and _is_constant(entry)):
        from scipy.stats import t  # takes a second to import

        half = float(t.ppf(1 - ALPHA / 2, n - 1)) * math.sqrt(_moments(entry).variance / n)
        return mean - half, mean + half, "seeds"
    if entry.examples:
        low, high = wilson(mean, entry.examples)
        return low, high, "examples"
    return None, None, "none"


def wilson(share: float, n: int) -> tuple[float, float]:
    """Return Wilson's 95 % interval of a share of n independent examples."""
    middle = share + Z_95**2 / (2 * n)
    half = Z_95 * math.sqrt(share * (1 - share) / n + Z_95**2 / (4 * n**2))
    return max(0.0, (middle - half) / (1 + Z_95**2 / n)), min(1.0, (middle + half) / (1 + Z_95**2 / n))


def _p_against(entry: Entry, best: Entry) -> float | None:
    """Return how likely a difference so large is by chance: over seeds where they vary, else over examples."""
    known = [one for one in (entry, best) if len(one.results) > 1]
    if known and all(one in known or one.is_fixed for one in (entry, best)):
        p = _welch(entry, best)
        if p is not None:
            return p
    if entry.examples and best.examples:
        return _two_shares(entry, best)
    return None


def _welch(one: Entry, other: Entry) -> float | None:
    """Welch's test; a fixed result has no variance, and two fixed ones can only be the same or not comparable."""
    p = welch_p(_moments(one), _moments(other))
    return 1.0 if p is None and _mean(one) == _mean(other) else p


def _two_shares(one: Entry, other: Entry) -> float | None:
    """Two shares of right answers, pooled, as if of other examples: too cautious for answers on the same ones."""
    if not one.examples or not other.examples:
        return None
    a, b = _mean(one), _mean(other)
    pooled = (a * one.examples + b * other.examples) / (one.examples + other.examples)
    spread = math.sqrt(pooled * (1 - pooled) * (1 / one.examples + 1 / other.examples))
    return 1.0 if spread == 0 else math.erfc(abs(a - b) / spread / math.sqrt(2))


def _mean(entry: Entry) -> float:
    return math.fsum(entry.results) / len(entry.results)


def _moments(entry: Entry) -> Moments:
    return moments(entry.results)


def _is_constant(entry: Entry) -> bool:
    return len(set(entry.results)) == 1


def _without_result(place: int, entry: Entry) -> Ranked:
    return Ranked(place + 1, entry.name, None, None, None, 0, "none", None, None)
