"""Every view: its grain holds, it reads only lower floors, it returns no NaN or infinity, it may be pasted anywhere."""

from __future__ import annotations

import json
import math
import random
import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import sqlglot
from sqlglot import expressions as exp

from runyard.core.paths import resource

VIEWS = sorted((resource("sql") / "views").glob("*/*.sql"))
FLOORS = {path.stem: path.parent.name for path in VIEWS}
GRAIN = re.compile(r"^-- grain: ([a-z_]+(?:, [a-z_]+)*)$", re.MULTILINE)
START = datetime(2026, 3, 1)
NAMES = [path.stem for path in VIEWS]


@pytest.fixture(scope="module")
def world(tables: Any) -> Any:
    """Two hundred sessions of every status with broken curves, repeated epochs and steps, and extreme numbers."""
    dice = random.Random(11)
    sessions, runs, epochs, metrics, attempts, events = [], [], [], [], [], []

    def number() -> float | None:
        return dice.choice([None, math.nan, math.inf, -math.inf, 0.0, 1e308, -1e308, 5e-324, dice.random(), 1.0])

    for index in range(1, 201):
        run = str(UUID(int=index))
        status = dice.choice(["queued", "running", "completed", "failed", "cancelled"])
        begun = START + timedelta(hours=index)
        common = {"agent_id": f"a{index % 5}", "workspace_id": f"w{index % 2}", "status": status}
        runs.append(
            {
                **common,
                "id": run,
                "name": f"run {index % 7}",
                "attempt": dice.choice([None, 1, 2]),
                "config": "{}",
                "queued_at": begun,
                "started_at": begun,
                "seed": index,
                "launched_by": "page",
                "device": dice.choice([None, "cpu", "cuda:NVIDIA A100-SXM4-40GB"]),
                "accelerators": dice.choice([None, 1, 2]),
                "ended_at": begun + timedelta(hours=1) if status == "completed" else None,
            }
        )
        if index % 9:
            sessions.append(
                {
                    **common,
                    "id": run,
                    "hyperparameters": dice.choice(['{"epochs": 5}', '{"batch_size": 8, "gradient_accumulation": 4}']),
                    "parameters": dice.choice([None, 0, 10**6, 2**62]),
                    "layers": dice.choice([None, 2]),
                    "energy_kwh": number(),
                    "started_at": begun,
                    "monitor_metric": dice.choice([None, "val_loss", "f1"]),
                    "monitor_mode": dice.choice([None, "min", "max"]),
                    "completed_at": begun + timedelta(hours=dice.choice([0, 1, 3])),
                    "best_validation_loss": number(),
                    "gpu_hours": number(),
                    "training_cost_usd": 1.5,
                    "final_training_loss": number(),
                    "final_validation_loss": number(),
                    "memory_peak_gb": number(),
                    "cpu_hours": number(),
                    "total_epochs": 20,
                }
            )
        for attempt in (1, 2):
            attempts.append({"run_id": run, "attempt": attempt, "status": status, "started_at": begun})
            for epoch in range(attempt, dice.randint(1, 12)):
                floats = ("train_loss", "val_loss", "val_metric", "epoch_seconds", "learning_rate", "gradient_norm")
                shares = ("memory_gb", "gpu_utilization", "cpu_utilization")
                row = {name: number() for name in (*floats, *shares)}
                row |= {"tokens": dice.choice([None, 0, 500]), "samples": dice.choice([None, 10])}
                row |= {"session_id": run, "epoch": epoch, "attempt": attempt, "logged_at": begun, "step": 10 * epoch}
                epochs += [row] * dice.choice([1, 1, 2])
                names = ("train/loss", "train/gradient_norm", "system/cpu_percent", "system/memory_gb", "accuracy")
                names += ("train/gradient_norm_small", "gradient_norm/head")
                metrics += [
                    {"session_id": run, "step": 10 * epoch, "name": name, "value": number(),
                     "attempt": attempt, "epoch": number(), "logged_at": begun + timedelta(seconds=epoch)}
                    for name in names
                ]  # fmt: skip
        kinds = ("queued", "started", "planned", "notice", "checkpoint", "ended")
        said = {"step": 10, "epoch": 1, "class_counts": {part: {"a": 1, "b": 2} for part in ("train", "validation")}}
        events += [
            {"run_id": run, "kind": kind, "attempt": 1, "body": json.dumps(said), "logged_at": begun,
             "journal": run, "line_offset": place}
            for place, kind in enumerate(kinds)
        ]  # fmt: skip
        said = {name: number() for name in ("seconds", "seconds_low", "seconds_high", "memory_gb", "memory_low_gb")}
        body = json.dumps({"preset": dice.choice([None, "quick_test", "mine"]), **said})
        events.append({**events[-1], "kind": "estimated", "body": body, "line_offset": len(kinds)})
    # A comparison of one run, of which nothing is known yet.
    parent = str(UUID(int=1000))
    config = '{"metric": "val_loss", "mode": "min", "baselines": []}'
    runs.append({"id": parent, "kind": "compare", "name": "c", "status": "running", "config": config})
    runs.append(
        {
            "id": str(UUID(int=1001)),
            "kind": "train",
            "parent_run_id": parent,
            "name": "m",
            "status": "queued",
            "config": "{}",
        }
    )
    tables.clear()
    for table, rows in judgement(dice, number).items():
        tables.insert(table, rows)
    for table, rows in {
        "runs": runs,
        "training_sessions": sessions,
        "training_epochs": epochs,
        "metrics": metrics,
        "run_attempts": attempts,
        "run_events": events,
    }.items():
        tables.insert(table, rows)
    return tables


