"""Retention: checkpoints go by age and quota, logs are compressed; what is needed to go on stays."""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from runyard.core.clock import now_us
from runyard.core.errors import Invalid
from runyard.core.ids import new_id
from runyard.core.journal import Journal, RunJournal
from runyard.runtime import Runtime, open_runtime
from runyard.service import gc, logs, retention, thresholds

DAY_US = 86_400_000_000


@pytest.fixture
def rt(tmp_path: Path) -> Any:
    opened = open_runtime(tmp_path / "yard", create=True)
    yield opened
    opened.close()


def run(rt: Runtime, status: str, *, days: float, steps: tuple[int, ...] = (1, 2, 3), best: int = 1) -> UUID:
    """Make a run that ended so many days ago, with checkpoints of 1,000 bytes and a log."""
    run_id = new_id()
    folder = rt.yard.run(run_id)
    journal = Journal(folder.journal(1))
    pen = RunJournal(journal, run_id, 1)
    pen.emit("queued", kind="train", name=status, launched_by="page", config={})
    pen.emit("started", pid=os.getpid(), host="here", device="cpu", accelerators=1)
    if status != "running":
        journal.write({"k": "ended", "run": str(run_id), "attempt": 1, "at": now_us() - int(days * DAY_US),
                       "status": status})  # fmt: skip
    journal.close()
    for step in steps:
        checkpoint = folder.checkpoints / f"step-{step:08d}"
        checkpoint.mkdir(parents=True)
        (checkpoint / "manifest.json").write_text(json.dumps({"best": f"step-{best:08d}"}))
        (checkpoint / "model.safetensors").write_bytes(b"0" * 1000)
    folder.log.write_text(f"first line\nneedle of {status}\nlast line\n")
    rt.store.ingest(wait_seconds=10)
    return run_id


def left(rt: Runtime, run_id: UUID) -> list[int]:
    return sorted(int(path.name.split("-")[1]) for path in rt.yard.run(run_id).checkpoints.glob("step-*"))


def test_past_their_days_go_but_what_a_resume_needs(rt: Runtime) -> None:
    old = {status: run(rt, status, days=31) for status in ("completed", "failed", "cancelled", "running")}
    young = run(rt, "completed", days=29)
    freed = retention.tidy(rt)
    assert {item.what for item in freed} == {"checkpoints past their days"}
    assert left(rt, old["completed"]) == []
    assert left(rt, old["failed"]) == left(rt, old["cancelled"]) == [1, 3], "the best and the last one"
    assert left(rt, old["running"]) == left(rt, young) == [1, 2, 3]
    rt.store.ingest(wait_seconds=10)
    said = rt.store.live("SELECT body ->> 'message' AS said FROM run_events WHERE kind = 'notice'")["said"].to_list()
    assert "3 of its checkpoints were freed (checkpoints past their days): 0.0 MB." in said
    assert retention.tidy(rt) == [], "and only once an hour"


def test_above_the_quota_the_oldest_go_first(rt: Runtime) -> None:
    older, failed, newer = run(rt, "completed", days=3), run(rt, "failed", days=2), run(rt, "completed", days=1)
    each = sum(path.stat().st_size for path in rt.yard.run(older).checkpoints.rglob("*") if path.is_file()) / 3
    thresholds.choose(rt, "retention_quota_gb", 4.5 * each / 1e9)
    planned = gc.freeable(rt)
    assert sum(item.bytes for item in planned) == 5 * each
    freed = gc.free(rt)
    assert [(item.what, item.run, len(item.parts)) for item in freed] == [
        ("checkpoints above the quota", older, 3), ("checkpoints above the quota", failed, 1),
        ("checkpoints above the quota", newer, 1),
    ]  # fmt: skip
    assert (left(rt, older), left(rt, failed), left(rt, newer)) == ([], [1, 3], [2, 3])
    assert gc.room(rt)["checkpoints"] == 4 * each


def test_a_run_whose_lock_is_held_or_whose_newest_checkpoint_is_damaged_is_left_alone(rt: Runtime) -> None:
    held, damaged = run(rt, "completed", days=99), run(rt, "failed", days=99)
    (rt.yard.run(damaged).checkpoints / "step-00000003" / "manifest.json").write_text("{")
    with rt.yard.run(held).lock.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert retention.tidy(rt) == []
    assert left(rt, held) == left(rt, damaged) == [1, 2, 3]


def test_old_logs_are_compressed_and_searched_all_the_same(rt: Runtime) -> None:
    old, young = run(rt, "failed", days=8), run(rt, "completed", days=6)
    retention.tidy(rt)
    folder = rt.yard.run(old)
    assert not folder.log.exists()
    assert rt.yard.run(young).log.exists()
    assert logs.tail(rt, old) == ["first line", "needle of failed", "last line"]
    assert logs.tail(rt, old, search="NEEDLE") == ["needle of failed"]
    folder.log.write_text("resumed\nanother needle\n")
    assert logs.tail(rt, old) == ["resumed", "another needle"]
    assert logs.tail(rt, old, search="needle") == ["needle of failed", "another needle"]
    assert retention.compress_logs(rt) == 1, "what a later attempt said goes behind"
    assert logs.tail(rt, old, search="needle") == ["needle of failed", "another needle"]
    assert logs.tail(rt, old, lines=1) == ["another needle"]


def test_days_beyond_every_calendar_let_nothing_go(rt: Runtime) -> None:
    old = run(rt, "completed", days=40)
    thresholds.choose(rt, "retention_days", 1e12)
    thresholds.choose(rt, "retention_log_days", 1e300)
    assert retention.tidy(rt) == []
    assert left(rt, old) == [1, 2, 3]


def test_the_rules_are_settings_of_the_whole_yard(rt: Runtime) -> None:
    assert retention.rules(rt) == retention.Rules(30.0, None, 7.0)
    thresholds.choose(rt, "retention_days", 1.5)
    assert retention.rules(rt).days == 1.5
    with pytest.raises(Invalid, match="cannot be set") as caught:
        thresholds.choose(rt, "retention_days", 2, workspace="lab")
    assert "whole yard" in caught.value.problems[0].message
