"""Versions follow from journals: one for each completed run with a model that is no part of another run."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from reading import tables
from ready import ready_yard

from runyard.core.paths import Yard
from runyard.store import Store

AT = 1_763_733_600_000_000
MINUTE = 60_000_000
VERSIONS = "SELECT * EXCLUDE (id) FROM model_versions ORDER BY agent_id, TRY_CAST(version AS INTEGER)"


def run_id(number: int) -> str:
    return f"0198a3c0-0000-7000-8000-{number:012d}"


def life(
    number: int, *, minute: int, minutes: int = 1, status: str = "completed", model: bool = True, **queued: Any
) -> list[str]:
    """Return the lines of a run that is queued at a minute and takes some minutes."""
    config = {"model": {"model_type": "cnn1d"}, "evaluation": {"save_best_model": True}}
    saved = {"model_path": "model", "model_sha256": f"{number:02x}", "model_bytes": 1000 * number} if model else {}
    began, ended = AT + minute * MINUTE, AT + (minute + minutes) * MINUTE
    epochs = [
        {"k": "epoch", "at": began + epoch, "epoch": epoch, "step": epoch, "val_loss": loss, "metrics": scores}
        for epoch, loss, scores in ((3, 0.5, [{"name": "accuracy", "value": 0.9}]), (4, 0.7, []))
    ]
    events = [
        {"k": "queued", "at": began, "kind": "train", "agent": "bot", "config": config, "launched_by": "cli", **queued},
        {"k": "started", "at": began + 1, "device": "cpu", "accelerators": 1},
        {"k": "planned", "at": began + 2, "parameters": 77},
        *epochs,
        {"k": "ended", "at": ended, "status": status, **saved},
    ]
    return [json.dumps({"run": run_id(number), "attempt": 1, **event}) + "\n" for event in events]


def stored(yard: Yard, journals: Sequence[Sequence[str]], *, one_by_one: bool = True) -> Store:
    store = Store(yard)
    for place, lines in enumerate(journals):
        (yard.events / f"{place}.jsonl").write_text("".join(lines))
        if one_by_one:
            store.ingest()
    store.ingest(snapshot=True)
    return store


def test_a_completed_run_makes_the_next_version_of_its_agent(yard: Yard) -> None:
    store = stored(yard, [life(1, minute=0), life(2, minute=5), life(3, minute=6, agent="other")])
    first, second, other = store.live(VERSIONS).to_dicts()
    assert {**first, "created_at": str(first["created_at"])} == {
        "agent_id": "bot",
        "version": "1",
        "parent_version": None,
        "run_id": run_id(1),
        "path": f"runs/{run_id(1)}/model",
        "sha256": "01",
        "size_bytes": 1000,
        "parameters": 77,
        "architecture": "cnn1d",
        "metrics": '{"accuracy":0.9}',
        "created_at": "2025-11-21 14:01:00",
    }
    assert (second["version"], second["parent_version"]) == ("2", "1")
    assert (other["agent_id"], other["version"], other["parent_version"]) == ("other", "1", None)
    sessions = store.live("SELECT agent_id, model_version FROM training_sessions ORDER BY id").rows()
    assert sessions == [("bot", "1"), ("bot", "2"), ("other", "1")]


def test_the_parent_is_the_newest_version_when_the_run_began(yard: Yard) -> None:
    store = stored(yard, [life(1, minute=0, minutes=9), life(2, minute=1, minutes=3), life(3, minute=5, minutes=1)])
    rows = store.live("SELECT version, parent_version FROM model_versions ORDER BY version").rows()
    assert rows == [("1", None), ("2", None), ("3", "2")], "1 ended after 3 began, though it was queued first"


def test_a_number_is_fixed_when_the_run_is_queued_so_a_failure_leaves_a_gap(yard: Yard) -> None:
    failed = life(2, minute=2, status="failed", model=False)
    store = stored(yard, [life(1, minute=0), failed, life(3, minute=4)])
    assert store.live("SELECT version, parent_version FROM model_versions ORDER BY version").rows() == [
        ("1", None),
        ("3", "1"),
    ]
    assert store.live("SELECT model_version FROM training_sessions ORDER BY id")["model_version"].to_list() == [
        *("1", None, "3")
    ]


@pytest.mark.parametrize(
    "queued", [{"parent": run_id(1)}, {"launched_by": "sdk"}, {"launched_by": "import"}], ids=lambda queued: str(queued)
)
def test_trials_and_runs_of_others_make_no_version_and_take_no_number(yard: Yard, queued: dict[str, Any]) -> None:
    store = stored(yard, [life(1, minute=0), life(2, minute=2, **queued), life(3, minute=4)])
    rows = store.live("SELECT run_id, version, parent_version FROM model_versions ORDER BY version").rows()
    assert rows == [(run_id(1), "1", None), (run_id(3), "2", "1")]
    of_trial = store.live(f"SELECT model_version FROM training_sessions WHERE id = '{run_id(2)}'")
    assert of_trial["model_version"].to_list() == [None]


@pytest.mark.slow
def test_the_order_of_arrival_and_a_rebuild_change_nothing(tmp_path: Path) -> None:
    lives = [
        life(1, minute=0, minutes=3),
        life(2, minute=2, agent="other"),
        life(3, minute=5, parent=run_id(1)),
        life(4, minute=7),
    ]
    expected = None
    for place, order in enumerate(list(permutations(lives))[::5]):
        store = stored(ready_yard(tmp_path / str(place)), order)
        found = store.live("FROM model_versions ORDER BY id").rows()
        expected = expected or found
        assert found == expected
        before = tables(store)
        store.rebuild()
        assert tables(store) == before
        store.close()
    assert expected is not None
    assert [row[2] for row in expected] == ["1", "1", "2"]


def test_a_resumed_run_keeps_its_number(yard: Yard) -> None:
    first = life(1, minute=0, status="cancelled", model=False)
    again = [line.replace('"attempt": 1', '"attempt": 2') for line in life(1, minute=8) if "epoch" not in line]
    store = stored(yard, [first, life(2, minute=3), again])
    rows = store.live("SELECT run_id, version, parent_version FROM model_versions ORDER BY version").rows()
    assert rows == [(run_id(1), "1", None), (run_id(2), "2", None)]


def transfer(number: int, source: int, *, minute: int, agent: str) -> list[str]:
    """Return the lines of a run that starts from another's model: 0.6 before its first step, 0.8 after its last."""
    score = {"benchmark_name": "suite:accuracy", "metric": "accuracy", "higher_is_better": True, "n_examples": 9}
    queued, started, *rest = life(number, minute=minute, agent=agent)
    head = {"run": run_id(number), "attempt": 1, "at": AT + minute * MINUTE + 2}
    before = {**score, "id": run_id(1000 + number), "accuracy_score": 0.6}
    taken = {"source_run": run_id(source), "source_agent": "teacher", "source_dataset": "waves", "layers": 4}
    said = {"k": "transferred", **head, **taken, "head": True, "metric": "accuracy", "benchmarks": [before]}
    after = {**score, "id": run_id(2000 + number), "accuracy_score": 0.8, "model_version_id": run_id(number)}
    end = {"at": AT + (minute + 1) * MINUTE + 1}
    return [
        queued,
        started,
        json.dumps(said) + "\n",
        *rest,
        json.dumps({"k": "benchmark", **head, **after, **end}) + "\n",
    ]