def judgement(dice: random.Random, number: Any) -> dict[str, list[dict[str, Any]]]:
    """Two hundred rows of each table that judges trainings: unknown names, versions and times, and extreme numbers."""

    def moment() -> datetime | None:
        return dice.choice([None, *(START + timedelta(hours=dice.randint(0, 200)) for _ in range(4))])

    def one_of(*values: Any) -> Any:
        return dice.choice([None, *values])

    found: dict[str, list[dict[str, Any]]] = {}
    for index in range(1, 201):
        agent, version = f"a{index % 5}", one_of(*(str(UUID(int=dice.randint(1, 60))) for _ in range(4)))
        own = str(UUID(int=index))
        rows = {
            "model_versions": {
                "id": own, "agent_id": agent, "version": one_of("1", "2", "3"), "parent_version": one_of("1", "2"),
                "created_at": moment(),
            },
            "benchmark_executions": {
                "id": own, "agent_id": agent, "model_version_id": version,
                "benchmark_name": one_of("default", "b", "c"), "higher_is_better": one_of(True, False),
                "accuracy_score": number(), "speed_score": number(), "efficiency_score": number(),
                "created_at": moment(),
            },
            "agent_executions": {
                "execution_id": own, "model_version_id": version, "model_version": one_of("1", "2"), "agent_id": agent,
                "user_id": one_of("u", "v"), "latency_ms": number(), "created_at": moment(),
                "inputs": one_of('{"length": 5, "language": "en"}', '{"length": 1e300, "x": null}', "{}", "[1]"),
                "status": one_of("queued", "running", "cancelled", "success", "failed", "error", "timeout"),
            },
            "transfer_learning_sessions": {
                "id": own, "target_agent_id": agent, "source_agent_id": "a9", "training_time_hours": number(),
                "training_cost_usd": one_of(0.0, 2.5), "started_at": moment(), "completed_at": moment(),
                "status": one_of("completed", "completed", "failed", "running"),
            },
            "samples": {
                "session_id": own, "moment": ("before", "after")[index % 2], "step": index, "number": 1, "prompt": "p",
                "expected": "e", "answer": one_of("a", None),
            },
            "task_scores": {
                "agent_id": agent, "update_index": index // 50, "task": f"t{index // 5 % 10}",
                "task_index": index // 5 % 10 + 1, "score": number(), "higher_is_better": one_of(True, False),
                "scored_at": moment(),
            },
            "feedback_events": {
                "id": own, "agent_id": agent, "model_version_id": version, "item_id": one_of("i", "k"),
                "is_positive": one_of(True, False), "was_correct_before": one_of(True, False),
                "was_correct_after": one_of(True, False), "created_at": moment(),
            },
            "histograms": {
                "session_id": str(UUID(int=index % 7 + 1)), "attempt": one_of(1, 2), "step": one_of(1, 2, 3),
                "layer": "head", "kind": "weight", "place": 1, "low": number(), "high": number(), "mean": number(),
                "deviation": number(), "zeros": number(), "logged_at": moment(), "epoch": number(),
                "counts": one_of([1, 2], [0], []),
            },
            "datasets": {
                "record_id": own, "id": f"d{index % 20}@{index}", "name": f"d{index % 20}", "rows": one_of(0, 2**62),
                "created_at": moment(),
            },
            "learning_updates": {
                "id": own, "agent_id": agent, "status": one_of("success", "failed", "rolled_back"),
                "started_at": moment(), "completed_at": moment(), "examples": one_of(0, 10),
            },
        }  # fmt: skip
        for table, row in rows.items():
            found.setdefault(table, []).append(row)
    return found


