"""What is kept of ended sessions: the same as the views work out, taken away by whatever changes it, made again."""

from __future__ import annotations

import math

import pytest
from reading import tables

from runyard.core.clock import now_us
from runyard.core.ids import new_id
from runyard.core.journal import Journal, RunJournal
from runyard.core.paths import Yard
from runyard.store import Store

FACTS = ("kept_curve_facts", "kept_metric_facts")
CURVE = [0.9, 0.5, 0.4, math.nan, 0.6, 0.7, 0.8]


def run_of(yard: Yard) -> RunJournal:
    run = new_id()
    pen = RunJournal(Journal(yard.run(run).journal(1)), run)
    pen.emit(
        "queued",
        kind="train",
        agent="bot",
        config={"optimization": {"early_stopping": {"enabled": True, "patience": 2}}},
    )
    pen.emit("started", pid=1, device="cpu", accelerators=1)
    return pen


def trained(yard: Yard) -> RunJournal:
    pen = run_of(yard)
    for epoch, loss in enumerate(CURVE, start=1):
        pen.metrics(10 * epoch, {"train/loss": loss / 2, "speed": float(epoch)}, epoch=epoch)
        pen.epoch(epoch, val_loss=loss, train_loss=1 / epoch, epoch_seconds=1.5, step=10 * epoch)
    return pen


def rows(store: Store, name: str) -> list[str]:
    return store.live(f"SELECT CAST(t AS VARCHAR) AS row FROM (FROM {name}) AS t ORDER BY 1")["row"].to_list()


def test_they_are_kept_with_the_snapshot_after_the_end(yard: Yard, store: Store) -> None:
    pen = trained(yard)
    store.ingest(snapshot=True)
    assert [rows(store, name) for name in FACTS] == [[], []], "it still runs"
    worked_out = {view: rows(store, view) for view in ("curve_facts", "metric_facts", "metric_summary", "run_scores")}
    pen.emit("ended", status="completed")
    store.ingest(snapshot=True)
    assert [len(rows(store, name)) for name in FACTS] == [1, 4]
    kept = {view: rows(store, view) for view in worked_out}
    kept["run_scores"] = [row.replace("completed", "running") for row in kept["run_scores"]]
    assert kept == worked_out
    (waste,) = store.live("FROM overtraining_waste").to_dicts()
    assert (waste["best_epoch"], waste["es_stop_epoch"], waste["patience"]) == (3, 5, 2)


@pytest.mark.parametrize("snapshot", [False, True])
def test_what_comes_late_is_in_them_for_whoever_looks(yard: Yard, store: Store, snapshot: bool) -> None:
    """Whoever looks reads a snapshot, or the store itself and watches."""
    pen = trained(yard)
    pen.emit("ended", status="completed")
    store.ingest(snapshot=True)
    if not snapshot:
        store.watch()
    pen.metrics(80, {"speed": 99.0}, epoch=8)
    store.ingest(snapshot=snapshot)
    (speed,) = store.live("FROM metric_summary WHERE name = 'speed'").to_dicts()
    assert (speed["points"], speed["last_value"], speed["max_value"]) == (8, 99.0, 99.0)
    pen.epoch(8, val_loss=0.1, step=80)
    store.ingest(snapshot=snapshot)
    (waste,) = store.live("FROM overtraining_waste").to_dicts()
    assert (waste["total_epochs"], waste["best_epoch"], waste["wasted_epochs"]) == (8, 8, 0)
    assert len(rows(store, "kept_curve_facts")) == 1


def test_a_resumed_run_and_a_deleted_one_have_none(yard: Yard, store: Store) -> None:
    resumed, deleted = trained(yard), trained(yard)
    for pen in (resumed, deleted):
        pen.emit("ended", status="cancelled")
    store.ingest(snapshot=True)
    assert len(rows(store, "kept_curve_facts")) == 2
    RunJournal(Journal(yard.run(resumed.run_id).journal(2)), resumed.run_id, 2).emit(
        "queued", kind="train", agent="other"
    )
    deleted.emit("changed", deleted=now_us())
    store.ingest(snapshot=True)
    assert [rows(store, name) for name in FACTS] == [[], []]
    deleted.emit("changed", deleted=0)
    store.ingest(snapshot=True)
    assert [len(rows(store, name)) for name in FACTS] == [1, 4]


def test_a_rebuild_keeps_the_same(yard: Yard, store: Store) -> None:
    for _ in range(3):
        trained(yard).emit("ended", status="failed")
    store.ingest(snapshot=True)
    before = tables(store), [rows(store, name) for name in FACTS]
    store.rebuild()
    assert (tables(store), [rows(store, name) for name in FACTS]) == before
    assert len(before[1][0]) == 3
