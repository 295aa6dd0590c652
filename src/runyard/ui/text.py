"""Words and numbers for people: user text made harmless, units, durations, money."""

from __future__ import annotations

import math
import re
from datetime import datetime, timedelta

# Everything Streamlit's Markdown gives a meaning to: images and links first of all, since the browser would
# fetch what a run's name says; then emphasis, colours, icons and maths.
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~$:&^=@/])")


def escape(text: object) -> str:
    """Return text that Markdown shows as it is, on one line.

    A user's string goes through here before it meets any label, alert or Markdown.
    """
    plain = " ".join(str(text).split())
    return _MARKDOWN.sub(lambda found: f"&#{ord(found.group())};", plain)


def number(value: float | int | None, digits: int = 4) -> str:
    """Return a number with so many significant digits; an unknown one is a dash, an unusable one its name."""
    if value is None:
        return "–"
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("∞" if value > 0 else "-∞")
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.{digits}g}"


def duration(seconds: float | None) -> str:
    """Return a duration in the two largest units that fit: `2 h 05 min`, `3 min 20 s`, `4.2 s`."""
    if seconds is None or not math.isfinite(seconds):
        return "–"
    if seconds < 10:
        return f"{max(seconds, 0):.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours < 48 else f"{hours // 24} d {hours % 24} h"


def hours(value: float | None) -> str:
    """Return hours with three significant digits."""
    return "–" if value is None or not math.isfinite(value) else f"{value:.3g} h"


def dollars(value: float | None) -> str:
    """Return dollars; small sums with more digits, so that a run of a minute does not cost nothing."""
    if value is None or not math.isfinite(value):
        return "–"
    if 0 < abs(value) < 0.01:
        return f"{value:.2g} USD" if abs(value) >= 0.0001 else "under 0.0001 USD"
    return f"{value:,.2f} USD"


def energy(kwh: float | None, meters: str | None) -> str:
    """Return energy in kWh or Wh and what was metered; say so where no meter could be read."""
    if kwh is None or not math.isfinite(kwh):
        return "no meter could be read"
    amount = f"{1000 * kwh:.3g} Wh" if kwh < 0.1 else f"{kwh:,.3g} kWh"
    read = {"cpu": "processors only", "gpu": "GPUs only", "cpu gpu": "processors and GPUs"}.get(meters or "")
    return f"{amount} ({read})" if read else amount


def share(value: float | None) -> str:
    """Return a share from 0 to 1 as a percentage."""
    return "–" if value is None or not math.isfinite(value) else f"{100 * value:.0f} %"


def age(moment: datetime | None, now: datetime) -> str:
    """Say how long ago a moment was."""
    if moment is None:
        return "–"
    return "just now" if now - moment < timedelta(seconds=5) else f"{duration((now - moment).total_seconds())} ago"


def utc(moment: datetime | None) -> str:
    """Return a moment to the second, UTC."""
    return "–" if moment is None else moment.strftime("%Y-%m-%d %H:%M:%SZ")
