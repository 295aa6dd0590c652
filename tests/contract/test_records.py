"""Executions, feedback and updates: recorded by a script or a command, once each, in any order, after a rebuild too."""

from __future__ import annotations

import io
import json
import math
import os
import shutil
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reading import tables
from ready import ready_yard

import runyard
from runyard import recording
from runyard.core import records
from runyard.core.errors import Invalid, Unavailable
from runyard.core.journal import Journal, encode
from runyard.core.paths import Yard
from runyard.store import Store

AT = 1_763_733_600_000_000
ID = "0198a3c0-0000-7000-8000-000000000001"


@pytest.fixture
def home(yard: Yard) -> Any:
    yield yard.home
    recording.close()


@pytest.fixture
def nowhere(tmp_path: Path) -> Any:
    """The folder of a yard that is not there yet."""
    yield tmp_path / "yard"
    recording.close()


def rows(sql: str, home: Path) -> list[dict[str, Any]]:
    return runyard.query(sql, home=home).pl().to_dicts()


def test_an_execution_becomes_a_row(home: Path) -> None:
    east = datetime(2026, 11, 21, 15, tzinfo=timezone(timedelta(hours=1)))
    made = runyard.record_execution(
        "success", agent="bot", version="1.2", user="ann", latency_ms=120, created_at=east, home=home
    )
    (row,) = rows("FROM agent_executions", home)
    assert row == {
        "execution_id": str(made), "agent_id": "bot", "model_version_id": None, "model_version": "1.2",
        "user_id": "ann", "status": "success", "latency_ms": 120.0, "created_at": datetime(2026, 11, 21, 14),
        "inputs": None,
    }  # fmt: skip


def test_what_is_not_said_has_its_default(home: Path) -> None:
    before = datetime.now(UTC).replace(tzinfo=None)
    runyard.record_execution("failed", home=home)
    (row,) = rows("FROM agent_executions", home)
    assert (row["agent_id"], row["status"], row["latency_ms"]) == ("default", "failed", None)
    assert before - timedelta(seconds=1) <= row["created_at"] <= before + timedelta(minutes=1)


def test_one_id_is_one_record_and_what_is_left_out_stays(home: Path) -> None:
    for _ in range(2):
        runyard.record_execution("running", agent="bot", user="ann", id="request 7", home=home)
    rows("FROM agent_executions", home)
    made = runyard.record_execution("success", latency_ms=8.5, id="request 7", home=home)
    (row,) = rows("FROM agent_executions", home)
    assert row["execution_id"] == str(made)
    assert (row["agent_id"], row["user_id"], row["status"], row["latency_ms"]) == ("bot", "ann", "success", 8.5)
    assert runyard.record_feedback(True, id="request 7", home=home) != made, "ids of different kinds never meet"


def test_an_update_is_rolled_back(home: Path) -> None:
    ended = "2026-11-21T14:00:00Z"
    made = runyard.record_update(
        "success", agent="bot", from_version="1", to_version="2", examples=40, completed_at=ended, home=home
    )
    runyard.record_update("rolled_back", id=made, reason="accuracy fell", home=home)
    (row,) = rows("FROM learning_updates", home)
    assert (row["status"], row["reason"]) == ("rolled_back", "accuracy fell")
    assert (row["from_version"], row["to_version"], row["examples"]) == ("1", "2", 40)
    assert row["completed_at"] == datetime(2026, 11, 21, 14)


def test_feedback_comes_into_its_view(home: Path) -> None:
    for place, positive in enumerate((True, True, False)):
        runyard.record_feedback(positive, agent="bot", item=f"i{place}", was_correct_before=False,
                                was_correct_after=positive, home=home)  # fmt: skip
    (row,) = rows("FROM feedback_ratios", home)
    assert (row["positive"], row["negative"], row["fixed_items"]) == (2, 1, 2)


def test_scores_on_tasks_come_into_their_view_and_scored_anew_are_one_cell(home: Path) -> None:
    for update, task, score in ((1, 1, 0.9), (2, 1, 0.1), (2, 2, 0.8), (2, 1, 0.7)):
        runyard.record_task_score(score, update_index=update, task_index=task, agent="bot", task=f"t{task}", home=home)
    (row,) = rows("FROM continual_learning", home)
    assert (row["tasks"], row["updates"]) == (2, 2)
    assert row["average_accuracy"] == pytest.approx(0.75)
    assert row["backward_transfer"] == pytest.approx(-0.2)


def test_a_version_by_its_name_counts_for_its_reliability(store: Store, yard: Yard) -> None:
    (yard.events / "hand.jsonl").write_bytes(
        b"".join(
            encode(records.event("execution", {"status": status, "agent": "bot", "version": version}))
            for status, version in (("success", "1"), ("failed", "1"), ("success", "2"), ("success", "3"))
        )
    )
    store.ingest()
    with store._lease.writing() as cursor:
        cursor.execute(f"INSERT INTO model_versions (id, agent_id, version) VALUES ('{ID}', 'bot', '1')")
    (row,) = store.live("FROM model_version_comparison").to_dicts()
    assert (row["execution_count"], row["current_success_rate"]) == (2, 0.5)


