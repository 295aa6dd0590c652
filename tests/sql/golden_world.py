"""A small yard made by hand that has every odd case the definitions name; the goldens are what the views say of it.

Agents: `curves` has every verdict on waste, `scores` every one on evolution and versions, `moves` every one on
transfers, `learner` tasks, feedback, uses and inputs.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

NAN, INF = math.nan, math.inf
START = datetime(2026, 3, 30, 20)  # some things end in March, some in April
Row = dict[str, Any]
World = dict[str, list[Row]]

# Of the agent `curves`: what becomes of a session, its monitored values, and what else is special about it.
CURVES: tuple[tuple[str, Sequence[float | None], Row], ...] = (
    ("never evaluated", [None, None, None], {}),
    ("no epoch", [], {}),
    ("unusable at the end", [1.0, 0.5, 0.4, INF], {}),
    ("never usable", [NAN, NAN, NAN], {}),
    ("evaluated twice", [1.0, None, 5.0], {}),
    ("best at the end", [1.0, 0.9, 0.8, 0.7], {"config_digest": "same"}),
    ("the same again", [1.0, 0.9, 0.8, 0.7], {"config_digest": "same"}),
    ("best epoch 4 of 10", [1.0, 0.8, 0.6, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8], {"patience": 3}),
    ("best value 0", [0.0, 0.5, 0.6, 0.7], {"patience": 2}),
    ("a plateau", [2.0, 1.0, 1.04, 1.05, 1.05, 1.04], {}),
    ("larger is better", [0.5, 0.7, 0.9, 0.8, 0.75, 0.7], {"monitor_metric": "accuracy", "monitor_mode": "max"}),
    ("failed", [1.0, 0.8, NAN, 0.7], {"status": "failed"}),
    ("cancelled", [1.0, 0.9], {"status": "cancelled"}),
    ("running", [1.0, 0.9], {"status": "running"}),
    ("queued", [], {"status": "queued"}),
    ("deleted", [1.0, 0.5, 0.7], {"deleted_at": START}),
    ("archived", [1.0, 0.5, 0.7], {"archived_at": START}),
    ("a trial", [1.0, 0.4, 0.7], {"parent_run_id": str(UUID(int=999))}),
    ("falls and rises", [5.0, 3.0, 2.0, 1.5, 1.2, 1.1, 1.0, 1.01, 1.005, 1.002, 1.001, 1.2, 1.3, 1.4, 1.5], {}),
    ("in another workspace", [1.0, 0.8, 0.6, 0.5, 0.53, 0.54, 0.54], {"workspace_id": "other"}),
)
# Scores of the trainings of the agent `scores`, 100 hours apart: every verdict on evolution.
EVOLUTION = (None, 0.8, 0.9, 0.95, 0.96, 0.96, 0.7, NAN, 0.7)
ZERO = (0.0, 0.1, 0.0, 0.0)
# Scores of version 1 and 2, uses of each (s: success, f: failed): every verdict on versions.
VERSIONS = (
    ("insufficient", (0.5, None), ("s", "f")),
    ("worse", (0.6, 0.5), ("f", "s")),
    ("mixed", (0.5, 0.6), ("s", "sf")),
    ("major", (0.5, 0.6), ("s", "s")),
    ("better", (0.7, 0.75), ("s", "")),
    ("reliable", (0.5, 0.5), ("sf", "s")),
    ("unreliable", (0.5, 0.5), ("s", "sf")),
    ("same", (0.3, 0.1 + 0.2), ("sc", "sq")),
)
# Score before, after, hours of a training from scratch: every verdict on transfers.
TRANSFERS = (
    ("unknown", None, 0.7, 10.0),
    ("high", 0.6, 0.71, 10.0),
    ("middle", 0.7, 0.8, 10.0),
    ("low", 0.6, 0.9, None),
    ("none", 0.6, 0.6, 10.0),
)
MATRIX = {(0, 1): 0.1, (0, 2): 0.1, (1, 1): 0.9, (1, 2): 0.3, (2, 1): 0.6, (2, 2): 0.8, (2, 3): NAN}
USES = {"s": "success", "f": "failed", "c": "cancelled", "q": "queued"}


DATA = "reviews@111111111111"


def uuid(number: int) -> str:
    return str(UUID(int=number))


def at(hours: float) -> datetime:
    return START + timedelta(hours=hours)


def answered() -> World:
    """Prompts of a run that came to its end, and of one that has not."""
    asked = (("What is 1 + 1?", "2", "3", "2"), ("user: Hi\nassistant: Hello\nuser: Bye", "Bye", "", "Bye"))
    rows: list[Row] = []
    for number, (prompt, expected, *answers) in enumerate(asked, start=1):
        for moment, step, answer in zip(("before", "after"), (0, 40), answers, strict=True):
            rows.append({"session_id": uuid(1), "attempt": 1, "moment": moment, "step": step, "number": number,
                         "prompt": prompt, "expected": expected, "answer": answer, "logged_at": at(step)})  # fmt: skip
    rows.append({**rows[0], "session_id": uuid(2)})
    return {"samples": rows}


def world() -> World:
    """Return the rows of each table."""
    found: World = {}
    made = (curves, measures, judged, transferred, learned, layers, answered, data, estimated, compared)
    for part in (make() for make in made):
        for table, rows in part.items():
            found.setdefault(table, []).extend(rows)
    return found


def session(number: int, agent: str, begun: float, hours: float, **columns: Any) -> Mapping[str, list[Row]]:
    """Return the rows of a run of two GPUs, its session and its only attempt."""
    patience = columns.pop("patience", None)
    of_run = {name: columns.pop(name, None) for name in ("config_digest", "deleted_at", "archived_at", "parent_run_id")}
    row = {"id": uuid(number), "agent_id": agent, "workspace_id": "main", "status": "completed", **columns}
    ended = at(begun + hours) if row["status"] not in ("running", "queued") else None
    shared = {name: row[name] for name in ("id", "agent_id", "workspace_id", "status")}
    hyper = {"batch_size": 8, **({} if patience is None else {"early_stopping_patience": patience})}
    return {
        "runs": [{
            **shared, **of_run, "kind": "train", "name": f"run {number}", "attempt": 1, "seed": number,
            "config": json.dumps({"agent": agent, "hyperparameters": hyper}), "tags": ["golden"],
            "device": "cuda:NVIDIA H100 80GB HBM3", "accelerators": 2, "launched_by": "page",
            "queued_at": at(begun - 1), "started_at": at(begun), "ended_at": ended,
        }],
        "training_sessions": [{
            "gpu_hours": 2 * hours if ended else None, "training_cost_usd": 4 * hours if ended else None,
            "total_epochs": 20, "started_at": at(begun), "hyperparameters": json.dumps(hyper),
            "completed_at": ended, **row,
        }],
        "run_attempts": [{
            "run_id": uuid(number), "attempt": 1, "status": row["status"], "started_at": at(begun), "ended_at": ended,
        }],
    }  # fmt: skip


def data() -> World:
    """Two versions of one data set; two trainings learnt from the older one."""
    rows = [
        {"record_id": uuid(8300 + n), "id": known, "name": "reviews", "path": "/data/reviews.csv", "format": "csv",
         "sha256": known.partition("@")[2] * 4, "size_bytes": 1000 + n, "rows": 10 + n,
         "schema": '[{"name": "text", "kind": "text"}]', "classes": '{"good": 6, "bad": 4}',
         "split": '{"by": "stratified"}', "created_at": at(n)}
        for n, known in enumerate((DATA, "reviews@222222222222"))
    ]  # fmt: skip
    return {"datasets": rows}


def joined(parts: Sequence[Mapping[str, list[Row]]]) -> World:
    found: World = {}
    for part in parts:
        for table, rows in part.items():
            found.setdefault(table, []).extend(rows)
    return found


def curves() -> World:
    """Every verdict on waste, each line of the bill, and an epoch that a second attempt repeated."""
    parts: list[Mapping[str, list[Row]]] = []
    for place, (name, values, columns) in enumerate(CURVES, start=1):
        parts.append(session(place, "curves", 2.0 * place, 1.25, **columns))
        parts[-1]["runs"][0]["name"] = name
        parts[-1]["training_sessions"][0]["dataset_id"] = DATA if place < 3 else None
        is_metric = "monitor_metric" in columns
        epochs = [
            {
                "session_id": uuid(place), "epoch": epoch, "attempt": 1, "step": 10 * epoch,
                "train_loss": 2.0 / epoch, "val_loss": None if is_metric else value,
                "val_metric": value if is_metric else None, "epoch_seconds": 60.0 * epoch, "learning_rate": 0.001,
                "gradient_norm": 1.0 / epoch, "samples": 100, "tokens": 5000, "memory_gb": 1.5, "cpu_utilization": 0.5,
                "gpu_utilization": 0.3 if place % 2 else 0.9, "logged_at": at(2.0 * place + epoch / 60),
            }
            for epoch, value in enumerate(values, start=1)
        ]  # fmt: skip
        parts.append({"training_epochs": epochs})
    repeated = {"session_id": uuid(8), "epoch": 10, "attempt": 2, "val_loss": 0.9, "logged_at": at(16), "samples": None}
    started = {"run_id": uuid(8), "attempt": 2, "status": "completed", "started_at": at(18), "ended_at": at(19)}
    return joined([*parts, {"training_epochs": [repeated], "run_attempts": [started]}])


def measures() -> World:
    """Gradients that explode and vanish, two batch sizes, samples of a process, anomalies, a metric with a goal."""
    steady = [1.0, 1.1, 0.9, 1.05, 0.95] * 5
    norms = [*steady, 50.0, NAN, 0.001, 0.0]
    rows: list[Row] = []

    def metric(number: int, name: str, values: Sequence[float], **columns: Any) -> None:
        for step, value in enumerate(values, start=1):
            row = {"session_id": uuid(number), "attempt": 1, "step": step, "epoch": step / 10, "name": name}
            rows.append({**row, "value": value, "logged_at": at(2 * number) + timedelta(seconds=step), **columns})

    metric(8, "train/gradient_norm", norms)
    metric(8, "train/loss", [3.0, 2.0, 1.0, 1.1, 0.9, 1.0, 40.0, NAN])
    metric(8, "validation/val_loss", [1.5], step=0)
    metric(8, "f1", [0.5, 0.7, 0.6], step=None)
    metric(8, "system/cpu_percent", [95.0, 99.0])
    metric(8, "system/memory_gb", [1.0, INF])
    metric(8, "system/gpu_percent", [70.0, 80.0])
    metric(8, "system/samples_per_second", [640.0])
    metric(8, "gradient_norm/layers.0", [0.5, NAN])
    # Batches of 8 and 32 examples, the squared norms of gradients with such critical sizes, the memory that is allowed.
    parts: list[Mapping[str, list[Row]]] = []
    sizes = ((10.0, 8.0), (16.0, 8.0), (400.0, 8.0), (400.0, None), (400.0, 2.0), (0.0, 8.0))
    for number, (critical, limit) in enumerate(sizes, start=101):
        small, big = 1 + critical / 8, 1 + critical / 32
        config = {"resources": {"memory_limit_gb": limit}}
        part = session(number, "batches", 300.0 + number, 1.0, memory_peak_gb=1.5, parameters=1_000_000,
                       energy_kwh=0.25 * number)  # fmt: skip
        part["runs"][0]["config"] = json.dumps(config)
        part["training_sessions"][0]["hyperparameters"] = json.dumps({"batch_size": 8, "gradient_accumulation": 4})
        parts.append(part)
        metric(number, "train/gradient_norm_small", [math.sqrt(small)] * 3)
        metric(number, "train/gradient_norm", [math.sqrt(big)] * 3)
    shape = {"layers": 6, "attention_heads": 12, "head_size": 32, "sequence_length": 128}
    parts[0]["training_sessions"][0] |= shape
    parts.append({"training_epochs": [
        {"session_id": uuid(number), "epoch": 1, "val_loss": 0.5, "samples": 100, "tokens": tokens,
         "epoch_seconds": 100.0, "logged_at": at(401)}
        for number, tokens in ((101, 10**9), (102, 10**12))
    ]})  # fmt: skip
    events = [
        {"run_id": uuid(8), "kind": kind, "attempt": 1, "journal": "j", "line_offset": place, "logged_at": at(16),
         "body": json.dumps(body)}
        for place, (kind, body) in enumerate(
            (
                ("queued", {"launched_by": "page"}),
                ("spawned", {"pid": 7}),
                ("started", {"device": "cpu", "host": "h"}),
                ("planned", {"total_epochs": 20, "total_steps": 200, "parameters": 5,
                             "class_counts": {"train": {"a": 3, "b": 1}, "validation": {"b": 1}}}),
                ("metric", {"name": "f*", "goal": "max", "unit": "share"}),
                ("checkpoint", {"step": 10}),
                ("notice", {"message": "cut", "hint": "raise it"}),
                ("early_stop", {"epoch": 7, "best_epoch": 4}),
                ("cancel_requested", {"by": "ann"}),
                ("changed", {"tags_added": ["a"], "archived": "0"}),
                ("ended", {"status": "failed", "error_message": "no"}),
                ("lost", {"by": "cli"}),
            )
        )
    ]  # fmt: skip
    return joined([*parts, {"metrics": rows, "run_events": events}])


def layers() -> World:
    """Histograms of a layer, one that is a single value, and one of which a second attempt knew better."""
    row = {"session_id": uuid(8), "attempt": 1, "epoch": 0.5, "layer": "layers.0", "place": 1, "kind": "gradient",
           "low": -1.0, "high": 1.0, "mean": 0.1, "deviation": 0.4, "zeros": 0.0, "counts": [1, 2, 4, 1],
           "logged_at": at(16)}  # fmt: skip
    alone = {"low": 0.0, "high": 0.0, "zeros": 1.0, "counts": [8]}
    return {"histograms": [
        {**row, "step": 5}, {**row, "step": 10}, {**row, "step": 10, "attempt": 2, "high": 3.0},
        {**row, **alone, "step": 5, "kind": "weight", "layer": "head", "place": 2, "epoch": INF},
    ]}  # fmt: skip


def judged() -> World:
    """Every verdict on evolution and on versions."""
    parts: list[Mapping[str, list[Row]]] = []
    benchmarks: list[Row] = []

    def benchmark(agent: str, hour: float, score: float | None, **columns: Any) -> None:
        benchmarks.append({"id": uuid(5000 + len(benchmarks)), "agent_id": agent, "created_at": at(hour),
                           "accuracy_score": score, "speed_score": 10.0 * hour, "efficiency_score": 2.0,
                           **columns})  # fmt: skip

    for place, score in enumerate(EVOLUTION):
        parts.append(session(200 + place, "scores", 100.0 * place, 1.0, best_validation_loss=INF if place else 0.5))
        parts[-1]["runs"][0]["config"] = json.dumps({"hyperparameters": {"learning_rate": 0.1 / (place + 1)}})
        benchmark("scores", 100.0 * place + 2, score)
    for place, score in enumerate(ZERO):
        parts.append(session(220 + place, "zero", 100.0 * place, 1.0))
        benchmark("zero", 100.0 * place + 2, score, benchmark_name="error", higher_is_better=False)
        benchmark("zero", 100.0 * place + 30, 0.5, benchmark_name="too late")
    versions, uses = [], []
    for place, (name, scores, used) in enumerate(VERSIONS):
        for number, (score, letters) in enumerate(zip(scores, used, strict=True), start=1):
            own = 300 + 10 * place + number
            versions.append({"id": uuid(own), "agent_id": f"version {name}", "version": str(number),
                             "parent_version": None if number == 1 else "1", "created_at": at(number)})  # fmt: skip
            benchmark(f"version {name}", 3.0, score, model_version_id=uuid(own))
            uses += [
                {"execution_id": uuid(6000 + 100 * own + i), "model_version_id": uuid(own), "status": USES[letter],
                 "user_id": [None, "u", "v"][i % 3], "created_at": at(4)}
                for i, letter in enumerate(letters)
            ]  # fmt: skip
    benchmark("version same", 3.0, NAN, benchmark_name="b", model_version_id=uuid(300 + 72))
    return joined([
        *parts, {"benchmark_executions": benchmarks, "model_versions": versions, "agent_executions": uses},
    ])  # fmt: skip


def compared() -> World:
    """A comparison by accuracy: two seeds, one seed that failed and one unusable, one that trains, and a baseline."""
    parts: list[Mapping[str, list[Row]]] = []
    metrics: list[Row] = []
    events: list[Row] = []
    models: tuple[tuple[str, tuple[tuple[str, float | None], ...]], ...] = (
        ("net", (("completed", 0.8), ("completed", 0.9))),
        ("odd", (("failed", 0.99), ("completed", NAN))),
        ("slow", (("running", 0.5),)),
        ("majority", (("completed", 0.4),)),
    )
    number = 900
    for place, (name, runs) in enumerate(models):
        for seed, (status, score) in enumerate(runs):
            number += 1
            part = session(number, "compared", 500.0 + number - 900, 0.5, status=status, parent_run_id=uuid(900),
                           dataset_id="d@1", parameters=10 * place, best_validation_loss=0.5)  # fmt: skip
            kind = "majority" if name == "majority" else "cnn1d"
            config = json.dumps({"name": name, "model": {"model_type": kind}})
            part["runs"][0] |= {"name": name, "seed": seed, "replicate_group": name, "config": config}
            parts.append(part)
            metrics.append({"session_id": uuid(number), "attempt": 1, "step": 10, "epoch": 1.0, "name": "accuracy",
                            "value": score, "logged_at": at(600)})  # fmt: skip
            events.append({"run_id": uuid(number), "kind": "planned", "attempt": 1, "journal": "c",
                           "line_offset": number, "logged_at": at(500),
                           "body": json.dumps({"validation_size": 80})})  # fmt: skip
    config = json.dumps({"metric": "accuracy", "mode": "max", "baselines": ["majority"], "runs": 6})
    parent = {"id": uuid(900), "kind": "compare", "name": "which one", "status": "running", "agent_id": "compared",
              "workspace_id": "main", "attempt": 1, "queued_at": at(499), "launched_by": "cli",
              "config": config}  # fmt: skip
    return joined([*parts, {"runs": [parent], "metrics": metrics, "run_events": events}])


def transferred() -> World:
    """Every verdict on transfers, one that failed, and one that nothing was measured of."""
    parts: list[Mapping[str, list[Row]]] = []
    transfers: list[Row] = []
    benchmarks: list[Row] = []

    def transfer(number: int, target: str, **columns: Any) -> None:
        transfers.append({"id": uuid(number), "target_agent_id": target, "source_agent_id": "curves",
                          "knowledge_domain": "reviews", "transfer_method": "lora", "layers_transferred": 6,
                          "fine_tuning_epochs": 3, "training_time_hours": 4.0, "training_cost_usd": 2.0,
                          "started_at": at(100), "completed_at": at(104), "status": "completed",
                          **columns})  # fmt: skip

    for place, (name, before, after, scratch_hours) in enumerate(TRANSFERS):
        target = f"moves {name}"
        transfer(400 + place, target)
        if scratch_hours is not None:
            parts.append(session(420 + place, target, 50 - scratch_hours, scratch_hours, training_type="from_scratch"))
        for number, (hour, score) in enumerate(((99, before), (105, after))):
            benchmarks.append({"id": uuid(7000 + 10 * place + number), "agent_id": target, "created_at": at(hour),
                               "accuracy_score": score})  # fmt: skip
    transfer(450, "moves nowhere", status="failed", training_time_hours=0.0)
    return joined([*parts, {"transfer_learning_sessions": transfers, "benchmark_executions": benchmarks}])


def learned() -> World:
    """Tasks after updates, feedback, and inputs that stayed, moved a little, moved, or are too few."""
    tasks = [
        {"id": uuid(8000 + 10 * i + j), "agent_id": "learner", "update_index": i, "task_index": j, "task": f"t{j}",
         "score": score, "scored_at": at(i)}
        for (i, j), score in MATRIX.items()
    ]  # fmt: skip
    pairs = ((False, True), (False, True), (False, False), (True, False), (True, True), (None, True))
    feedback = [
        {"id": uuid(8100 + n), "agent_id": "learner", "item_id": f"i{n}",
         "is_positive": [True, True, False, None][n % 4], "was_correct_before": before,
         "was_correct_after": after, "created_at": at(n)}
        for n, (before, after) in enumerate(pairs)
    ]  # fmt: skip
    updates = [
        {"id": uuid(8200 + n), "agent_id": "learner", "status": status, "completed_at": at(n), "from_version": "1"}
        for n, status in enumerate(("success", "failed", "rolled_back"))
    ]
    uses = []
    for n in range(400):
        newer = n >= 200
        inputs: Row = {
            "stays": n % 200,
            "moves a little": (n % 200) + (14 if newer else 0),
            "moves": (n % 200) * (3 if newer else 1),
            "language": "de" if newer and n % 2 else "en",
            "missing": None if newer and n % 3 else 1,
        }
        if n < 100:
            inputs["few"] = n
        uses.append({"execution_id": uuid(9000 + n), "agent_id": "learner", "model_version": "1", "status": "success",
                     "latency_ms": NAN if n == 5 else 10.0, "created_at": at(n),
                     "inputs": json.dumps(inputs)})  # fmt: skip
    return {"task_scores": tasks, "feedback_events": feedback, "learning_updates": updates, "agent_executions": uses}


def estimated() -> World:
    """What was said before runs and what came of it: every verdict on estimates, with and without a preset."""
    parts: list[Mapping[str, list[Row]]] = []
    events: list[Row] = []
    # Wall hours, whether it went its whole way, peak memory, and of which preset it was.
    stories = (
        (1.0, 3, 1.0, "quick_test"),
        (0.5, 3, 0.5, "quick_test"),
        (4.0, 3, 9.0, "quick_test"),
        (1.0, 2, None, "mine"),
        (1.0, 3, 1.2, None),
    )
    for place, (hours, epochs, memory, preset) in enumerate(stories):
        own = 500 + place
        part = session(own, "estimated", 500.0 + 10 * place, hours, memory_peak_gb=memory, total_epochs=3)
        limit = {"resources": {"memory_limit_gb": 1.3}}
        part["runs"][0] |= {"device": "cpu", "accelerators": 1, "config": json.dumps(limit)}
        part["training_sessions"][0] |= {"gpu_hours": hours, "completed_epochs": epochs}
        parts.append(part)
        body = {"preset": preset, "basis": "arithmetic", "runs": 0, "seconds": 3600, "seconds_low": 3000,
                "seconds_high": 7200, "memory_gb": 1.0, "memory_low_gb": 0.8, "memory_high_gb": 1.5}  # fmt: skip
        events.append({"run_id": uuid(own), "kind": "estimated", "attempt": None, "journal": "e",
                       "line_offset": place, "logged_at": at(500), "body": json.dumps(body)})  # fmt: skip
    return joined([*parts, {"run_events": events}])
