"""What an hour of each device costs, from a moment on: what the hours of runs are multiplied with."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from decimal import Decimal

import polars as pl

from runyard.core.clock import now
from runyard.core.errors import Invalid, Problem
from runyard.runtime import Runtime

_LARGEST = 1e9
_LISTED = """
SELECT device, usd_per_hour, valid_from
FROM prices
UNION ALL
SELECT DISTINCT device, NULL, NULL
FROM runs
WHERE device IS NOT NULL AND device NOT IN (SELECT device FROM prices)
ORDER BY device, valid_from
"""


def listing(rt: Runtime) -> pl.DataFrame:
    """Return a row for each price, and one for each device of a run that has none: its price and moment are NULL.

    Raises:
        NotFound: the yard has no data yet.
    """
    return rt.store.read(_LISTED)


def choose(rt: Runtime, device: str, usd_per_hour: float, *, since: str | None = None) -> datetime:
    """Price an hour of a device from a moment on, now if none is given; returns the moment, in UTC.

    What a run cost was reckoned when it ended, at the price of its start: only a rebuild does that again.

    Args:
        since: ISO 8601, UTC if it names no zone. A second price from the same moment takes the place of the first.

    Raises:
        Invalid: an argument cannot be used.
        Unavailable: the yard is busy or cannot be written.
    """
    problems = []
    if not device.strip():
        problems.append(Problem("device", "is empty"))
    if not (math.isfinite(usd_per_hour) and 0 <= usd_per_hour < _LARGEST):
        problems.append(Problem("usd_per_hour", f"{usd_per_hour!r} is no price", (f"0 to {_LARGEST:.0f}",)))
    moment = now() if since is None else _moment(since)
    if moment is None:
        problems.append(Problem("from", f"{since!r} is no date such as 2026-11-21 or 2026-11-21T14:00:00Z"))
    if problems or moment is None:
        raise Invalid("This cannot be a price.", problems=problems)
    statements = [
        ("DELETE FROM prices WHERE device = ? AND valid_from = ?", [device, moment]),
        ("INSERT INTO prices VALUES (?, ?, ?)", [device, Decimal(repr(float(usd_per_hour))), moment]),
    ]
    rt.store.change(statements, verb="prices")
    return moment


def _moment(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text.strip())
        return found.astimezone(UTC).replace(tzinfo=None) if found.tzinfo else found
    except (ValueError, OverflowError):
        return None
