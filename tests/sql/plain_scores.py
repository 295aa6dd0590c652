"""The scores of one run and its gradient facts in plain Python, written from the definitions alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import mean, median, stdev
from typing import Any

Value = float | None


def finite(value: Value) -> bool:
    return value is not None and math.isfinite(value)


def gl(value: float, best: float) -> float | None:
    return 100 * (value - best) / abs(best) if best else None


def run_scores(train: Sequence[Value], evaluated: Sequence[Value]) -> dict[str, Any]:
    """Return the scores of a curve of val_loss; NaN is a value, None no evaluation."""
    total = len(evaluated)
    evals = [(epoch, value) for epoch, value in enumerate(evaluated, start=1) if value is not None]
    good = [(epoch, value) for epoch, value in evals if math.isfinite(value)]
    empty = dict.fromkeys(
        (
            *("best_epoch", "best_value", "generalization_gap", "generalization_score", "overfitting_score"),
            *("overfitting_detected", "max_drawup_pct", "gl_stop_epoch", "pq_stop_epoch", "up_stop_epoch"),
            *("convergence_epoch", "convergence_rate", "convergence_efficiency", "convergence_achieved"),
            *("stability_cv", "stability_score"),
        )
    )
    scores: dict[str, Any] = {**empty, "up_stop_epoch": up_stop(evals)}
    if not good:
        return scores
    best, best_epoch = min((value, epoch) for epoch, value in good)
    scores |= {"best_epoch": best_epoch, "best_value": best}
    at_best = train[best_epoch - 1]
    if finite(at_best):
        gap = best - at_best
        scores["generalization_gap"] = gap
        if best:
            scores["generalization_score"] = 1 - min(1.0, max(0.0, gap / abs(best)))
    last_epoch, last = evals[-1]
    if math.isfinite(last):
        scores["overfitting_score"] = gl(last, best)
        at_last = train[last_epoch - 1]
        if scores["overfitting_score"] is not None and finite(at_last) and finite(at_best):
            more = round(scores["overfitting_score"], 9) > 5
            scores["overfitting_detected"] = more and at_last <= at_best
    drawups, lowest = [], math.inf
    for epoch, value in good:
        lowest = min(lowest, value)
        drawups.append((epoch, gl(value, lowest)))
    if all(drawup is not None for _, drawup in drawups):
        scores["max_drawup_pct"] = max(drawup for _, drawup in drawups if drawup is not None)
    over = [epoch for epoch, drawup in drawups if drawup is not None and round(drawup, 9) > 5]
    scores["gl_stop_epoch"] = over[0] if over else None
    scores["pq_stop_epoch"] = pq_stop(train, evaluated)
    near = [epoch for epoch, value in good if round(value - best, 9) <= round(0.01 * abs(best), 9)]
    scores["convergence_epoch"] = near[0]
    scores["convergence_rate"] = 1 / near[0]
    scores["convergence_efficiency"] = near[0] / total
    earlier = [value for _, value in evals[:-5] if math.isfinite(value)]
    if len(good) > 5 and earlier:
        scores["convergence_achieved"] = round(min(earlier) - best, 9) <= round(0.01 * abs(best), 9)
    tail = [value for _, value in good][-max(5, math.ceil(0.2 * len(good))) :]
    if len(good) >= 5 and mean(tail):
        scores["stability_cv"] = stdev(tail) / abs(mean(tail))
        scores["stability_score"] = 1 - min(1.0, scores["stability_cv"])
    return scores


def up_stop(evals: Sequence[tuple[int, float]]) -> int | None:
    rises, before = 0, None
    for epoch, value in evals:
        rose = not math.isfinite(value) or (before is not None and math.isfinite(before) and value > before)
        rises = rises + 1 if rose else 0
        if rises == 3:
            return epoch
        before = value
    return None


def pq_stop(train: Sequence[Value], evaluated: Sequence[Value]) -> int | None:
    if not all(finite(value) for value in (*train, *evaluated)) or min(train) <= 0:
        return None
    for epoch in range(5, len(train) + 1, 5):
        strip = train[epoch - 5 : epoch]
        progress = round(1000 * (mean(strip) / min(strip) - 1), 9)
        loss = gl(evaluated[epoch - 1], min(evaluated[:epoch]))
        if loss is None:
            continue
        if (progress == 0 and round(loss, 9) > 0) or (progress > 0 and round(loss / progress, 9) > 5):
            return epoch
    return None


def gradients(norms: Sequence[float]) -> list[tuple[bool | None, bool | None]]:
    """Return whether each step exploded and vanished; None where there are too few steps before it to say."""
    found: list[tuple[bool | None, bool | None]] = []
    usable: list[float] = []
    for norm in norms:
        if not math.isfinite(norm):
            found.append((True, False))
            continue
        if norm <= 1e-8:
            found.append((False, True))
            continue
        baseline = usable[-50:]
        usable.append(norm)
        if len(baseline) < 20:
            found.append((None, None))
            continue
        x, logs = math.log10(norm), [math.log10(value) for value in baseline]
        centre = median(logs)
        spread = [abs(value - centre) for value in logs]
        if median(spread) > 0:
            z = 0.6745 * (x - centre) / median(spread)
        elif mean(spread) > 0:
            z = (x - centre) / (1.253314 * mean(spread))
        else:
            z = 0.0 if x == centre else math.copysign(math.inf, x - centre)
        typical = median(baseline)
        found.append((z > 3.5 and norm >= 10 * typical, z < -3.5 and norm <= typical / 10))
    return found
