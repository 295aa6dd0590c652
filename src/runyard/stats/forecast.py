"""Where a loss curve is heading: a power law through its evaluations, and a band from how far off earlier runs were."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

FEWEST_POINTS = 5
COVERAGE = 0.9
_EXPONENTS = np.geomspace(0.01, 10, 60)
_ROUNDS = 8  # each is thirty times finer than the one before


@dataclass(frozen=True)
class PowerLaw:
    """E(t) = level + gain * t ** -exponent, with gain >= 0: what is not yet learned fades."""

    level: float
    gain: float
    exponent: float

    def at(self, epoch: float) -> float:
        """Return the loss that it says for an epoch, 1-based."""
        return self.level + self.gain * math.pow(epoch, -self.exponent)


@dataclass(frozen=True)
class Curve:
    """The evaluations of a run that are finite, turned so that smaller is better, and its last or planned epoch."""

    epochs: Sequence[int]
    losses: Sequence[float]
    last_epoch: int


@dataclass(frozen=True)
class Forecast:
    """The loss at the planned end; low and high hold it in 9 of 10 runs, and are None with too few earlier ones."""

    value: float
    low: float | None
    high: float | None
    epoch: int
    earlier_runs: int
    law: PowerLaw


def power_law(epochs: Sequence[float], losses: Sequence[float | None]) -> PowerLaw | None:
    """Return the power law nearest to a curve by least squares, with gain >= 0; None with fewer than 5 finite points.

    Source: Viering & Loog 2023. For each exponent level and gain follow exactly, so only the exponent is searched for,
    between 0.01 and 10, on grids that close in (`scipy.optimize` finds the same and takes 40 MB).
    """
    t, y = np.asarray(epochs, dtype=float), np.array([np.nan if x is None else x for x in losses], dtype=float)
    if t.shape != y.shape:
        raise ValueError(f"{t.size} epochs do not go with {y.size} losses")
    usable = np.isfinite(y) & np.isfinite(t) & (t > 0)
    t, y = t[usable], y[usable]
    if t.size < FEWEST_POINTS:
        return None
    scale = float(np.max(np.abs(y))) or 1.0
    exponents = _EXPONENTS
    for _ in range(_ROUNDS):
        levels, gains, squares = _fits(t, y / scale, exponents)
        best = int(np.argmin(squares))
        found = PowerLaw(scale * float(levels[best]), scale * float(gains[best]), float(exponents[best]))
        around = exponents[max(0, best - 1)], exponents[min(len(exponents) - 1, best + 1)]
        exponents = np.geomspace(*around, len(exponents))
    return found


def forecast(curve: Curve, earlier: Sequence[Curve]) -> Forecast | None:
    """Return the loss at the last planned epoch of a run that is under way, and its band; None before 5 finite points.

    Args:
        earlier: finished runs like this one. How far a power law through the same share of each was off at its end
            is the band (split conformal, 90 %): it takes nine of them.
    """
    law = power_law(curve.epochs, curve.losses)
    if law is None or not curve.epochs or curve.last_epoch < 1:
        return None
    share = curve.epochs[-1] / curve.last_epoch
    errors = [error for run in earlier if (error := _error(run, share)) is not None]
    value, width = law.at(curve.last_epoch), half_width(errors)
    low, high = (None, None) if width is None else (value - width, value + width)
    return Forecast(value, low, high, curve.last_epoch, len(errors), law)


def half_width(errors: Sequence[float], coverage: float = COVERAGE) -> float | None:
    """Return half the width of the band: the ceil((n + 1) coverage)-th smallest error; None if there are too few."""
    place = math.ceil((len(errors) + 1) * coverage - 1e-9)
    return sorted(errors)[place - 1] if place <= len(errors) else None


def _error(run: Curve, share: float) -> float | None:
    """Return how far off the law through the first part of a finished run was at its end."""
    seen = [place for place, epoch in enumerate(run.epochs) if epoch <= share * run.last_epoch + 1e-9]
    if len(seen) == len(run.epochs):
        return None  # nothing was left to foretell
    law = power_law([run.epochs[i] for i in seen], [run.losses[i] for i in seen])
    return None if law is None else abs(law.at(run.epochs[-1]) - run.losses[-1])


def _fits(t: np.ndarray, y: np.ndarray, exponents: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the best level and gain for each exponent, and the sum of squares that is left."""
    basis = t ** -exponents[:, None]
    centres = basis.mean(axis=1)
    centred = basis - centres[:, None]
    gains = np.maximum(0.0, centred @ y / np.maximum((centred**2).sum(axis=1), 1e-300))
    levels = y.mean() - gains * centres
    return levels, gains, ((levels[:, None] + gains[:, None] * basis - y) ** 2).sum(axis=1)
