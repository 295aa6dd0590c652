"""Samples of a language model: on its page, and in the tables as the journals tell them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from streamlit.testing.v1 import AppTest
from yards import Story, full_yard

from runyard.core.journal import Journal
from runyard.core.paths import Yard
from runyard.store.store import Store

Visit = Callable[..., AppTest]
ASKED = (
    ("My screen is flickering.", "Update the driver.", "I'm sorry for the inconvenience.", "Check the power."),
    ("user: Hi\nassistant: Hello\nuser: <b>Bye</b>", "Bye!", "", "Good bye <script>"),
)
CHAT = Story("chat-lora", "completed", 2, 2, 2, model="SmolLM2-135M-Instruct", samples=ASKED)
LIVE = Story("chat-live", "running", 1, 2, 1, model="SmolLM2-135M-Instruct", samples=ASKED)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, UUID]]:
    home = tmp_path_factory.mktemp("samples") / "yard"
    return home, full_yard(home, (CHAT, LIVE, Story("watch-cnn", "completed", 2, 2, 2)))


def tab(at: AppTest, name: str) -> Any:
    return next((tab for tab in at.tabs if tab.label == name), None)


def test_answers_stand_side_by_side(visit: Visit, told: tuple[Path, dict[str, UUID]]) -> None:
    home, ids = told
    at = visit(home, "run", id=str(ids["chat-lora"]), tab="Samples")
    shown = "".join(element.body for element in tab(at, "Samples").get("html"))
    for text in ("My screen is flickering.", "I&#x27;m sorry", "Check the power.", "After 48 steps", "<i>nothing</i>"):
        assert text in shown
    assert "&lt;b&gt;Bye&lt;/b&gt;" in shown, "a text of a user is not read as markup"
    assert "<script>" not in shown


def test_a_run_under_way_has_no_answers_after_it_yet(visit: Visit, told: tuple[Path, dict[str, UUID]]) -> None:
    home, ids = told
    at = visit(home, "run", id=str(ids["chat-live"]), tab="Samples")
    shown = "".join(element.body for element in tab(at, "Samples").get("html"))
    assert "After the training" in shown
    assert "Check the power." not in shown


def test_other_models_have_no_such_tab(visit: Visit, told: tuple[Path, dict[str, UUID]]) -> None:
    home, ids = told
    at = visit(home, "run", id=str(ids["watch-cnn"]))
    assert tab(at, "Samples") is None
    assert tab(at, "Curves") is not None


def test_the_last_attempt_that_asked_counts_and_a_rebuild_says_the_same(tmp_path: Path) -> None:
    yard = Yard(tmp_path / "yard")
    ids = full_yard(yard.home, (CHAT,))
    store, run = Store(yard), str(ids["chat-lora"])
    told = "SELECT moment, attempt, step, number, answer FROM samples ORDER BY moment, number"
    before = store.live(told).rows()
    assert before[:2] == [("after", 1, 48, 1, "Check the power."), ("after", 1, 48, 2, "Good bye <script>")]
    assert before[2:] == [("before", 1, 0, 1, "I'm sorry for the inconvenience."), ("before", 1, 0, 2, "")]
    journal = Journal(yard.run(ids["chat-lora"]).journal(2))
    sample = {"number": 1, "prompt": "p", "expected": "e", "answer": "later"}
    event = {"k": "samples", "run": run, "at": 1_900_000_000_000_000, "attempt": 2, "moment": "after", "step": 50}
    journal.write({**event, "samples": [sample]})
    journal.write({**event, "at": 1_900_000_000_000_001, "moment": "before", "samples": "odd"})
    journal.close()
    store.ingest(snapshot=True)
    after = store.live(told).rows()
    assert after == [("after", 2, 50, 1, "later")]
    store.rebuild()
    assert store.live(told).rows() == after
