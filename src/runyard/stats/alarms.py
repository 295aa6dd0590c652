"""Alarms of a stream of values, such as the errors of a model in use: where did its mean change?

Both are written out here: river, which has them too, would bring pandas and scikit-learn into the server.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

# Of Page-Hinkley: what it tolerates, what it adds up to before it says so, how fast it forgets, how many it waits for.
TOLERANCE, LIMIT, FADING, WARM_UP = 0.005, 50.0, 0.9999, 30
# Of ADWIN: chance of a false alarm, how often it looks, buckets of a size, shortest part and shortest window.
CHANCE, CLOCK, BUCKETS, SHORTEST_PART, GRACE = 0.002, 32, 5, 5, 10


@dataclass(frozen=True)
class Change:
    """The place of the value (0-based) at which a change was noticed, with the means before and since."""

    place: int
    before: float
    since: float


def page_hinkley(values: Sequence[float | None]) -> list[Change]:
    """Return where the mean of a stream was noticed to rise; after each alarm it begins anew.

    Args:
        values: in order of time; missing and not-finite ones are passed over.

    Source: Page 1954, with the parameters of `river.drift.PageHinkley(mode="up")`. The change is taken to have begun
    where the sum was lowest.
    """
    found: list[Change] = []
    seen: list[float] = []
    mean = total = 0.0
    lowest, begun = math.inf, 0
    for place, value in _finite(values):
        seen.append(value)
        mean += (value - mean) / len(seen)
        total = FADING * total + value - mean - TOLERANCE
        if total < lowest:
            lowest, begun = total, len(seen)
        if len(seen) >= WARM_UP and total - lowest > LIMIT:
            found.append(Change(place, _mean(seen[:begun]), _mean(seen[begun:])))
            seen, mean, total, lowest = [], 0.0, 0.0, math.inf
    return found


@dataclass
class _Bucket:
    """So many values of the stream beside each other: their number, sum, and squared deviations from their mean."""

    size: int
    total: float
    spread: float

    def joined(self, other: _Bucket) -> _Bucket:
        size = self.size + other.size
        apart = self.total / self.size - other.total / other.size
        spread = self.spread + other.spread + self.size * other.size / size * apart * apart
        return _Bucket(size, self.total + other.total, spread)


def adwin(values: Sequence[float | None]) -> list[Change]:
    """Return where the mean of a stream was noticed to change, either way; after each alarm it begins anew.

    Args:
        values: in order of time; missing and not-finite ones are passed over.

    Source: Bifet & Gavaldà 2007 (ADWIN2), with the parameters of `river.drift.ADWIN()`.
    """
    found: list[Change] = []
    rows: list[list[_Bucket]] = [[]]  # row i has buckets of 2^i values, the oldest first
    window, seen = _Bucket(0, 0.0, 0.0), 0
    for place, value in _finite(values):
        seen += 1
        single = _Bucket(1, value, 0.0)
        rows[0].append(single)
        window = window.joined(single) if window.size else single
        _compress(rows)
        if seen % CLOCK == 0 and window.size > GRACE:
            parts = _first_cut(rows, window)
            if parts is not None:
                found.append(Change(place, *parts))
                rows, window, seen = [[]], _Bucket(0, 0.0, 0.0), 0
    return found


def _compress(rows: list[list[_Bucket]]) -> None:
    for number, row in enumerate(rows):
        if len(row) <= BUCKETS:
            return
        if number + 1 == len(rows):
            rows.append([])
        rows[number + 1].append(row.pop(0).joined(row.pop(0)))


def _first_cut(rows: list[list[_Bucket]], window: _Bucket) -> tuple[float, float] | None:
    """Return the means of the oldest part and the rest at the first place where they differ by more than chance."""
    older = _Bucket(0, 0.0, 0.0)
    strictness = math.log(2 * math.log(window.size) / CHANCE)
    for row in reversed(rows):
        for bucket in row:
            older = _Bucket(older.size + bucket.size, older.total + bucket.total, 0.0)
            newer = window.size - older.size
            if older.size < SHORTEST_PART or newer < SHORTEST_PART:
                continue
            means = older.total / older.size, (window.total - older.total) / newer
            scale = 1 / (older.size - SHORTEST_PART + 1) + 1 / (newer - SHORTEST_PART + 1)
            least = math.sqrt(2 * scale * window.spread / window.size * strictness) + 2 / 3 * strictness * scale
            if abs(means[0] - means[1]) > least:
                return means
    return None


def _finite(values: Sequence[float | None]) -> Iterator[tuple[int, float]]:
    return ((place, float(value)) for place, value in enumerate(values) if value is not None and math.isfinite(value))


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else math.nan