@pytest.mark.parametrize(
    ("verb", "values", "wrong"),
    [
        (runyard.record_execution, {}, ["status"]),
        (runyard.record_execution, {"status": "x", "latency_ms": -1, "agent": " "}, ["status", "agent", "latency_ms"]),
        (runyard.record_execution, {"status": "error", "latency_ms": float("nan")}, ["latency_ms"]),
        (runyard.record_execution, {"status": "error", "model_version_id": "7"}, ["model_version_id"]),
        (runyard.record_execution, {"status": "error", "user": "\ud800"}, ["user"]),
        (runyard.record_execution, {"status": "error", "id": ""}, ["id"]),
        (runyard.record_feedback, {}, ["is_positive or was_correct_after"]),
        (runyard.record_feedback, {"is_positive": 1}, ["is_positive"]),
        (runyard.record_update, {"status": "undone", "examples": 1.5}, ["status", "examples"]),
        (runyard.record_task_score, {"score": 0.5}, ["update_index", "task_index"]),
        (runyard.record_task_score, {"score": math.nan, "update_index": 1, "task_index": -1}, ["score", "task_index"]),
        (runyard.record_update, {"status": "failed", "started_at": "soon"}, ["started_at"]),
    ],
)  # fmt: skip
def test_every_mistake_is_named_and_nothing_recorded(
    nowhere: Path, verb: Callable[..., UUID], values: dict[str, Any], wrong: list[str]
) -> None:
    with pytest.raises(Invalid) as raised:
        verb(**values, home=nowhere)
    assert [problem.path for problem in raised.value.problems] == wrong
    assert not nowhere.exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_yard_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o500)
    with pytest.raises(Unavailable, match="cannot be written"):
        runyard.record_execution("success", home=tmp_path / "closed" / "yard")


def test_a_file_in_the_place_of_the_yard_is_told(tmp_path: Path) -> None:
    (tmp_path / "yard").write_text("no yard")
    with pytest.raises(Unavailable, match="cannot be written"):
        runyard.record_execution("success", home=tmp_path / "yard")


def test_a_forked_worker_has_a_journal_of_its_own(home: Path) -> None:
    runyard.record_execution("success", id="parent", home=home)
    child = os.fork()
    if child == 0:
        runyard.record_execution("success", id="child", home=home)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    runyard.record_execution("success", id="parent again", home=home)
    assert len(rows("FROM agent_executions", home)) == 3
    assert len({row["journal"] for row in rows("FROM recorded_events", home)}) == 2


def test_a_yard_that_was_removed_is_made_again(home: Path) -> None:
    runyard.record_execution("success", home=home)
    shutil.rmtree(home)
    runyard.record_execution("failed", home=home)
    assert [row["status"] for row in rows("FROM agent_executions", home)] == ["failed"]


POISON = {
    "no id": {"k": "execution", "at": AT, "status": "success"},
    "an id that is none": {"k": "execution", "id": "x", "at": AT, "status": "success"},
    "no time": {"k": "execution", "id": ID, "status": "success"},
    "no status": {"k": "update", "id": ID, "at": AT},
    "an unknown status": {"k": "update", "id": ID, "at": AT, "status": "undone"},
    "latency is text": {"k": "execution", "id": ID, "at": AT, "status": "success", "latency_ms": "fast"},
    "latency is NaN": {"k": "execution", "id": ID, "at": AT, "status": "success", "latency_ms": float("nan")},
    "a judgement that is a number": {"k": "feedback", "id": ID, "at": AT, "is_positive": 1},
}


@pytest.mark.parametrize("name", POISON)
def test_a_poison_record_is_set_aside_with_a_reason(yard: Yard, store: Store, name: str) -> None:
    good = {"k": "execution", "id": ID, "at": AT, "status": "success", "of a newer version": [1]}
    (yard.events / "hand.jsonl").write_bytes(encode(POISON[name]) + encode(good))
    done = store.ingest()
    assert done is not None
    assert (done.events, done.rejected) == (1, 1)
    assert store.live("SELECT length(reason) > 5 AS told FROM rejected_events")["told"].to_list() == [True]
    assert store.live("SELECT status FROM agent_executions")["status"].to_list() == ["success"]


