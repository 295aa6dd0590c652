"""A yard of judged trainings: versions, benchmarks, production use and transfers, with every verdict among them.

The rows are put into the tables, as in tests/sql, so that each verdict is there by hand and not by luck.
`python tests/app/judged.py FOLDER` makes it, to serve it and look at the pages.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import duckdb
import pyarrow as pa
from yards import empty_yard

from runyard.core.paths import Yard
from runyard.store.store import Store

START = datetime(2026, 9, 1, 8)
NASTY = "![x](http://evil.example/a.png) <b>odd</b>"
Row = dict[str, Any]


@dataclass(frozen=True)
class Training:
    """A completed training: when it ended, what its benchmarks said, and its executions that went well and badly."""

    hours: float
    scores: Mapping[str, float | None] = field(default_factory=dict)
    well: int = 0
    badly: int = 0
    learning_rate: float = 1e-3
    epochs: int = 10
    extra: Mapping[str, Any] = field(default_factory=dict)
    training_type: str = "fine_tuning"


SUPPORT = (
    Training(0, {"reviews": 0.70}, 40, 4, training_type="from_scratch"),
    Training(30, {"reviews": 0.79}, 60, 3, 5e-4),
    Training(55, {"reviews": 0.84}, 78, 6, 5e-4, 15),
    Training(80, {}, 0, 0, 5e-4, 15, {"weight_decay": 0.01}),
    Training(105, {"reviews": 0.855}, 90, 12, 3e-4, 15, {"weight_decay": 0.01}),
    Training(130, {"reviews": 0.81, "latency": 41.0}, 70, 6, 3e-3, 15),
    Training(160, {"reviews": 0.81, "latency": 41.0}, 70, 6, 3e-3, 15),
    Training(190, {"reviews": 0.874, "latency": 35.5}, 120, 3, 3e-4, 20, {"warmup_steps": 200}),
)
WATCH = (
    Training(10, {"gestures": 0.52}, training_type="from_scratch"),
    Training(34, {"gestures": 0.55}, training_type="from_scratch", learning_rate=2e-3),
    Training(300, {"gestures": 0.71}, training_type="transfer_learning"),
    Training(420, {"gestures": 0.77}, training_type="transfer_learning"),
)
# Source, target, benchmark, score before and after, hours of the transfer; the target's own take two hours.
TRANSFERS: tuple[tuple[str, str, str, float | None, float | None, float], ...] = (
    ("support-bot", "watch", "gestures", 0.55, 0.71, 0.6),
    ("support-bot", "mail-sorter", "reviews", 0.60, 0.66, 1.2),
    ("mail-sorter", "support-bot", "reviews", 0.874, 0.871, 1.8),
    ("watch", "mail-sorter", "reviews", 0.66, 0.58, 1.9),
    (NASTY, "mail-sorter", "reviews", 0.58, 0.60, 1.7),
    ("watch", NASTY, "reviews", 0.50, None, 0.5),
)


def judged_yard(home: Path) -> None:
    """Make the yard and publish it."""
    empty_yard(home)
    yard = Yard(home)
    rows: dict[str, list[Row]] = {}
    for table, row in _all_rows():
        rows.setdefault(table, []).append(row)
    with duckdb.connect(str(yard.store_db)) as duck:
        for table, given in rows.items():
            insert_rows(duck, table, given)
    Store(yard).publish()


def insert_rows(duck: duckdb.DuckDBPyConnection, table: str, rows: Sequence[Row]) -> None:
    """Insert rows given as mappings; columns that are not given have their defaults."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    duck.register("given", pa.table({name: [row.get(name) for row in rows] for name in names}))
    duck.execute(f"INSERT INTO {table} BY NAME FROM given")
    duck.unregister("given")


