"""Fork and rewind: a new run, or a new attempt, from a checkpoint, with all that a resume takes up."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import recovering
from recovering import attempts, carry_on, carry_through, waves_config

from runyard.core.errors import Conflict, Denied, Invalid, NotFound, Unavailable
from runyard.runtime import Runtime, open_runtime
from runyard.service import branches, runs


@pytest.fixture(scope="module")
def rt(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runtime]:
    runtime = open_runtime(tmp_path_factory.mktemp("branches") / "yard", create=True)
    recovering.put_waves(runtime.yard.datasets)
    yield runtime
    runtime.close()


@pytest.fixture(scope="module")
def trained(rt: Runtime) -> UUID:
    """A completed run that has kept all its checkpoints: at each fifth step, and at the ends of its four epochs."""
    optimization = {"checkpoint_frequency": 5, "early_stopping": False, "keep_checkpoints": 99}
    return carry_through(rt, waves_config(name="first", optimization=optimization))[0]


def losses(rt: Runtime, run: UUID) -> dict[int, float]:
    sql = "SELECT epoch, val_loss FROM epochs WHERE session_id = $id ORDER BY epoch"
    return dict(rt.store.live(sql, {"id": str(run)}).rows())


def weights(rt: Runtime, run: UUID) -> bytes:
    return (rt.yard.run(run).model / "model.safetensors").read_bytes()


@pytest.mark.parametrize("at", ["20", "e2"])
def test_a_fork_repeats_what_the_other_run_did_from_there_on(rt: Runtime, trained: UUID, at: str) -> None:
    fork = branches.fork(rt, "first", by="cli", at=at, start=False)
    assert carry_on(rt, fork).status == "completed"
    assert losses(rt, fork) == {epoch: loss for epoch, loss in losses(rt, trained).items() if epoch > 2}
    assert weights(rt, fork) == weights(rt, trained)
    (row,) = rt.store.live("SELECT * FROM run_report WHERE id = $id", {"id": str(fork)}).to_dicts()
    assert (row["forked_from"], row["forked_step"]) == (str(trained), 20 if at == "20" else 16)
    assert (row["parent_run_id"], row["name"]) == (None, "first fork")
    assert row["attempt_cause"] == f"attempt 1: forked from first at step {row['forked_step']}"
    whole = rt.store.live("SELECT cpu_hours FROM training_sessions WHERE id = $id", {"id": str(trained)})
    assert row["cpu_hours"] < 5 * whole["cpu_hours"][0]


def test_a_fork_with_another_rate_differs_and_says_in_what(rt: Runtime, trained: UUID) -> None:
    changes = {"hyperparameters": {"learning_rate": 0.05}}
    fork = branches.fork(rt, "first", by="cli", at="e3", changes=changes, start=False)
    assert carry_on(rt, fork).status == "completed"
    assert losses(rt, fork).keys() == {4}
    assert losses(rt, fork)[4] != losses(rt, trained)[4]
    assert attempts(rt, fork)[0]["changes"] == changes


def test_a_rewound_run_goes_on_from_there_and_its_tail_is_abandoned(rt: Runtime) -> None:
    optimization = {"checkpoint_frequency": 0, "early_stopping": False, "keep_checkpoints": 99}
    run, _ = carry_through(rt, waves_config(name="second", optimization=optimization))
    before = losses(rt, run)
    shorter = {"hyperparameters": {"epochs": 3, "learning_rate": 0.01}}
    assert branches.rewind(rt, "second", by="cli", to="e1", changes=shorter, start=False) == run
    assert carry_on(rt, run).status == "completed"
    after = losses(rt, run)
    assert after.keys() == {1, 2, 3}, "the fourth epoch is no part of the curve any more"
    assert (after[1], after[2] != before[2]) == (before[1], True)
    rows = rt.store.live("SELECT epoch, attempt FROM training_epochs WHERE session_id = $id", {"id": str(run)}).rows()
    assert sorted(rows) == [(1, 1), (2, 1), (2, 2), (3, 1), (3, 2), (4, 1)], "every row is kept"
    first, second = rt.store.live(
        "FROM run_attempt_facts WHERE run_id = $id ORDER BY attempt", {"id": str(run)}
    ).to_dicts()
    assert (first["epochs"], first["abandoned_epochs"]) == (4, 3)
    assert first["abandoned_seconds"] > 0
    assert (second["epochs"], second["abandoned_epochs"]) == (2, 0)
    assert (second["begun_by"], second["cause"]) == ("rewind", "attempt 2: rewound to step 8 by cli")
    aside = rt.yard.run(run).checkpoints / "abandoned-1"
    assert sorted(path.name for path in aside.iterdir()) == ["step-00000016", "step-00000024", "step-00000032"]


def test_a_refused_rewind_leaves_the_checkpoints_where_they_were(
    rt: Runtime, trained: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, data = rt.yard.run(trained), rt.yard.datasets / "waves.npz"
    there = sorted(path.name for path in folder.checkpoints.iterdir())
    config, bytes_ = folder.config.read_bytes(), data.read_bytes()

    def rewind() -> None:
        branches.rewind(rt, str(trained), by="cli", to="e1", changes={"hyperparameters": {"epochs": 5}}, start=False)

    try:
        recovering.put_waves(rt.yard.datasets, count=60)
        with pytest.raises(Invalid, match="changed between the attempts"):
            rewind()
        data.unlink()
        with pytest.raises(NotFound):
            rewind()
    finally:
        data.write_bytes(bytes_)

    def full(*_: Any, **__: Any) -> None:
        raise Unavailable("The disk is full.")

    monkeypatch.setattr(Runtime, "record", full)
    with pytest.raises(Unavailable, match="full"):
        rewind()
    assert sorted(path.name for path in folder.checkpoints.iterdir()) == there
    assert folder.config.read_bytes() == config, "the next attempt is as the last one said"


@pytest.mark.parametrize(
    ("at", "changes", "said"),
    [
        ("7", {}, "no checkpoint at step 7"),
        ("tuesday", {}, "no place of a run"),
        ("20", {"hyperparameters": {"batch_size": 6}}, "hyperparameters.batch_size: cannot change within an epoch"),
        ("16", {"model": {"channels": [9]}}, "model: cannot differ"),
        ("16", {"optimization": {"optimizer": "sgd"}}, "optimization.optimizer.kind: cannot differ"),
        ("16", {"hyperparameters": {"learning_rat": 1}}, "learning_rate"),
    ],
)
def test_what_cannot_go_on_is_refused(rt: Runtime, trained: UUID, at: str, changes: dict[str, Any], said: str) -> None:
    there = {path.name for path in rt.yard.runs.iterdir()}
    with pytest.raises(Invalid) as caught:
        branches.fork(rt, str(trained), by="cli", at=at, changes=changes, start=False)
    assert said in "\n".join([caught.value.message, *map(str, caught.value.problems)])
    assert {path.name for path in rt.yard.runs.iterdir()} == there


def test_a_renamed_run_is_forked_under_a_name_that_a_config_may_have(rt: Runtime, trained: UUID) -> None:
    rt.record(trained, "changed", name="@a/b")
    fork = branches.fork(rt, str(trained), by="cli", start=False)
    rt.record(trained, "changed", name="first")
    rt.store.ingest()
    assert runs.state(rt, fork).name == "-a-b fork"
    runs.cancel(rt, str(fork), by="cli")


def test_nothing_goes_on_where_training_is_switched_off(rt: Runtime, trained: UUID) -> None:
    off, ref = replace(rt, settings=replace(rt.settings, enabled=False)), str(trained)
    with pytest.raises(Denied):
        branches.fork(off, ref, by="cli")
    with pytest.raises(Denied):
        branches.rewind(off, ref, by="cli", to="e1")
    with pytest.raises(Denied):
        runs.resume(off, ref, by="cli")


def test_what_is_not_there_is_said(rt: Runtime, trained: UUID, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="Epoch 9"):
        branches.rewind(rt, str(trained), by="cli", to="e9")
    with pytest.raises(NotFound, match="no run"):
        branches.fork(rt, "nobody", by="cli")
    waiting = branches.fork(rt, str(trained), by="cli", start=False)
    rt.store.ingest()
    with pytest.raises(Conflict, match="queued"):
        branches.rewind(rt, str(waiting), by="cli", to="16")
    runs.cancel(rt, str(waiting), by="cli")