def test_recording_loads_nothing_heavy(home: Path) -> None:
    import subprocess
    import sys

    code = (
        f"import runyard, sys; runyard.record_execution('success', home={str(home)!r}); print('duckdb' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
    assert len(rows("FROM agent_executions", home)) == 1


def test_the_command_records_one_and_says_its_id(command: Any, home: Path) -> None:
    said = command("record", "update", "--status", "success", "--to-version", "2", "--examples", "7", "--id", "u")
    assert said.code == 0, said.err
    again = command("record", "update", "--status", "rolled_back", "--reason", "worse", "--id", "u")
    assert again.out == said.out
    (row,) = command("sql", "FROM learning_updates", "--format", "json").rows
    assert row["id"] == said.out.strip()
    assert (row["status"], row["to_version"], row["examples"], row["reason"]) == ("rolled_back", "2", 7, "worse")
    assert command("record", "feedback", "--negative", "--wrong-before", "--right-after").code == 0
    (row,) = command("sql", "FROM feedback_events", "--format", "json").rows
    assert (row["is_positive"], row["was_correct_before"], row["was_correct_after"]) == (False, False, True)


def test_the_command_names_every_mistake(command: Any, home: Path) -> None:
    said = command("record", "execution", "--status", "fine", "--created-at", "soon")
    assert said.code == 2
    assert "'fine' is not one of" in said.err
    assert "'soon' is no moment" in said.err


def test_lines_of_a_file_and_of_stdin(command: Any, home: Path, tmp_path: Path, monkeypatch: Any) -> None:
    lines = [{"status": "success", "agent": "bot", "id": f"r{place}"} for place in range(500)]
    text = "\n".join(map(json.dumps, lines)) + "\n\n"
    (tmp_path / "used.jsonl").write_text(text)
    said = command("record", "execution", "--from", tmp_path / "used.jsonl")
    assert (said.code, said.out) == (0, ""), said.err
    assert "500" in said.err
    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    assert command("record", "execution", "--from", "-").code == 0
    assert command("sql", "SELECT count(*) AS n FROM agent_executions", "--format", "json").rows == [{"n": 500}]


def test_lines_are_recorded_all_or_none(command: Any, nowhere: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.jsonl").write_text('{"status": "success"}\n{"status": "fine", "colour": 1}\nnonsense\n[1]\n')
    said = command("record", "execution", "--from", tmp_path / "bad.jsonl")
    assert said.code == 2
    for part in ("3 of 4 lines", "line 2, status", "line 2, colour", "line 3", "line 4"):
        assert part in said.err
    assert not nowhere.exists()
    assert command("record", "execution", "--from", tmp_path / "none.jsonl").code == 1
    assert command("record", "execution", "--from", tmp_path / "bad.jsonl", "--agent", "a").code == 2


TEXT = st.none() | st.sampled_from(["a", "b", "ü", '"quoted"'])
MOMENT = st.none() | st.integers(AT, AT + 10**9)
VALUES: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "execution": st.fixed_dictionaries(
        {"status": st.sampled_from(records.EXECUTION_STATES)},
        optional={"agent": TEXT, "user": TEXT, "version": TEXT, "created_at": MOMENT, "latency_ms": st.floats(0, 1e6)},
    ),
    "feedback": st.fixed_dictionaries(
        {"is_positive": st.booleans()},
        optional={"item": TEXT, "was_correct_before": st.booleans(), "was_correct_after": st.booleans()},
    ),
    "update": st.fixed_dictionaries(
        {"status": st.sampled_from(records.UPDATE_STATES)},
        optional={"reason": TEXT, "to_version": TEXT, "examples": st.integers(0, 2**63 - 1), "started_at": MOMENT},
    ),
}


@st.composite
def recorded(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.sampled_from(sorted(VALUES)))
    event = records.event(kind, {"id": f"r{draw(st.integers(0, 2))}", **draw(VALUES[kind])})
    return {**event, "at": AT + draw(st.integers(0, 10**6))}


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    written=st.lists(st.tuples(st.integers(0, 2), recorded(), st.booleans()), min_size=1, max_size=12),
    seed=st.randoms(),
)
def test_any_order_gives_the_same_rows_and_so_does_a_rebuild(
    written: list[tuple[int, dict[str, Any], bool]], seed: Any
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        expected = _tables_of(Path(folder) / "once", written, ingesting=False)
        places = list(range(3))
        seed.shuffle(places)
        by_journal = sorted(written, key=lambda item: places.index(item[0]))
        found, rebuilt = (
            _tables_of(Path(folder) / "twice", by_journal, ingesting=True),
            _tables_of(Path(folder) / "twice", [], ingesting=True, rebuild=True),
        )
    for name in ("agent_executions", "feedback_events", "learning_updates", "recorded_events", "rejected_events"):
        assert found[name] == expected[name], name
        assert rebuilt[name] == expected[name], name
    for table, kind in (
        ("agent_executions", "execution"),
        ("feedback_events", "feedback"),
        ("learning_updates", "update"),
    ):
        assert len(found[table]) == len({event["id"] for _, event, _ in written if event["k"] == kind})


def _tables_of(
    folder: Path, written: list[tuple[int, dict[str, Any], bool]], *, ingesting: bool, rebuild: bool = False
) -> dict[str, list[str]]:
    yard = Yard(folder) if folder.exists() else ready_yard(folder)
    store = Store(yard)
    pens = {}
    for place, event, then_ingest in written:
        pen = pens.setdefault(place, None) or Journal(yard.events / f"{place}.jsonl")
        pens[place] = pen
        pen.write(event)
        if ingesting and then_ingest:
            store.ingest()
    store.ingest()
    if rebuild:
        store.rebuild()
    found = tables(store)
    for pen in pens.values():
        pen.close()
    store.close()
    return found
