"""What a workspace sets changes the labels of its own rows, and of no others."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from golden_world import at, uuid


@pytest.fixture
def twins(empty: Any) -> Iterator[Any]:
    """The same trainings, versions and transfer in two workspaces, each by an agent of that workspace."""
    for offset, name in ((0, "w"), (500, "v")):
        agent = f"agent {name}"
        common = {"agent_id": agent, "workspace_id": name, "status": "completed"}
        sessions = [
            {**common, "id": uuid(offset + n), "model_version": str(n), "started_at": at(100 * n - 1),
             "completed_at": at(100 * n), "gpu_hours": 12.0, "training_type": None}
            for n in (1, 2)
        ]  # fmt: skip
        scratch = {**common, "id": uuid(offset + 3), "training_type": "from_scratch", "started_at": at(300),
                   "completed_at": at(310)}  # fmt: skip
        transfer = {**common, "id": uuid(offset + 4), "started_at": at(400), "completed_at": at(404)}
        empty.insert("training_sessions", [*sessions, scratch, transfer])
        curve = [1.0, 0.5, *[0.52] * 10]
        empty.insert(
            "training_epochs",
            [
                {"session_id": uuid(offset + 1), "epoch": epoch, "val_loss": loss, "epoch_seconds": 1.0,
                 "gpu_utilization": 0.6}
                for epoch, loss in enumerate(curve, start=1)
            ],
        )  # fmt: skip
        empty.insert(
            "model_versions",
            [
                {"id": uuid(offset + n), "run_id": uuid(offset + n), "agent_id": agent, "version": str(n),
                 "parent_version": None if n == 1 else "1", "created_at": at(100 * n)}
                for n in (1, 2)
            ],
        )  # fmt: skip
        empty.insert(
            "benchmark_executions",
            [
                {"id": uuid(offset + 100 + n), "agent_id": agent, "created_at": at(hour), "accuracy_score": score,
                 "model_version_id": None if version is None else uuid(offset + version)}
                for n, (hour, score, version) in enumerate(
                    ((101, 0.5, 1), (201, 0.54, 2), (399, 0.5, None), (405, 0.58, None))
                )
            ],
        )  # fmt: skip
        empty.insert(
            "transfer_learning_sessions",
            [{"id": uuid(offset + 4), "target_agent_id": agent, "training_time_hours": 4.0, "started_at": at(400),
              "completed_at": at(404), "status": "completed"}],
        )  # fmt: skip
    yield empty
    empty.duck.execute("DELETE FROM settings")


CASES = [
    ("early_stopping_patience", "3", "es_saved_epochs", "overtraining_waste", 0, 7),
    ("overtraining_pct", "3", "waste_category", "overtraining_waste", "plateau", "overtraining"),
    ("significant_improvement_pct", "7", "improvement_category", "model_performance_evolution",
     "moderate_improvement", "significant_improvement"),
    ("moderate_improvement_pct", "9", "improvement_category", "model_performance_evolution",
     "moderate_improvement", "slight_improvement"),
    ("major_improvement", "0.03", "version_assessment", "model_version_comparison",
     "improvement", "major_improvement"),
    ("highly_effective_gain", "0.07", "transfer_effectiveness", "transfer_learning_analytics",
     "effective", "highly_effective"),
    ("effective_gain", "0.09", "transfer_effectiveness", "transfer_learning_analytics",
     "effective", "moderately_effective"),
    ("effective_time_pct", "70", "transfer_effectiveness", "transfer_learning_analytics",
     "effective", "moderately_effective"),
    ("underutilized_below", "0.7", "underutilized", "run_efficiency", False, True),
]  # fmt: skip


def verdicts(tables: Any, view: str, column: str, workspace: str) -> set[Any]:
    agent = "target_agent_id" if view == "transfer_learning_analytics" else "agent_id"
    rows = tables.rows(f"SELECT {column} AS found FROM {view} WHERE {agent} = $agent", {"agent": f"agent {workspace}"})
    return {row["found"] for row in rows}


@pytest.mark.parametrize(("name", "value", "column", "view", "defined", "chosen"), CASES, ids=lambda case: str(case))
def test_a_setting_changes_the_labels_of_its_workspace_alone(
    twins: Any, name: str, value: str, column: str, view: str, defined: Any, chosen: Any
) -> None:
    before = verdicts(twins, view, column, "w")
    assert defined in before
    assert chosen not in before

    twins.insert("settings", [{"workspace": "w", "name": name, "value": value}])

    assert chosen in verdicts(twins, view, column, "w")
    assert verdicts(twins, view, column, "v") == before


@pytest.mark.parametrize("value", ["1e12", "1e300", "2147483647"])
def test_a_patience_beyond_every_number_never_stops_anything(twins: Any, value: str) -> None:
    twins.insert("settings", [{"workspace": "w", "name": "early_stopping_patience", "value": value}])
    assert verdicts(twins, "overtraining_waste", "es_saved_epochs", "w") == {0, None}  # None: without epochs


def test_a_setting_of_every_workspace_gives_way_to_a_workspaces_own(twins: Any) -> None:
    rows = [(None, "overtraining_pct", "3"), ("w", "overtraining_pct", "5"), ("v", "other", "1")]
    twins.insert("settings", [dict(zip(("workspace", "name", "value"), row, strict=True)) for row in rows])
    assert verdicts(twins, "overtraining_waste", "waste_category", "w") >= {"plateau"}
    assert verdicts(twins, "overtraining_waste", "waste_category", "v") >= {"overtraining"}


@pytest.mark.parametrize("value", ["", "many", "NaN", "inf", None])
def test_a_setting_that_is_no_number_counts_as_none(twins: Any, value: str | None) -> None:
    before = twins.rows("FROM overtraining_waste ORDER BY session_id")
    twins.insert("settings", [{"workspace": "w", "name": "overtraining_pct", "value": value}])
    assert twins.rows("FROM overtraining_waste ORDER BY session_id") == before


def test_the_peak_of_a_device_can_be_set(empty: Any) -> None:
    row = {"id": uuid(1), "agent_id": "a", "workspace_id": "w", "status": "completed", "parameters": 1000}
    empty.insert("training_sessions", [row])
    empty.insert("runs", [{"id": uuid(1), "device": "cpu", "accelerators": 1}])
    empty.insert("training_epochs", [{"session_id": uuid(1), "epoch": 1, "tokens": 500, "epoch_seconds": 10.0}])
    said = "SELECT compute_efficiency, valid, flops_basis FROM run_efficiency"
    assert empty.rows(said) == [{"compute_efficiency": None, "valid": None, "flops_basis": "6N"}]
    empty.insert("settings", [{"workspace": "w", "name": "peak_flops cpu", "value": "1e6"}])
    try:
        assert empty.rows(said) == [{"compute_efficiency": 0.3, "valid": True, "flops_basis": "6N"}]
    finally:
        empty.duck.execute("DELETE FROM settings")
