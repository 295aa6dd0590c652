"""Time: naive UTC datetimes and integer microseconds, from here only."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1)


def now_us() -> int:
    """Return the present time in microseconds since 1970-01-01 UTC."""
    return time.time_ns() // 1000


def now() -> datetime:
    """Return the present time as a naive UTC datetime."""
    return datetime.now(UTC).replace(tzinfo=None)


def to_us(moment: datetime) -> int:
    """Return a naive UTC datetime in microseconds since 1970."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def iso(moment: datetime | None) -> str:
    """Return ISO 8601 to the second with a `Z`; an unknown moment is an empty string."""
    return "" if moment is None else moment.strftime("%Y-%m-%dT%H:%M:%SZ")