@pytest.mark.parametrize("name", NAMES)
def test_the_grain_holds(world: Any, name: str) -> None:
    columns = grain_of(name)
    assert world.rows(f"SELECT {columns}, count(*) AS n FROM {name} GROUP BY ALL HAVING n > 1") == []
    assert world.rows(f"SELECT 1 FROM {name} LIMIT 1"), "a view without a row proves nothing"


@pytest.mark.parametrize("name", NAMES)
def test_no_view_returns_nan_or_infinity(world: Any, name: str) -> None:
    leaks: list[str] = []
    doubles = [
        row["column_name"] for row in world.rows(f"DESCRIBE {name}") if row["column_type"] in ("DOUBLE", "FLOAT")
    ]
    for column in doubles:
        bad = world.rows(f'SELECT "{column}" FROM {name} WHERE NOT isfinite("{column}") LIMIT 1')
        leaks += [column] if bad else []
    assert leaks == []


@pytest.mark.parametrize("name", [name for name in NAMES if FLOORS[name] != "3_pages"])
def test_what_is_said_of_one_agent_is_what_is_said_of_all(world: Any, name: str) -> None:
    """A filter that moves down to the scans changes no row (but sums over runs, by the order of their terms)."""
    columns = {row["column_name"] for row in world.rows(f"DESCRIBE {name}")} & {"agent_id", "target_agent_id"}
    for column in columns:
        one, all_of_them = f"FROM {name} WHERE {column} = 'a1'", f"FROM (FROM {name} LIMIT 1e9) WHERE {column} = 'a1'"
        assert len(world.rows(one)) == len(world.rows(all_of_them))
        assert world.rows(f"(FROM ({one})) EXCEPT ALL (FROM ({all_of_them}))") == []


def test_what_is_kept_of_ended_sessions_changes_no_number(world: Any) -> None:
    readers = ("curve_facts", "metric_facts", "overtraining_waste", "run_scores", "waste_ledger", "metric_summary")

    def numbers() -> dict[str, list[str]]:
        return {
            name: sorted(str(row) for (row,) in world.duck.execute(f"SELECT t::VARCHAR FROM {name} AS t").fetchall())
            for name in readers
        }

    worked_out = numbers()
    world.duck.execute("SET VARIABLE ended = (SELECT list(id) FROM training_sessions WHERE is_terminal(status))")
    try:
        world.duck.execute((resource("sql") / "ingest" / "keep_facts.sql").read_text())
        assert len(world.rows("FROM kept_curve_facts")) > 50
        assert numbers() == worked_out
    finally:
        world.duck.execute("DELETE FROM kept_curve_facts; DELETE FROM kept_metric_facts")


@pytest.mark.parametrize("path", VIEWS, ids=lambda path: path.stem)
def test_a_view_reads_only_lower_floors(path: Path) -> None:
    tree = sqlglot.parse_one(path.read_text(), dialect="duckdb")
    assert isinstance(tree, exp.Query), "a view file is a bare SELECT"
    own = {table.alias_or_name for table in tree.find_all(exp.CTE)}
    read = {table.name for table in tree.find_all(exp.Table)} - own
    for name in read & FLOORS.keys():
        assert FLOORS[name] < path.parent.name, f"{path.stem} reads {name}"


@pytest.mark.parametrize("path", VIEWS, ids=lambda path: path.stem)
def test_the_header_says_what_one_row_is_and_is_kept_as_comment(tables: Any, path: Path) -> None:
    first = path.read_text().splitlines()[0]
    assert re.match(r"-- One row (is|per) ", first), first
    (row,) = tables.rows("SELECT comment FROM duckdb_views() WHERE view_name = $name", {"name": path.stem})
    assert row["comment"].startswith(first.removeprefix("-- "))


