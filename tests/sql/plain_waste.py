"""overtraining_waste in plain Python, written from the definitions alone, to compare the view with."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

ACTIVE = (None, "queued", "pending", "running")
Row = Mapping[str, Any]


def finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def last_of_each_epoch(rows: Sequence[Row]) -> list[Row]:
    kept: dict[int, Row] = {}
    for row in rows:
        before = kept.get(row["epoch"])
        if before is None or (row["attempt"], row["logged_at"]) > (before["attempt"], before["logged_at"]):
            kept[row["epoch"]] = row
    in_turn = [kept[epoch] for epoch in sorted(kept)]
    # What an attempt did beyond the point that a later one went back to is abandoned.
    newest = accumulate((row["attempt"] for row in in_turn), max)
    return [row for row, attempt in zip(in_turn, newest, strict=True) if row["attempt"] == attempt]


def waste(session: Row, epochs: Sequence[Row]) -> dict[str, Any] | None:
    """Return the row of a session, or None when it has none."""
    if session["status"] in ACTIVE:
        return None
    rows = last_of_each_epoch(epochs)
    column = "val_loss" if session["monitor_metric"] in (None, "val_loss") else "val_metric"
    sign = -1.0 if session["monitor_mode"] == "max" else 1.0
    evals = [(row["epoch"], row[column]) for row in rows if row[column] is not None]
    seen = [(sign * value, epoch) for epoch, value in evals if math.isfinite(value)]
    total = max((row["epoch"] for row in rows), default=None)
    u_best, best_epoch = min(seen, default=(None, None))
    last = finite(evals[-1][1]) if evals else None
    u_last = None if last is None else sign * last

    wasted = None if not evals or total is None else total - (best_epoch or 0)
    seconds = [finite(row["epoch_seconds"]) for row in rows]
    timed = total is not None and len(rows) == total and all(value is not None for value in seconds)
    spent = sum(value or 0.0 for value in seconds)
    fraction = None
    if wasted is not None and total:
        after = sum(row["epoch_seconds"] for row in rows if row["epoch"] > (best_epoch or 0)) if timed else 0.0
        fraction = after / spent if timed and spent > 0 else wasted / total

    gl = None
    if u_last is not None and u_best:
        gl = 100 * (u_last - u_best) / abs(u_best)

    patience = max(1, session["patience"] if session["patience"] is not None else 10)
    best, without, stop, best_at_stop = math.inf, 0, None, None
    for epoch, value in evals:
        improved = math.isfinite(value) and sign * value < best
        best, without = (sign * value, 0) if improved else (best, without + 1)
        if without >= patience:
            stop, best_at_stop = epoch, best
            break
    regret: float | None = None
    if u_best is not None and stop is None:
        regret = 0.0
    elif u_best is not None and best_at_stop is not None and math.isfinite(best_at_stop):
        regret = best_at_stop - u_best

    if not evals:
        category = "no_validation"
    elif last is None or u_best is None:
        category = "diverged"
    elif len(evals) < 3:
        category = "insufficient_data"
    elif 10 * best_epoch >= 7 * total:
        category = "none"
    elif (gl is not None and round(gl, 9) > 5) or (u_best == 0 and u_last > 0):
        category = "overtraining"
    else:
        category = "plateau"

    def share(amount: float | None) -> float | None:
        return None if finite(amount) is None or fraction is None else float(amount or 0) * fraction

    return {
        "session_id": session["id"],
        "agent_id": session["agent_id"],
        "status": session["status"],
        "total_epochs": total,
        "n_evals": len(evals),
        "best_epoch": best_epoch,
        "best_value": None if u_best is None else sign * u_best,
        "wasted_epochs": wasted,
        "wasted_fraction": fraction,
        "wasted_compute_hours": share(session["gpu_hours"]),
        "wasted_cost_usd": share(session["training_cost_usd"]),
        "final_gl_pct": gl,
        "patience": patience,
        "es_stop_epoch": stop,
        "es_saved_epochs": None if not evals else (0 if stop is None else total - stop),
        "es_regret": regret,
        "waste_category": category,
        "overtraining_detected": category == "overtraining",
    }
