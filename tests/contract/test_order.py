"""Runs kept in order: what is said last counts, deleted runs leave the lists and come back, space is freed."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import yards
from reading import journal_lines, tables

from runyard.core.errors import Conflict, Invalid, NotFound
from runyard.core.paths import Yard
from runyard.queries import runs as listed
from runyard.runtime import Runtime, open_runtime
from runyard.service import gc, order, runs
from runyard.store import Store

RUN, AT = "0198a3c0-0000-7000-8000-000000000001", 1_763_733_600_000_000
STORIES = tuple(story for story in yards.STORIES if story.status not in ("queued", "running"))
NAMES = {story.name for story in STORIES}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("order") / "yard"
    yards.full_yard(home, STORIES)
    return home


@pytest.fixture
def rt(made: Path, tmp_path: Path) -> Iterator[Runtime]:
    rt = open_runtime(shutil.copytree(made, tmp_path / "yard", symlinks=True))
    yield rt
    rt.close()


def names(rt: Runtime, kept: listed.Kept = "listed") -> set[str]:
    rt.store.ingest(snapshot=True)
    return set(listed.listing(kept=kept).frame(rt)["name"])


def row(rt: Runtime, run_id: UUID) -> dict[str, Any]:
    return rt.store.live("FROM runs WHERE id = $id", {"id": str(run_id)}).to_dicts()[0]


def test_tags_notes_groups_and_names(rt: Runtime) -> None:
    both = order.tag(rt, ["watch-cnn", "reviews-lora"], by="test", add=["good", "paper"])
    order.tag(rt, ["watch-cnn"], by="test", add=["best"], remove=["paper"])
    order.note(rt, ["watch-cnn"], "looks fine\nsecond line", by="test")
    order.group(rt, ["watch-cnn", "reviews-lora"], "spring", by="test")
    order.rename(rt, "watch-cnn", "champion", by="test")
    first, second = (row(rt, run_id) for run_id in both)
    assert (first["tags"], second["tags"]) == (["tests", "good", "best"], ["tests", "good", "paper"])
    assert (first["name"], first["note"]) == ("champion", "looks fine\nsecond line")
    assert first["run_group"] == second["run_group"] == "spring"
    order.note(rt, ["champion"], "", by="test")
    order.group(rt, ["champion"], "", by="test")
    cleared = row(rt, both[0])
    assert (cleared["note"], cleared["run_group"]) == (None, None)
    rt.store.ingest(snapshot=True)
    said = listed.timeline(both[0]).frame(rt)["what"].to_list()
    assert "tags added: best, tags removed: paper by test" in said
    assert "named champion by test" in said


def test_tags_that_two_people_change_at_once_are_all_there(yard: Yard, store: Store) -> None:
    lines = [
        {"k": "queued", "tags": ["a", "b", "c"], "attempt": 1},
        {"k": "changed", "tags_added": ["d"], "tags_removed": ["a"]},
        {"k": "changed", "tags_added": ["e", "a"]},
        {"k": "changed", "tags_removed": ["b"]},
    ]
    for place, line in reversed(list(enumerate(lines))):
        text = json.dumps({**line, "run": RUN, "at": AT + place}) + "\n"
        (yard.events / f"{place}.jsonl").write_text(text)
        store.ingest()
    assert store.live("SELECT tags FROM runs")["tags"].to_list() == [["a", "c", "d", "e"]]
    whole = {"k": "changed", "tags": ["x"], "run": RUN, "at": AT + 9}
    more = {"k": "changed", "tags_added": ["a"], "run": RUN, "at": AT + 10}
    (yard.events / "whole.jsonl").write_text(json.dumps(more) + "\n" + json.dumps(whole) + "\n")
    store.ingest()
    assert store.live("SELECT tags FROM runs")["tags"].to_list() == [["x", "a"]]
    before = tables(store)
    store.rebuild()
    assert tables(store) == before


def test_archived_runs_leave_the_lists_alone(rt: Runtime) -> None:
    (run_id,) = order.archive(rt, ["watch-cnn"], by="test")
    assert names(rt) == NAMES - {"watch-cnn"}
    assert names(rt, "archived") == {"watch-cnn"}
    waste = rt.store.read("SELECT session_id FROM overtraining_waste")["session_id"].to_list()
    assert str(run_id) in waste
    order.unarchive(rt, ["watch-cnn"], by="test")
    assert names(rt) == NAMES


def test_deleted_runs_leave_lists_totals_and_comparisons_and_come_back(rt: Runtime) -> None:
    views = ("overtraining_waste", "run_scores", "waste_ledger", "workspace_totals", "waste_lines", "run_overview",
             "model_performance_evolution", "run_efficiency")  # fmt: skip

    def seen() -> dict[str, list[str]]:
        rt.store.ingest(snapshot=True)
        shown = {view: rt.store.read(f"SELECT CAST(v AS VARCHAR) AS r FROM {view} AS v ORDER BY 1") for view in views}
        return {view: frame["r"].to_list() for view, frame in shown.items()}

    before, logged = seen(), rt.store.live("SELECT count(*) AS n FROM training_epochs")["n"][0]
    (run_id,) = order.delete(rt, ["watch-cnn"], by="test")
    during = seen()
    assert names(rt) == NAMES - {"watch-cnn"}
    assert "watch-cnn" not in listed.names().frame(rt)["name"].to_list()
    for view in ("overtraining_waste", "run_scores", "waste_ledger", "waste_lines", "run_efficiency"):
        assert during[view] != before[view], view
        assert not any(str(run_id) in text for text in during[view]), view
    assert during["workspace_totals"] != before["workspace_totals"]
    assert names(rt, "all") == NAMES
    assert rt.store.live("SELECT count(*) AS n FROM training_epochs")["n"][0] == logged
    order.undelete(rt, ["watch-cnn"], by="test")
    assert seen() == before


def test_what_is_part_of_a_run_goes_and_comes_with_it(yard: Yard, store: Store) -> None:
    ids = [f"{RUN[:-1]}{place}" for place in range(3)]
    lines = [{"k": "queued", "run": ids[0], "attempt": 1, "name": "sweep"}]
    lines += [{"k": "queued", "run": id_, "attempt": 1, "name": f"t{id_[-1]}", "parent": ids[0]} for id_ in ids[1:]]
    lines += [{"k": "ended", "run": id_, "attempt": 1, "status": "completed"} for id_ in ids]
    (yard.events / "hand.jsonl").write_text("".join(json.dumps({**line, "at": AT}) + "\n" for line in lines))
    rt = open_runtime(yard.home)
    order.delete(rt, ["t2"], by="test")
    order.delete(rt, ["sweep"], by="test")
    assert names(rt) == set()
    order.undelete(rt, ["sweep"], by="test")
    assert names(rt) == {"sweep", "t1"}, "what was deleted by itself stays deleted"
    order.undelete(rt, ["t2"], by="test")
    assert names(rt) == {"sweep", "t1", "t2"}
    rt.close()


def test_a_rebuild_keeps_the_order(rt: Runtime) -> None:
    order.tag(rt, ["watch-cnn"], by="test", add=["good"])
    order.archive(rt, ["watch-cnn"], by="test")
    order.delete(rt, ["reviews-lora"], by="test")
    before = tables(rt.store)
    rt.store.rebuild()
    assert tables(rt.store) == before


def test_what_cannot_be_done_is_said_and_changes_nothing(rt: Runtime) -> None:
    before = tables(rt.store)["run_events"]
    with pytest.raises(NotFound):
        order.tag(rt, ["watch-cnn", "nobody"], by="test", add=["x"])
    with pytest.raises(Invalid, match="Which tags"):
        order.tag(rt, ["watch-cnn"], by="test")
    with pytest.raises(Invalid, match="added and removed"):
        order.tag(rt, ["watch-cnn"], by="test", add=["x"], remove=["x"])
    for word in ("", " ", "x" * 300, "\x1b[31m"):
        with pytest.raises(Invalid):
            order.rename(rt, "watch-cnn", word, by="test")
    with pytest.raises(Conflict, match="not deleted"):
        order.undelete(rt, ["watch-cnn"], by="test")
    assert tables(rt.store)["run_events"] == before


def test_a_run_that_has_not_ended_is_not_deleted(rt: Runtime) -> None:
    line = json.dumps(
        {"k": "queued", "run": RUN, "at": AT, "attempt": 1, "name": "waiting", "launched_by": "foreground"}
    )
    (rt.yard.events / "waiting.jsonl").write_text(line + "\n")
    with pytest.raises(Conflict, match="waiting is queued"):
        order.delete(rt, ["waiting"], by="test")


def test_a_deleted_run_is_not_resumed_nor_the_latest(rt: Runtime) -> None:
    latest = runs.resolve(rt, "@latest")
    order.delete(rt, [str(latest), "watch-cnn-wide"], by="test")
    assert runs.resolve(rt, "@latest") != latest
    assert runs.resolve(rt, str(latest)) == latest
    with pytest.raises(Conflict, match="deleted"):
        runs.resume(rt, "watch-cnn-wide", by="test", start=False)


def checkpoint_of(rt: Runtime, name: str) -> Path:
    folder = rt.yard.run(runs.resolve(rt, name)).checkpoints / "step-00000001"
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(b"x" * 1000)
    return folder


def test_gc_frees_checkpoints_of_deleted_runs_and_no_journal(rt: Runtime) -> None:
    gone, kept = checkpoint_of(rt, "watch-cnn"), checkpoint_of(rt, "reviews-lora")
    assert not [item for item in gc.freeable(rt) if item.run]
    (run_id,) = order.delete(rt, ["watch-cnn"], by="test")
    lines = set(journal_lines(rt.yard))
    (planned,) = [item for item in gc.freeable(rt) if item.run]
    assert (planned.run, planned.bytes, planned.path) == (run_id, 1000, gone.parent)
    assert gone.exists(), "asking frees nothing"
    assert planned in gc.free(rt)
    assert not gone.exists()
    assert kept.exists()
    assert {text for _, text in lines} <= {text for _, text in journal_lines(rt.yard)}
    assert not [item for item in gc.free(rt) if item.run], "the second time there is nothing left"
    rt.store.ingest(snapshot=True)
    assert any("freed" in str(what) for what in listed.timeline(run_id).frame(rt)["what"])
    before = tables(rt.store)
    rt.store.rebuild()
    assert tables(rt.store) == before


def test_gc_leaves_what_a_runner_holds(rt: Runtime) -> None:
    gone = checkpoint_of(rt, "watch-cnn")
    (run_id,) = order.delete(rt, ["watch-cnn"], by="test")
    with rt.yard.run(run_id).lock.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        gc.free(rt)
        assert gone.exists()
    gc.free(rt)
    assert not gone.exists()


def test_gc_frees_old_copies_but_the_last_two(rt: Runtime) -> None:
    for place in range(4):
        order.tag(rt, ["watch-cnn"], by="test", add=[f"t{place}"])
        rt.store.ingest(snapshot=True)
    copies = sorted(rt.yard.store.glob("snapshot-*.duckdb"), key=lambda path: int(path.stem.split("-")[1]))
    for path in copies:
        os.utime(path, (time.time() - 3600,) * 2)
    freed = {item.path for item in gc.free(rt)}
    assert set(copies[:-2]) <= freed
    assert copies[-1].exists(), "the ingest before it made one more: these are the last two"
    assert not any(path.exists() for path in copies[:-2])
    rt.store.read("FROM runs")


def test_the_commands(command: Any, made: Path, tmp_path: Path) -> None:
    shutil.copytree(made, tmp_path / "yard", symlinks=True)
    said = command("tag", "watch-cnn", "reviews-lora", "--add", "good", "-a", "paper")
    assert (said.code, len(said.out.split())) == (0, 2), said.err
    assert command("note", "watch-cnn", "--text", "fine").code == 0
    assert command("group", "watch-cnn", "--name", "spring").code == 0
    assert command("rename", "watch-cnn", "champion").code == 0
    (found,) = command("runs", "--tag", "good", "--group", "spring", "--format", "json").rows
    assert (found["name"], found["note"], found["tags"]) == ("champion", "fine", ["tests", "good", "paper"])
    assert command("archive", "champion").code == 0
    assert command("delete", "reviews-lora").code == 0
    left = {row["name"] for row in command("runs", "--format", "json").rows}
    assert left == NAMES - {"watch-cnn", "reviews-lora"}
    assert [row["name"] for row in command("runs", "--archived", "--format", "json").rows] == ["champion"]
    assert len(command("runs", "--all", "--format", "json").rows) == len(NAMES)
    checkpoints = next((tmp_path / "yard" / "runs").glob(f"{command('undelete', 'reviews-lora').out.strip()}"))
    assert command("undelete", "reviews-lora").code == 1
    command("delete", "reviews-lora")
    (checkpoints / "checkpoints").mkdir()
    (checkpoints / "checkpoints" / "a").write_bytes(b"x" * 10)
    dry = command("gc", "--dry-run", "--format", "json")
    assert "would be freed" in dry.err
    assert [row["bytes"] for row in dry.rows if row["what"] == "checkpoints"] == [10]
    assert command("gc", "--format", "json").rows[0]["bytes"] == 10
    assert not (checkpoints / "checkpoints").exists()
    assert command("unarchive", "champion").code == 0
    assert command("rename", "champion", " ").code == 2
