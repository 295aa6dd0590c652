"""`runyard prices`: what an hour costs, from when on, for which runs, and after a rebuild."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import runyard

Command = Callable[..., Any]


def trained(home: Path) -> None:
    with runyard.init(agent="bot", home=home) as run:
        run.log_epoch(1, val_loss=0.5)


def paid(command: Command) -> list[float]:
    """What an hour of each run cost, in the order of the runs."""
    said = command("sql", "SELECT * FROM training_sessions ORDER BY started_at", "--format", "json")
    assert said.code == 0, said.err
    return [float(row["training_cost_usd"]) / row["gpu_hours"] for row in said.rows]


def test_a_price_is_for_runs_that_start_from_then_on(command: Command, home: Path) -> None:
    trained(home)
    assert command("sql", "FROM runs").code == 0
    said = command("prices", "cpu", "1e6")
    assert said.code == 0
    assert "An hour of cpu costs 1e+06 USD from 20" in said.err
    trained(home)
    costs = paid(command)
    assert costs[0] < 10
    assert costs[1] == pytest.approx(1e6, rel=0.01)
    assert command("rebuild").code == 0
    assert paid(command) == costs


def test_a_price_of_the_past_counts_after_a_rebuild(command: Command, home: Path) -> None:
    assert command("prices", "cpu", "1e6").code == 0
    trained(home)
    assert paid(command) == [pytest.approx(1e6, rel=0.01)]
    assert command("prices", "cpu", "2e6", "--from", "2026-01-01T02:00:00+02:00").code == 0
    assert command("prices", "cpu", "3e6", "--from", "2020-01-01").code == 0
    assert command("prices", "cpu", "2.5", "--from", "2020-01-01").code == 0, "again for the same moment"
    rows = command("prices", "--format", "json").rows
    assert [(row["usd_per_hour"], row["valid_from"][:10]) for row in rows[:3]] == [
        ("0.040000", "1970-01-01"), ("2.500000", "2020-01-01"), ("2000000.000000", "2026-01-01"),
    ]  # fmt: skip
    assert len(rows) == 4
    assert command("rebuild").code == 0
    assert command("prices", "--format", "json").rows == rows
    assert paid(command) == [pytest.approx(1e6, rel=0.01)], "the newest price before its start"
    assert command("prices", "cpu", "5e5", "--from", rows[3]["valid_from"]).code == 0
    assert paid(command) == [pytest.approx(1e6, rel=0.01)]
    assert command("rebuild").code == 0
    assert paid(command) == [pytest.approx(5e5, rel=0.01)]


def test_a_device_without_a_price_is_listed(command: Command, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNYARD_DEVICE", "cuda:NVIDIA A100")
    trained(home)
    found = {row["device"]: row["usd_per_hour"] for row in command("prices", "--format", "json").rows}
    assert found == {"cpu": "0.040000", "cuda:NVIDIA A100": None}
    command("prices", "cuda:NVIDIA A100", "0", "--from", "2020-01-01")
    assert command("rebuild").code == 0
    (row,) = command("sql", "SELECT training_cost_usd AS usd FROM training_sessions", "--format", "json").rows
    assert float(row["usd"]) == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["cpu"], "USD_PER_HOUR"),
        (["--from", "2026-01-01"], "USD_PER_HOUR"),
        (["cpu", "nan"], "is no price"),
        (["cpu", "inf"], "is no price"),
        (["cpu", "1e12"], "is no price"),
        (["--", "cpu", "-1"], "is no price"),
        ([" ", "1"], "device: is empty"),
        (["cpu", "1", "--from", "yesterday"], "is no date"),
        (["cpu", "1", "--from", "0001-01-01T00:00:00+10:00"], "is no date"),
    ],
)
def test_what_cannot_be_a_price_is_said(command: Command, home: Path, arguments: list[str], words: str) -> None:
    said = command("prices", *arguments)
    assert said.code == 2
    assert words in said.err