def test_a_transfer_has_what_it_took_over_and_its_scores_before_and_after(yard: Yard) -> None:
    first, second = (transfer(n, 1, minute=minute, agent="pupil") for n, minute in ((2, 3), (3, 6)))
    store = stored(yard, [second, life(1, minute=0, agent="teacher"), first])
    row = store.live(f"FROM transfer_learning_sessions WHERE id = '{run_id(2)}'").row(0, named=True)
    assert (row["source_agent_id"], row["target_agent_id"], row["source_run_id"]) == ("teacher", "pupil", run_id(1))
    assert (row["knowledge_domain"], row["layers_transferred"], row["fine_tuning_epochs"]) == ("waves", 4, 4)
    assert (row["metric"], row["score_before"], row["score_after"]) == ("accuracy", 0.6, 0.8)
    assert (row["status"], row["training_time_hours"]) == ("completed", pytest.approx(1 / 60, abs=1e-6))

    judged = "SELECT transfer_id, accuracy_before, accuracy_after FROM transfer_learning_analytics ORDER BY 1"
    assert store.live(judged).rows() == [(run_id(2), 0.6, 0.8), (run_id(3), 0.8, 0.8)], "then it had a version"
    evolution = "SELECT session_id, post_training_accuracy FROM model_performance_evolution WHERE n_benchmarks > 0"
    assert sorted(store.live(evolution).rows()) == [(run_id(2), 0.8), (run_id(3), 0.8)]
    parents = "SELECT agent_id, version, parent_version FROM model_versions ORDER BY ALL"
    assert store.live(parents).rows() == [("pupil", "1", None), ("pupil", "2", "1"), ("teacher", "1", None)]
    before = tables(store)
    store.rebuild()
    assert tables(store) == before


def test_the_parent_of_a_transfer_within_an_agent_is_its_source(yard: Yard) -> None:
    store = stored(yard, [transfer(3, 1, minute=6, agent="bot"), life(1, minute=0), life(2, minute=3)])
    rows = store.live("SELECT version, parent_version FROM model_versions ORDER BY version").rows()
    assert rows == [("1", None), ("2", "1"), ("3", "1")]