@pytest.mark.parametrize("path", VIEWS, ids=lambda path: path.stem)
def test_a_view_file_can_be_pasted_as_it_is(world: Any, path: Path) -> None:
    assert world.duck.execute(path.read_text()).description


def test_every_table_and_every_column_that_needs_one_has_a_comment(tables: Any) -> None:
    bare = tables.rows("SELECT table_name FROM duckdb_tables() WHERE comment IS NULL AND NOT temporary")
    assert bare == []


def test_a_repeated_epoch_is_the_last_attempt_s_and_what_it_left_behind_does_not_count(empty: Any) -> None:
    run = str(UUID(int=1))
    rows = [(1, 1, 6.0, 1), (2, 1, 5.0, 9), (2, 2, 4.0, 1), (3, 2, 3.0, 1), (3, 2, 2.0, 2), (4, 1, 1.0, 9)]
    empty.insert(
        "training_epochs",
        [
            {"session_id": run, "epoch": e, "attempt": a, "val_loss": v, "logged_at": START + timedelta(seconds=s)}
            for e, a, v, s in rows
        ],
    )
    assert [row["val_loss"] for row in empty.rows("FROM epochs ORDER BY epoch")] == [6.0, 4.0, 2.0]


OF_ONE = [
    *((view, "session_id") for view in ("overtraining_waste", "epochs", "curves", "run_scores", "waste_ledger")),
    *((view, "agent_id") for view in ("overtraining_waste", "curves", "run_scores", "waste_ledger")),
]


@pytest.mark.parametrize(("view", "column"), OF_ONE)
def test_one_session_or_agent_of_a_thousand_is_read_alone(tables: Any, view: str, column: str) -> None:
    """The filter reaches the scan of training_epochs: rows there are counted, not time."""
    tables.clear()
    tables.duck.execute(
        """
        INSERT INTO training_sessions BY NAME
        SELECT CAST('00000000-0000-7000-8000-' || lpad(CAST(range AS VARCHAR), 12, '0') AS UUID) AS id,
          'completed' AS status, 'agent' || range AS agent_id
        FROM range(1000)
        """
    )
    tables.duck.execute(
        """
        INSERT INTO training_epochs BY NAME
        SELECT id AS session_id, e + 1 AS epoch, 1 / (e + 1) AS val_loss, TIMESTAMP '2026-03-01' AS logged_at
        FROM (SELECT id FROM training_sessions ORDER BY id), (SELECT range AS e FROM range(100)) ORDER BY id, e
        """
    )
    wanted = "00000000-0000-7000-8000-000000000500" if column == "session_id" else "agent500"
    plan = tables.duck.execute(f"EXPLAIN (ANALYZE, FORMAT json) SELECT * FROM {view} WHERE {column} = '{wanted}'")
    assert 0 < rows_out_of_scans(plan.fetchone()[1]) <= 2_000


def rows_out_of_scans(plan: str) -> int:
    """Return how many rows the scans of training_epochs in a profile handed on."""

    def walk(node: dict[str, Any]) -> int:
        table = node.get("extra_info", {}).get("Table", "")
        own = node["intermediate_rows"] if table.endswith("training_epochs") else 0
        return int(own) + sum(walk(child) for child in node.get("children", []))

    return sum(walk(node) for node in json.loads(plan)["operator"])


def grain_of(name: str) -> str:
    text = next(path for path in VIEWS if path.stem == name).read_text()
    match = GRAIN.search(text)
    assert match, f"{name} has no `-- grain:` line"
    return match[1]


def test_samples_within_one_step_stay_apart(empty: Any) -> None:
    """A script that logs epochs alone never leaves its first step; a slow step holds several samples."""
    run = str(UUID(int=1))
    empty.insert(
        "metrics",
        [
            {"session_id": run, "step": 1, "attempt": 1, "name": name, "value": float(second),
             "logged_at": START + timedelta(seconds=second)}
            for second in (5, 10, 15)
            for name in ("system/cpu_percent", "system/memory_gb")
        ],
    )  # fmt: skip
    rows = empty.rows("SELECT cpu_percent, memory_gb FROM run_resources ORDER BY logged_at")
    assert [tuple(row.values()) for row in rows] == [(5.0, 5.0), (10.0, 10.0), (15.0, 15.0)]
