"""Ingest: every finished line is in a table or among the rejected, once, however it got there."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from reading import tables

from runyard.core.journal import Journal, RunJournal
from runyard.core.paths import Yard
from runyard.store import Store

RUN = "0198a3c0-0000-7000-8000-000000000001"
AT = 1_763_733_600_000_000
HEAD = f'"run":"{RUN}","at":{AT}'
CURVES = Path(__file__).resolve().parents[1] / "sql" / "data" / "example_run_curves.json"


def put(yard: Yard, data: bytes | str, name: str = "hand.jsonl") -> None:
    with (yard.events / name).open("ab") as file:
        file.write(data if isinstance(data, bytes) else data.encode())


def one(store: Store, sql: str) -> dict[str, Any]:
    (row,) = store.live(sql).to_dicts()
    return row


def pen_of(yard: Yard, attempt: int = 1) -> RunJournal:
    return RunJournal(Journal(yard.run(RUN).journal(attempt)), RUN, attempt)


def test_events_become_rows(yard: Yard, store: Store) -> None:
    pen = pen_of(yard)
    pen.emit("queued", kind="train", name="first", agent="bot", tags=["a", "b"], seed=7, launched_by="page",
             config={"hyperparameters": {"epochs": 3}, "training_type": "fine_tuning"})  # fmt: skip
    pen.emit("started", pid=4711, host="here", device="cpu", accelerators=1, git={"commit": "abc", "dirty": True})
    pen.metrics(10, {"train/loss": 0.5, "lr": 1e-3}, epoch=0.5)
    pen.epoch(1, val_loss=0.25, train_loss=0.5, step=20, metrics={"accuracy": 0.75})
    pen.emit("ended", status="completed", steps=20, cpu_seconds=36.0)
    pen.journal.close()
    done = store.ingest(snapshot=True)
    assert done is not None
    assert (done.events, done.rejected) == (5, 0)
    run = one(store, "FROM runs")
    assert (run["name"], run["status"], run["agent_id"], run["seed"]) == ("first", "completed", "bot", 7)
    assert (run["pid"], run["git_commit"], run["git_dirty"], run["tags"]) == (4711, "abc", True, ["a", "b"])
    session = one(store, "FROM training_sessions")
    assert (session["completed_epochs"], session["best_validation_loss"], session["cpu_hours"]) == (1, 0.25, 0.01)
    assert session["training_type"] == "fine_tuning"
    metrics = store.live("SELECT name, step, epoch, value FROM metrics ORDER BY name").rows()
    assert metrics == [("accuracy", 20, 1.0, 0.75), ("lr", 10, 0.5, 0.001), ("train/loss", 10, 0.5, 0.5)]


def test_what_is_ingested_is_not_ingested_again(yard: Yard, store: Store) -> None:
    pen = pen_of(yard)
    for step in range(1, 4):
        pen.metrics(step, {"loss": 1.0})
        store.ingest()
        store.ingest()
    assert one(store, "SELECT count(*) AS n FROM metrics")["n"] == 3


def test_numbers_that_are_not_finite_survive_in_tables_and_leave_no_view(yard: Yard, store: Store) -> None:
    pen = pen_of(yard)
    pen.emit("queued", kind="train")
    pen.metrics(1, {"loss": math.nan, "up": math.inf, "down": -math.inf})
    pen.epoch(1, val_loss=math.nan, train_loss=math.inf, metrics={"f1": math.nan})
    pen.epoch(2, val_loss=0.5, train_loss=-math.inf)
    pen.journal.close()
    store.ingest()
    stored = dict(store.live("SELECT name, value FROM metrics").rows())
    assert math.isnan(stored["loss"])
    assert math.isnan(stored["f1"])
    assert (stored["up"], stored["down"]) == (math.inf, -math.inf)
    raw = store.live("SELECT val_loss, train_loss FROM training_epochs ORDER BY epoch").rows()
    assert math.isnan(raw[0][0])
    assert (raw[0][1], raw[1]) == (math.inf, (0.5, -math.inf))
    shown = store.live("SELECT val_loss, train_loss, evaluated FROM epochs ORDER BY epoch").rows()
    assert shown == [(None, None, True), (0.5, None, True)]
    assert store.live("SELECT count(value) AS n FROM metric_points")["n"].to_list() == [0]


def test_a_torn_tail_waits_for_its_end(yard: Yard, store: Store) -> None:
    line = f'{{"k":"metrics",{HEAD},"step":1,"metrics":[{{"name":"loss","value":1.5}}]}}\n'
    with Journal(yard.events / "hand.jsonl").path.open("ab", buffering=0) as file:
        for place in range(len(line)):
            file.write(line[place].encode())
            if place % 25 == 0 or place > len(line) - 3:
                store.ingest()
                expected = 1 if place == len(line) - 1 else 0
                assert len(tables(store)["metrics"]) == expected
    assert tables(store)["rejected_events"] == []


GOOD = f'{{"k":"started",{HEAD},"attempt":2,"pid":5}}\n'
POISON: dict[str, bytes | str] = {
    "not json": "hello",
    "half a line": '{"k":"epoch","run":"' + RUN,
    "array": "[1]",
    "null": "null",
    "blanks": "   ",
    "NUL": b"\0\0\0\0",
    "NUL in a string": b'{"k":"notice",' + HEAD.encode() + b',"message":"a\x00b"}',
    "not UTF-8": b'{"k":"notice",' + HEAD.encode() + b',"message":"\xff\xfe"}',
    "not UTF-8 in bulk": b'{"k":"metrics",' + HEAD.encode() + b',"step":1,"metrics":[{"name":"\xff","value":1}]}',
    "half a surrogate": f'{{"k":"metrics",{HEAD},"step":1,"metrics":[{{"name":"\\ud800","value":1}}]}}',
    "unknown kind": f'{{"k":"party",{HEAD}}}',
    "kind is a list": f'{{"k":["epoch"],{HEAD}}}',
    "no kind": f"{{{HEAD}}}",
    "no run": f'{{"k":"epoch","at":{AT},"epoch":1}}',
    "run is no UUID": f'{{"k":"epoch","run":"one","at":{AT},"epoch":1}}',
    "no time": f'{{"k":"epoch","run":"{RUN}","epoch":1}}',
    "time before time": f'{{"k":"epoch","run":"{RUN}","at":-5,"epoch":1}}',
    "time after time": f'{{"k":"epoch","run":"{RUN}","at":9000000000000000000,"epoch":1}}',
    "time after time, said of a run": f'{{"k":"started","run":"{RUN}","at":9000000000000000000,"attempt":1}}',
    "epoch zero": f'{{"k":"epoch",{HEAD},"epoch":0}}',
    "no epoch": f'{{"k":"epoch",{HEAD}}}',
    "half an epoch": f'{{"k":"epoch",{HEAD},"epoch":1.5}}',
    "loss is text": f'{{"k":"epoch",{HEAD},"epoch":1,"val_loss":"low"}}',
    "half a step": f'{{"k":"metrics",{HEAD},"step":1.5,"metrics":[]}}',
    "half an attempt": f'{{"k":"epoch",{HEAD},"attempt":1.5,"epoch":1}}',
    "tokens beyond integers": f'{{"k":"epoch",{HEAD},"epoch":1,"tokens":9223372036854775808}}',
    "one key twice": f'{{"k":"epoch",{HEAD},"epoch":1,"epoch":2}}',
    "metrics is a mapping": f'{{"k":"metrics",{HEAD},"step":1,"metrics":{{"loss":1}}}}',
    "metrics of mixed kinds": f'{{"k":"metrics",{HEAD},"step":1,"metrics":[1,{{"name":"a","value":1}}]}}',
    "a long text where a number is due": f'{{"k":"epoch",{HEAD},"epoch":["{"é" * 200}"]}}',
    "attempt zero": f'{{"k":"epoch",{HEAD},"attempt":0,"epoch":1}}',
    "attempt beyond integers": f'{{"k":"started",{HEAD},"attempt":99999999999}}',
    "attempt is true": f'{{"k":"started",{HEAD},"attempt":true}}',
    "ended without a status": f'{{"k":"ended",{HEAD},"attempt":1}}',
    "ended somehow": f'{{"k":"ended",{HEAD},"attempt":1,"status":"fine"}}',
    "lost some time": f'{{"k":"lost",{HEAD},"attempt":1,"last_seen":"yesterday"}}',
    "two events on one line": f'{{"k":"epoch",{HEAD},"epoch":1}}{{"k":"epoch",{HEAD},"epoch":2}}',
    "two run events on one line": GOOD.strip() + GOOD.strip(),
    "deep": f'{{"k":"notice",{HEAD},"x":{"[" * 200_000}',
    "deep and whole": f'{{"k":"notice",{HEAD},"x":{"[" * 5_000}{"]" * 5_000}}}',
    "huge": b"y" * (17 << 20),
}


@pytest.mark.parametrize("name", POISON)
def test_a_poison_line_is_set_aside_with_a_reason_and_blocks_nothing(yard: Yard, store: Store, name: str) -> None:
    poison = POISON[name] if isinstance(POISON[name], bytes) else str(POISON[name]).encode()
    epoch = f'{{"k":"epoch",{HEAD},"epoch":7,"val_loss":0.5}}\n'.encode()
    put(yard, epoch + bytes(poison) + b"\n" + GOOD.encode() + epoch.replace(b":7", b":8"))
    done = store.ingest()
    assert done is not None
    assert (done.events, done.rejected) == (3, 1)
    rejected = one(store, "FROM rejected_events")
    assert (rejected["journal"], rejected["line_offset"]) == ("events/hand.jsonl", len(epoch))
    assert rejected["reason"]
    assert rejected["line"][:20] == bytes(poison)[:20].decode(errors="replace")
    assert one(store, "SELECT pid FROM runs")["pid"] == 5
    assert store.live("SELECT epoch FROM training_epochs ORDER BY 1")["epoch"].to_list() == [7, 8]


ODD = {
    "numbers in quotes": f'{{"k":"epoch",{HEAD},"epoch":"1","val_loss":"NaN"}}\n',
    "a loss beyond doubles": f'{{"k":"epoch",{HEAD},"epoch":1,"val_loss":1e999}}\n',
    "Windows line ends": f'{{"k":"epoch",{HEAD},"epoch":1}}\r\n',
    "keys in another order": f'{{"epoch": 1, {HEAD}, "k": "epoch"}}\n',
    "an empty line": f'\n\n{{"k":"epoch",{HEAD},"epoch":1}}\n',
    "unknown fields": f'{{"k":"epoch",{HEAD},"epoch":1,"colour":"red","deep":{{"a":[1,{{}}]}}}}\n',
    "a byte order mark": f'\ufeff{{"k":"epoch",{HEAD},"epoch":1}}\n',
    "a huge line": f'{{"k":"epoch",{HEAD},"epoch":1,"note":"{"x" * (17 << 20)}"}}\n',
    "fields of wrong types in a run event": "".join(
        f"{{{text},{HEAD}}}\n"
        for text in (
            '"k":"queued","attempt":1,"tags":"abc","config":"x","seed":"q","parent":"zzz","changes":"abc"',
            '"k":"queued","attempt":1,"tags":[1,{"a":2}],"config":{"hyperparameters":[1],"optimization":'
            '{"early_stopping":{"enabled":"perhaps","patience":"x","mode":[]}}}',
            '"k":"started","attempt":1,"pid":"abc","pid_created":{},"accelerators":1e99,"git":{"dirty":"maybe"}',
            '"k":"planned","attempt":1,"total_epochs":"x","dataset_size":1.7e300,"parameters":[1]',
            '"k":"ended","attempt":1,"status":"failed","early_stopped":"x","cpu_seconds":"x","tokens":1e40',
        )
    )
    + f'{{"k":"epoch",{HEAD},"epoch":1,"tokens":9007199254740991}}\n'
    + f'{{"k":"epoch",{HEAD},"epoch":2,"tokens":9007199254740991,"val_loss":1e308,"train_loss":-1e308}}\n',
}


@pytest.mark.parametrize("name", ODD)
def test_odd_lines_that_mean_something_are_read(yard: Yard, store: Store, name: str) -> None:
    put(yard, ODD[name] + GOOD)
    done = store.ingest()
    assert done is not None
    assert done.rejected == 0
    assert 1 in store.live("SELECT epoch FROM training_epochs")["epoch"].to_list()
    assert one(store, "SELECT pid FROM runs")["pid"] == 5


@pytest.mark.slow
def test_a_thousand_poison_lines_among_good_ones(yard: Yard, store: Store) -> None:
    lines = []
    for step in range(1, 3001):
        lines.append(f'{{"k":"metrics",{HEAD},"step":{step},"metrics":[{{"name":"loss","value":1.0}}]}}\n')
        if step % 3 == 0:
            lines.append(f'{{"k":"metrics",{HEAD},"step":{step},"metrics":"none"}}\n')
    put(yard, "".join(lines))
    done = store.ingest()
    assert done is not None
    assert (done.events, done.rejected) == (3000, 1000)


@pytest.mark.parametrize("case", json.loads(CURVES.read_text())["cases"], ids=lambda case: case["name"])
def test_flags_of_the_example_curves(yard: Yard, store: Store, case: dict[str, Any]) -> None:
    pen = pen_of(yard)
    pen.emit("queued", kind="train", config={"hyperparameters": {"epochs": 12}})
    pen.emit("started", pid=1)
    for epoch, (train, val) in enumerate(zip(case["train_loss"], case["val_loss"], strict=True), start=1):
        pen.epoch(epoch, train_loss=float(train), val_loss=float(val))
    store.ingest()
    running = one(store, "FROM training_sessions")
    assert running["overfitting_detected"] is None, "a flag is known when the run has ended"
    pen.emit("ended", status="completed")
    store.ingest()
    session = one(store, "FROM training_sessions")
    expected = case["expected"]
    assert session["best_epoch"] == expected["best_epoch"]
    assert session["best_validation_loss"] == pytest.approx(expected["best_value"], abs=1e-9)
    assert session["overfitting_detected"] is expected["overfitting_detected"]
    assert session["convergence_achieved"] is expected["convergence_achieved"]


@pytest.mark.parametrize(
    ("events", "status", "reason"),
    [
        ([("queued", {})], "queued", None),
        ([("queued", {}), ("spawned", {"pid": 1})], "running", None),
        ([("queued", {}), ("started", {"pid": 1}), ("lost", {})], "failed", "lost"),
        ([("queued", {}), ("started", {}), ("cancel_requested", {"by": "page"})], "running", None),
        ([("queued", {}), ("started", {}), ("cancel_requested", {}), ("lost", {})], "cancelled", None),
        ([("queued", {}), ("cancel_requested", {}), ("ended", {"status": "cancelled"})], "cancelled", None),
        ([("started", {}), ("lost", {}), ("ended", {"status": "completed"})], "completed", None),
        ([("started", {}), ("ended", {"status": "failed", "error_kind": "diverged"})], "failed", "diverged"),
        ([("started", {}), ("ended", {"status": "failed"}), ("queued", {"attempt": 2})], "queued", None),
    ],
)
def test_states_follow_from_events(
    yard: Yard, store: Store, events: list[tuple[str, dict[str, Any]]], status: str, reason: str | None
) -> None:
    lines = [
        json.dumps({"k": kind, "run": RUN, "at": AT + place, "attempt": 1, **fields}) + "\n"
        for place, (kind, fields) in enumerate(events)
    ]
    for place, line in enumerate(lines):
        put(yard, line, f"{place}.jsonl")
        store.ingest()
    forwards = tables(store)
    run = one(store, "FROM runs")
    assert (run["status"], run["error_kind"]) == (status, reason)
    store.rebuild()
    assert tables(store) == forwards


def test_compute_hours_and_cost_of_all_attempts(yard: Yard, store: Store) -> None:
    hour = 3_600_000_000
    events = [
        (0, 1, "started", {"device": "cpu", "accelerators": 1}),
        (2, 1, "lost", {"last_seen": AT + 1 * hour}),
        (5, 2, "started", {"device": "cpu", "accelerators": 1}),
        (8, 2, "ended", {"status": "completed"}),
    ]
    for hours, attempt, kind, fields in events:
        put(yard, json.dumps({"k": kind, "run": RUN, "at": AT + hours * hour, "attempt": attempt, **fields}) + "\n")
    store.ingest()
    session = one(store, "FROM training_sessions")
    assert session["gpu_hours"] == pytest.approx(4.0)
    assert float(session["training_cost_usd"]) == pytest.approx(0.16)
    assert session["duration_hours"] == pytest.approx(8.0)


def test_hours_are_unknown_without_a_start(yard: Yard, store: Store) -> None:
    pen = pen_of(yard)
    pen.emit("queued", kind="train")
    pen.emit("ended", status="completed")
    pen.journal.close()
    store.ingest(snapshot=True)
    session = one(store, "SELECT gpu_hours, training_cost_usd FROM training_sessions")
    assert session == {"gpu_hours": None, "training_cost_usd": None}


def test_histograms_of_layers_are_rows(yard: Yard, store: Store) -> None:
    row = {
        "layer": "head",
        "place": 2,
        "kind": "gradient",
        "low": -1.0,
        "high": 1.5,
        "zeros": 0.25,
        "counts": [3, 0, 1],
    }
    pen = pen_of(yard)
    pen.histograms(5, [row, {**row, "kind": "weight", "low": math.nan}], epoch=0.5)
    pen.metrics(5, {"loss": 1.0})
    pen.journal.close()
    put(yard, f'{{"k":"histograms",{HEAD},"step":6,"histograms":[{{"kind":"weight"}}]}}\n')  # of no layer: no row
    put(yard, f'{{"k":"histograms",{HEAD},"step":1.5,"histograms":[]}}\n')
    put(yard, f'{{"k":"histograms",{HEAD},"step":1,"histograms":"none"}}\n')
    done = store.ingest()
    assert done is not None
    assert (done.events, done.rejected) == (3, 2)
    rows = store.live("SELECT kind, step, epoch, place, low, counts FROM histograms ORDER BY kind").rows()
    assert rows[0] == ("gradient", 5, 0.5, 2, -1.0, [3, 0, 1])
    assert math.isnan(rows[1][4])
    assert len(rows) == 2
    assert one(store, "SELECT count(*) AS n FROM metrics")["n"] == 1
