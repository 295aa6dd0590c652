"""Thresholds that a workspace sets by command: listed, checked, in force at once, kept by a rebuild."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import runyard
from runyard.service.retention import RULES
from runyard.service.thresholds import defined

Command = Callable[..., Any]
SAID = ("SELECT workspace_id, es_saved_epochs FROM overtraining_waste AS w "
        "JOIN training_sessions AS s ON s.id = w.session_id ORDER BY workspace_id")  # fmt: skip


@pytest.fixture
def two_workspaces(home: Path) -> Path:
    for workspace in ("lab", "shop"):
        with runyard.init(agent="bot", workspace=workspace, home=home) as run:
            for epoch, loss in enumerate([1.0, 0.5, *[0.6] * 6], start=1):
                run.log_epoch(epoch, val_loss=loss)
    return home


def saved(command: Command) -> dict[str, int]:
    said = command("sql", SAID, "--format", "json")
    assert said.code == 0, said.err
    return {row["workspace_id"]: row["es_saved_epochs"] for row in said.rows}


def test_a_setting_is_in_force_at_once_and_for_its_workspace_alone(command: Command, two_workspaces: Path) -> None:
    assert saved(command) == {"lab": 0, "shop": 0}
    assert command("settings", "early_stopping_patience", "2", "--workspace", "lab").code == 0
    assert saved(command) == {"lab": 4, "shop": 0}
    assert command("settings", "early_stopping_patience", "4").code == 0
    assert saved(command) == {"lab": 4, "shop": 2}
    assert command("rebuild").code == 0
    assert saved(command) == {"lab": 4, "shop": 2}
    assert command("settings", "early_stopping_patience", "--unset", "--workspace", "lab").code == 0
    assert saved(command) == {"lab": 2, "shop": 2}


def test_the_list_has_every_threshold_and_what_was_set(command: Command, two_workspaces: Path) -> None:
    command("settings", "overtraining_pct", "3", "--workspace", "lab")
    command("settings", "peak_flops cpu", "2e11")
    rows = {(row["name"], row["workspace"]): row for row in command("settings", "--format", "json").rows}
    assert {name for name, _ in rows} == {*defined(), *RULES, "peak_flops cpu"}
    assert rows["overtraining_pct", "lab"] == {
        "name": "overtraining_pct", "workspace": "lab", "value": 3.0, "as_defined": 5.0,
    }  # fmt: skip
    assert rows["early_stopping_patience", None]["value"] == 10.0
    assert rows["peak_flops cpu", None]["value"] == 2e11


def test_the_definitions_values_are_read_from_the_macros() -> None:
    assert defined().items() >= {
        "early_stopping_patience": 10.0, "overtraining_pct": 5.0, "significant_improvement_pct": 10.0,
        "moderate_improvement_pct": 5.0, "highly_effective_gain": 0.1, "effective_gain": 0.05,
        "highly_effective_time_pct": 50.0, "effective_time_pct": 30.0, "major_improvement": 0.05,
        "underutilized_below": 0.5, "costly_pct": 1.0,
    }.items()  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nothing", "1"], "overtraining_pct"),
        (["overtraining_pct", "nan"], "no number above 0"),
        (["overtraining_pct", "0"], "no number above 0"),
        (["overtraining_pct"], "VALUE"),
        (["overtraining_pct", "1", "--unset"], "VALUE"),
        (["peak_flops ", "1"], "is no threshold"),
        (["early_stopping_patience", "2.5"], "whole number"),
        (["early_stopping_patience", "1e12"], "whole number"),
        (["still_evaluations", "0.5"], "whole number"),
    ],
)
def test_what_cannot_be_set_is_said(command: Command, arguments: list[str], words: str) -> None:
    said = command("settings", *arguments)
    assert said.code == 2
    assert words in said.err
