"""The other three public views in plain Python, written from the definitions alone, to compare the views with."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from statistics import median
from typing import Any

Row = Mapping[str, Any]
DAY = timedelta(hours=24)
ENDED = ("success", "failed", "error", "timeout")


def finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if finite(value) is not None]
    return math.fsum(known) / len(known) if known else None


def minus(left: float | None, right: float | None) -> float | None:
    return None if left is None or right is None else left - right


def over(left: float | None, right: float | None) -> float | None:
    return None if left is None or not right else finite(left / right)


def percent(change: float | None, reference: float | None) -> float | None:
    share = over(change, None if reference is None else abs(reference))
    return None if share is None else 100 * share


def better(new: float | None, old: float | None, benchmarks: Sequence[Row]) -> float | None:
    higher = all(row["higher_is_better"] is not False for row in benchmarks)
    return minus(new, old) if higher else minus(old, new)


def name_of(benchmark: Row) -> str:
    return benchmark["benchmark_name"] or "default"


def named(benchmarks: Iterable[Row]) -> dict[str | None, list[Row]]:
    groups: dict[str | None, list[Row]] = {}
    for row in benchmarks:
        groups.setdefault(name_of(row), []).append(row)
    return groups or {None: []}


def finite_scores(benchmarks: Iterable[Row]) -> list[float]:
    return [row["accuracy_score"] for row in benchmarks if finite(row["accuracy_score"]) is not None]


def evolution(sessions: Sequence[Row], benchmarks: Sequence[Row], versions: Sequence[Row]) -> list[dict[str, Any]]:
    """Return the rows of model_performance_evolution."""
    number = {row["id"]: row["version"] for row in versions}
    trained = [row for row in sessions if row["status"] == "completed" and row["completed_at"] is not None]
    trained.sort(key=lambda row: (row["completed_at"], row["id"]))
    own: dict[str, list[Row]] = {row["id"]: [] for row in trained}
    for benchmark in benchmarks:
        at, version = benchmark["created_at"], benchmark["model_version_id"]
        for session in reversed(trained):
            if at is None or session["agent_id"] != benchmark["agent_id"]:
                continue
            if not session["completed_at"] <= at < session["completed_at"] + DAY:
                continue
            if version in number and (number[version] is None or number[version] != session["model_version"]):
                continue
            own[session["id"]].append(benchmark)
            break
    rows: list[dict[str, Any]] = []
    for session in trained:
        for benchmark_name, group in named(own[session["id"]]).items():
            key = (session["agent_id"], benchmark_name)
            earlier = [row for row in rows if (row["agent_id"], row["benchmark_name"]) == key]
            scores = finite_scores(group)
            accuracy, speed = mean(scores), mean(row["speed_score"] for row in group)
            before = last_known(earlier, "post_training_accuracy")
            before_speed = last_known(earlier, "post_training_speed")
            gain = better(accuracy, before, group)
            pct = percent(gain, before)
            rows.append(
                {
                    "agent_id": session["agent_id"],
                    "session_id": session["id"],
                    "model_version": session["model_version"],
                    "training_date": session["completed_at"],
                    "benchmark_name": benchmark_name,
                    "n_benchmarks": len(scores),
                    "best_validation_loss": finite(session["best_validation_loss"]),
                    "post_training_accuracy": accuracy,
                    "post_training_speed": speed,
                    "prev_accuracy": before,
                    "prev_speed": before_speed,
                    "accuracy_improvement": gain,
                    "accuracy_improvement_pct": pct,
                    "speed_improvement": minus(speed, before_speed),
                    "speed_improvement_pct": percent(minus(speed, before_speed), before_speed),
                    "improvement_category": improvement_category(accuracy, before, gain, pct),
                    "rolling_avg_improvement": mean([*(row["accuracy_improvement_pct"] for row in earlier[-4:]), pct]),
                }
            )
    return rows


def last_known(rows: Sequence[Row], column: str) -> float | None:
    return next((row[column] for row in reversed(rows) if row[column] is not None), None)


def improvement_category(accuracy: float | None, before: float | None, gain: float | None, pct: float | None) -> str:
    if accuracy is None:
        return "no_benchmark"
    if before is None or gain is None:
        return "baseline"
    if before == 0:
        rounded = round(gain, 9)
        return "significant_improvement" if rounded > 0 else "degradation" if rounded < 0 else "no_change"
    rounded = round(pct or 0.0, 9)
    for limit, label in ((10, "significant"), (5, "moderate"), (0, "slight")):
        if rounded > limit:
            return f"{label}_improvement"
    return "no_change" if rounded == 0 else "degradation"


def transfers(moved: Sequence[Row], sessions: Sequence[Row], benchmarks: Sequence[Row]) -> list[dict[str, Any]]:
    """Return the rows of transfer_learning_analytics."""
    usable = [row for row in benchmarks if finite(row["accuracy_score"]) is not None and row["created_at"] is not None]
    finished = [{**row, "agent_id": row["target_agent_id"]} for row in moved] + [dict(row) for row in sessions]
    finished = [row for row in finished if row["status"] == "completed" and row["completed_at"] and row["started_at"]]
    rows = []
    for transfer in moved:
        begun, ended, target = transfer["started_at"], transfer["completed_at"], transfer["target_agent_id"]
        done = transfer["status"] == "completed"
        rivals = [
            row["completed_at"]
            for row in finished
            if row["agent_id"] == target and row["id"] != transfer["id"] and ended and row["started_at"] >= ended
        ]
        mine = [row for row in usable if row["agent_id"] == target]
        before = pick(mine, lambda at, begun=begun: begun is not None and at <= begun, newest=True)
        after = {}
        if done and begun is not None and ended is not None:
            after = pick(
                mine,
                lambda at, begun=begun, ended=ended, rivals=rivals: (
                    at >= ended and at > begun and not any(rival <= at for rival in rivals)
                ),
                newest=False,
            )
        regular = [
            row
            for row in sessions
            if row["agent_id"] == target
            and row["status"] == "completed"
            and row["training_type"] == "from_scratch"
            and row["started_at"] is not None
            and row["completed_at"] is not None
            and row["completed_at"] > row["started_at"]
        ]
        costs = [row["training_cost_usd"] for row in regular if row["training_cost_usd"] is not None]
        usual = median(hours(row) for row in regular) if regular else None
        usual_cost = median(costs) if costs else None
        spent = finite(transfer["training_time_hours"])
        saved = minus(usual, spent) if done else None
        cost_saved = minus(usual_cost, transfer["training_cost_usd"]) if done else None
        for benchmark_name in sorted({*before, *after}) or [None]:
            old, new = before.get(benchmark_name), after.get(benchmark_name)
            gain = None
            if old is not None and new is not None:
                gain = better(new["accuracy_score"], old["accuracy_score"], [new])
            reduction = None if over(saved, usual) is None else 100 * (over(saved, usual) or 0.0)
            cheaper = None if over(cost_saved, usual_cost) is None else 100 * (over(cost_saved, usual_cost) or 0.0)
            rows.append(
                {
                    "transfer_id": transfer["id"],
                    "target_agent_id": target,
                    "benchmark_name": benchmark_name,
                    "accuracy_before": old and old["accuracy_score"],
                    "accuracy_after": new and new["accuracy_score"],
                    "accuracy_gain": gain,
                    "n_regular_sessions": len(regular),
                    "regular_training_time": usual,
                    "transfer_training_time": spent,
                    "time_saved": saved,
                    "regular_cost": usual_cost,
                    "transfer_cost": transfer["training_cost_usd"],
                    "cost_saved": cost_saved,
                    "efficiency_score": over(gain, spent),
                    "time_reduction_pct": reduction,
                    "cost_reduction_pct": cheaper,
                    "transfer_effectiveness": effectiveness(gain, reduction),
                }
            )
    return rows


def hours(row: Row) -> float:
    return (row["completed_at"] - row["started_at"]).total_seconds() / 3600


def pick(benchmarks: Sequence[Row], fits: Any, *, newest: bool) -> dict[str, Row]:
    ordered = sorted(benchmarks, key=lambda row: (row["created_at"], row["id"]), reverse=newest)
    found: dict[str, Row] = {}
    for row in ordered:
        if fits(row["created_at"]):
            found.setdefault(name_of(row), row)
    return found


def effectiveness(gain: float | None, reduction: float | None) -> str:
    if gain is None:
        return "insufficient_data"
    gain, reduction = round(gain, 9), -math.inf if reduction is None else round(reduction, 9)
    if gain > 0.1 and reduction > 50:
        return "highly_effective"
    if gain > 0.05 and reduction > 30:
        return "effective"
    return "moderately_effective" if gain > 0 else "ineffective"


def comparison(versions: Sequence[Row], benchmarks: Sequence[Row], executions: Sequence[Row]) -> list[dict[str, Any]]:
    """Return the rows of model_version_comparison."""
    rows = []
    for version in versions:
        parent = parent_of(version, versions)
        own = [row for row in benchmarks if row["model_version_id"] == version["id"]]
        old = [row for row in benchmarks if parent is not None and row["model_version_id"] == parent["id"]]
        used = [row for row in executions if row["model_version_id"] == version["id"]]
        rate = success_rate(used)
        old_rate = success_rate([row for row in executions if parent and row["model_version_id"] == parent["id"]])
        for benchmark_name, group in named(own).items():
            accuracy = mean(finite_scores(group))
            before = mean(finite_scores(row for row in old if name_of(row) == benchmark_name))
            delta = better(accuracy, before, group)
            reliability = minus(rate, old_rate)
            rows.append(
                {
                    "agent_id": version["agent_id"],
                    "version_id": version["id"],
                    "current_version": version["version"],
                    "previous_version": version["parent_version"],
                    "version_date": version["created_at"],
                    "benchmark_name": benchmark_name,
                    "n_benchmarks": len(finite_scores(group)),
                    "current_accuracy": accuracy,
                    "previous_accuracy": before,
                    "accuracy_delta": delta,
                    "avg_speed": mean(row["speed_score"] for row in group),
                    "avg_efficiency": mean(row["efficiency_score"] for row in group),
                    "execution_count": len(used),
                    "unique_users": len({row["user_id"] for row in used} - {None}),
                    "current_success_rate": rate,
                    "previous_success_rate": old_rate,
                    "reliability_delta": reliability,
                    "version_assessment": assessment(version["parent_version"], delta, reliability),
                }
            )
    return rows


def parent_of(version: Row, versions: Sequence[Row]) -> Row | None:
    fitting = [
        row
        for row in versions
        if row["id"] != version["id"]
        and row["agent_id"] == version["agent_id"]
        and row["version"] is not None
        and row["version"] == version["parent_version"]
    ]

    def rank(row: Row) -> tuple[bool, datetime, str]:
        at, born = row["created_at"], version["created_at"]
        return at is not None and born is not None and at <= born, at or datetime.min, row["id"]

    return max(fitting, key=rank, default=None)


def success_rate(executions: Sequence[Row]) -> float | None:
    ended = [row for row in executions if row["status"] in ENDED]
    return len([row for row in ended if row["status"] == "success"]) / len(ended) if ended else None


def assessment(parent_version: str | None, delta: float | None, reliability: float | None) -> str:
    if parent_version is None:
        return "initial_version"
    if delta is None:
        return "insufficient_data"
    delta, reliability = round(delta, 9), round(reliability or 0.0, 9)
    if delta < 0:
        return "regression"
    if delta > 0 and reliability < 0:
        return "mixed_results"
    if delta > 0.05:
        return "major_improvement"
    if delta > 0 or reliability > 0:
        return "improvement"
    return "regression" if reliability < 0 else "no_change"
