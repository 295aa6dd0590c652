"""Attempts on Run detail: why each was begun, what was abandoned, and checkpoints to fork from and to go back to."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from ready import ready_yard
from streamlit.testing.v1 import AppTest
from yards import SECOND, Story, write_run

from runyard.core.clock import now_us
from runyard.core.ids import new_id
from runyard.core.journal import Journal
from runyard.store.store import Store

Visit = Callable[..., AppTest]


@pytest.fixture(scope="module")
def tried(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, UUID]:
    """A run that ran out of memory in epoch 20, went on from epoch 10 with half the batch, and was given up."""
    yard, run = ready_yard(tmp_path_factory.mktemp("tried")), new_id()
    write_run(yard, run, Story("heavy", "failed", 20, 60, 18, error="The run ran out of memory."))
    at = now_us() - 60 * SECOND
    journal = Journal(yard.events / "second.jsonl")

    def say(kind: str, /, **fields: Any) -> None:
        journal.write({"k": kind, "run": str(run), "attempt": 2, "at": at, **fields})

    changes = {"hyperparameters": {"batch_size": 16, "gradient_accumulation": 2}}
    cause = "attempt 2 of 2: batch halved after running out of memory (batch 32 to 16, accumulation 1 to 2)"
    say("queued", kind="train", name="heavy", agent="demo", changes=changes, cause=cause, begun_by="recovery")
    say("started", pid=1, pid_created=1.0, host="bench", device="cpu", accelerators=1)
    for epoch in (11, 12):
        say("epoch", epoch=epoch, step=24 * epoch, train_loss=0.5, val_loss=0.4, epoch_seconds=6.0)
    say("ended", status="failed", error_kind="out_of_memory", error_message="Again.", steps=24 * 12, error_hint="Less.")
    say("gave_up", verdict="Not tried again: 2 attempts failed, the last since memory ran out.")
    journal.close()
    for step in (24 * 10, 24 * 12):
        folder = yard.run(run).checkpoints / f"step-{step:08d}"
        folder.mkdir(parents=True)
        (folder / "manifest.json").write_text(json.dumps({"best": f"step-{240:08d}", "ends_epoch": True}))
    (yard.run(run).checkpoints / "abandoned-1" / f"step-{480:08d}").mkdir(parents=True)
    Store(yard).ingest(verb="test", wait_seconds=20, snapshot=True, replace_views=True)
    return yard.home, run


def words(at: AppTest) -> str:
    return "\n".join(str(element.value) for element in [*at.markdown, *at.info, *at.error, *at.caption])


def test_why_each_attempt_was_begun_and_what_was_left_behind(visit: Visit, tried: tuple[Path, UUID]) -> None:
    at = visit(tried[0], "run", id=str(tried[1]), tab="Attempts")

    said = words(at).replace("&#32;", " ")
    assert at.info[0].value.startswith("Attempt 2 of 2&#58; batch halved after running out of memory")
    assert "Not tried again&#58; 2 attempts failed" in at.error[0].value
    assert "Abandoned: 10 epochs" in said
    assert "out of memory · " in said
    table = at.dataframe[0].value
    assert dict(zip(table["Step"], table["State"], strict=True)) == {480: "abandoned", 240: "kept, best epoch"}


def test_a_fork_and_a_rewind_are_asked_for_with_their_changes(visit: Visit, tried: tuple[Path, UUID]) -> None:
    at = visit(tried[0], "run", id=str(tried[1]), tab="Attempts")

    at.button(key="run-fork").click().run()
    assert at.button(key="fork-confirm").label == "Start the fork"
    assert at.text_area(key="branch-changes").value == ""
    at.button(key="run-rewind").click().run()
    assert at.button(key="rewind-confirm").label == "Rewind"
    assert not at.exception
