"""What is measured beside curves and recorded of inputs comes into the tables, and from there into verdicts."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from reading import tables

import runyard
from runyard import recording
from runyard.core.errors import Invalid
from runyard.core.journal import Journal, RunJournal
from runyard.core.paths import Yard
from runyard.store import Store

Command = Callable[..., Any]
RUN = "0198a3c0-0000-7000-8000-000000000001"
START = datetime(2026, 3, 1)


@pytest.fixture
def home(yard: Yard) -> Any:
    yield yard.home
    recording.close()


def rows(sql: str, home: Path) -> list[dict[str, Any]]:
    return runyard.query(sql, home=home).pl().to_dicts()


def test_inputs_that_move_are_noticed(home: Path) -> None:
    """Ten bins, 250 uses on either side: lengths that double, and words that stay."""
    dice = random.Random(5)
    for number in range(500):
        length = dice.gauss(100, 20) * (2 if number >= 250 else 1)
        inputs = {"length": length, "language": dice.choice(["en", "de"]), "urgent": dice.random() < 0.5}
        runyard.record_execution(
            "success", agent="bot", inputs=inputs, created_at=START + timedelta(minutes=number), home=home
        )
    found = {row["feature"]: row for row in rows("FROM input_drift", home)}
    assert found["length"]["input_drift"] == "drift"
    assert found["length"]["psi"] > 1
    assert {found[name]["input_drift"] for name in ("language", "urgent")} == {"stable"}
    assert {(row["n_older"], row["n_newer"]) for row in found.values()} == {(250, 250)}
    assert found["length"]["newer_since"] == START + timedelta(minutes=250)


def test_inputs_said_again_take_the_place_of_the_old_and_survive_a_rebuild(home: Path) -> None:
    runyard.record_execution("running", inputs={"length": 1}, id="a", home=home)
    runyard.record_execution("success", id="a", home=home)
    (row,) = rows("SELECT status, inputs FROM agent_executions", home)
    assert (row["status"], json.loads(row["inputs"])) == ("success", {"length": 1})
    runyard.record_execution("success", inputs={"length": 2, "word": "x", "gone": None}, id="a", home=home)
    (row,) = rows("SELECT inputs FROM agent_executions", home)
    assert json.loads(row["inputs"]) == {"length": 2, "word": "x", "gone": None}
    store = Store(Yard(home))
    before = tables(store)
    store.rebuild()
    assert tables(store)["agent_executions"] == before["agent_executions"]
    store.close()


@pytest.mark.parametrize(
    "inputs",
    [{}, [1], {"a": [1]}, {"a": float("nan")}, {"": 1}, {"a": {"b": 1}}, dict.fromkeys(map(str, range(1001)), 1)],
)
def test_inputs_that_cannot_be_used_are_refused(home: Path, inputs: Any) -> None:
    with pytest.raises(Invalid) as caught:
        runyard.record_execution("success", inputs=inputs, home=home)
    assert [problem.path for problem in caught.value.problems] == ["inputs"]


def test_a_command_takes_inputs_by_name(command: Command) -> None:
    said = command("record", "execution", "--status", "success", "--input", "length=120", "--input", "language=en")
    assert said.code == 0, said.err
    (row,) = command("sql", "SELECT inputs FROM agent_executions", "--format", "json").rows
    assert json.loads(row["inputs"]) == {"length": 120.0, "language": "en"}
    said = command("record", "execution", "--status", "success", "--input", "length")
    assert said.code == 2
    assert "NAME=VALUE" in said.err


def test_the_shape_of_a_model_gives_the_share_of_the_peak_that_was_used(yard: Yard, store: Store) -> None:
    """By hand: 6 x 10^6 + 12 x 4 x 8 x 16 x 100 FLOPs a token, 20,000 tokens a second, on two H200."""
    pen = RunJournal(Journal(yard.run(RUN).journal(1)), RUN, 1)
    pen.emit("queued", kind="train", agent="bot", config={"hyperparameters": {"epochs": 1}})
    pen.emit("started", device="cuda:NVIDIA H200", accelerators=2)
    pen.emit("planned", total_epochs=1, parameters=1_000_000, layers=4, attention_heads=8, head_size=16,
             sequence_length=100)  # fmt: skip
    pen.epoch(1, val_loss=0.5, tokens=200_000, epoch_seconds=10.0)
    pen.emit("ended", status="completed", energy_kwh=0.5, energy_meters="gpu")
    pen.journal.close()
    store.ingest(snapshot=True)
    (row,) = store.read("FROM run_efficiency").to_dicts()
    assert row["flops_per_token"] == 6e6 + 12 * 4 * 8 * 16 * 100
    assert row["compute_efficiency"] == pytest.approx(20_000 * row["flops_per_token"] / (2 * 989e12))
    assert (row["flops_basis"], row["valid"]) == ("6N + 12LHQT", True)
    (report,) = store.read("SELECT energy_kwh, energy_meters FROM run_report").to_dicts()
    assert report == {"energy_kwh": 0.5, "energy_meters": "gpu"}


def test_an_attempt_that_nobody_metered_makes_the_energy_unknown(yard: Yard, store: Store) -> None:
    for attempt, kwh in ((1, 0.25), (2, None)):
        pen = RunJournal(Journal(yard.run(RUN).journal(attempt)), RUN, attempt)
        pen.emit("queued", kind="train", config={})
        pen.emit("started", device="cpu", accelerators=1)
        pen.emit("ended", status="failed", energy_kwh=kwh, energy_meters=kwh and "cpu")
        pen.journal.close()
        store.ingest()
        found = store.live("SELECT energy_kwh, energy_meters FROM training_sessions").rows()
        assert found == [(kwh, "cpu" if kwh else None)]


def test_a_script_says_what_it_metered_or_that_it_could_not(home: Path) -> None:
    from runyard.core.energy import EnergyMeter

    with runyard.init(agent="bot", home=home) as run:
        run.log_epoch(1, val_loss=0.5)
    ((kwh, status),) = runyard.query("SELECT energy_kwh, status FROM training_sessions", home=home).fetchall()
    assert status == "completed"
    assert (kwh is None) == (EnergyMeter().kwh is None)