def _all_rows() -> Iterator[tuple[str, Row]]:
    yield from _agent("support-bot", SUPPORT, "default")
    yield from _agent("watch", WATCH, "lab")
    yield from _agent("mail-sorter", (Training(12, {"reviews": 0.60}, training_type="from_scratch"),), "default")
    yield from _agent(NASTY, (Training(14, {"reviews": 0.50}, training_type="from_scratch"),), "default")
    for number, transfer in enumerate(TRANSFERS):
        yield from _transfer(number, *transfer)


def _agent(agent: str, trainings: Sequence[Training], workspace: str) -> Iterator[tuple[str, Row]]:
    for number, training in enumerate(trainings, start=1):
        run, version = _id(agent, "run", number), _id(agent, "version", number)
        ended = START + timedelta(hours=training.hours)
        config = {
            "name": f"{agent} {number}", "agent": agent, "seed": 7,
            "hyperparameters": {"learning_rate": training.learning_rate, "epochs": training.epochs, **training.extra},
        }  # fmt: skip
        common = {"id": run, "agent_id": agent, "workspace_id": workspace, "status": "completed"}
        yield "runs", {**common, "name": f"{agent} {number}", "config": json.dumps(config), "kind": "train",
                       "queued_at": ended - timedelta(hours=2), "ended_at": ended}  # fmt: skip
        yield "training_sessions", {**common, "model_version": str(number), "training_type": training.training_type,
                                    "started_at": ended - timedelta(hours=2), "completed_at": ended,
                                    "training_cost_usd": 0.08, "best_validation_loss": 0.9 - 0.05 * number}  # fmt: skip
        yield "model_versions", {"id": version, "agent_id": agent, "version": str(number), "run_id": run,
                                 "parent_version": str(number - 1) if number > 1 else None,
                                 "created_at": ended}  # fmt: skip
        for name, score in training.scores.items():
            yield "benchmark_executions", {
                "id": _id(agent, name, number), "agent_id": agent, "model_version_id": version, "benchmark_name": name,
                "higher_is_better": name != "latency", "accuracy_score": score, "speed_score": 900.0 + 20 * number,
                "efficiency_score": 450.0, "created_at": ended + timedelta(minutes=5),
            }  # fmt: skip
        for place in range(training.well + training.badly):
            yield "agent_executions", {
                "execution_id": _id(agent, f"use {number}", place), "agent_id": agent, "model_version_id": version,
                "user_id": f"user {place % 9}", "status": "success" if place < training.well else "failed",
                "created_at": ended + timedelta(hours=1),
            }  # fmt: skip


def _transfer(
    number: int, source: str, target: str, name: str, before: float | None, after: float | None, hours: float
) -> Iterator[tuple[str, Row]]:
    run = _id(target, "transfer", number)
    begun = START + timedelta(hours=500 + 30 * number)
    ended = begun + timedelta(hours=hours)
    yield "runs", {"id": run, "name": f"transfer {number}", "agent_id": target, "workspace_id": "default",
                   "status": "completed", "kind": "train", "queued_at": begun, "ended_at": ended}  # fmt: skip
    yield "transfer_learning_sessions", {
        "id": run, "source_agent_id": source, "target_agent_id": target, "knowledge_domain": "text",
        "transfer_method": "fine_tuning", "layers_transferred": 6, "fine_tuning_epochs": 5,
        "training_time_hours": hours, "training_cost_usd": 0.04 * hours, "started_at": begun, "completed_at": ended,
        "status": "failed" if after is None else "completed",
    }  # fmt: skip
    moments = {"before": (before, begun - timedelta(minutes=5)), "after": (after, ended + timedelta(minutes=5))}
    for when, (score, moment) in moments.items():
        if score is not None:
            yield "benchmark_executions", {
                "id": _id(target, f"{when} {name}", number), "agent_id": target, "benchmark_name": name,
                "higher_is_better": True, "accuracy_score": score, "created_at": moment,
            }  # fmt: skip


def _id(*parts: object) -> str:
    """Return an id that is the same each time."""
    return str(UUID(int=int.from_bytes("·".join(map(str, parts)).encode()) % (1 << 128)))


if __name__ == "__main__":
    judged_yard(Path(sys.argv[1]))
