"""How fast journals become rows, against DuckDB's own reader of JSON, and how soon they are seen."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import duckdb

from runyard.core.ids import new_id
from runyard.core.journal import Journal, RunJournal
from runyard.core.paths import Yard
from runyard.store import Store

BATCH = 10_000
RUNS = 4
_DUCKDBS = """
INSERT INTO training_epochs BY NAME
SELECT * EXCLUDE (run, "at"), CAST(run AS UUID) AS session_id, make_timestamp("at") AS logged_at
FROM read_json($file, columns = {
  run: 'VARCHAR', attempt: 'INTEGER', "at": 'BIGINT', epoch: 'INTEGER', step: 'BIGINT', train_loss: 'DOUBLE',
  val_loss: 'DOUBLE', val_metric: 'DOUBLE', epoch_seconds: 'DOUBLE', learning_rate: 'DOUBLE', gradient_norm: 'DOUBLE',
  samples: 'BIGINT', tokens: 'BIGINT', memory_gb: 'DOUBLE', gpu_utilization: 'DOUBLE', cpu_utilization: 'DOUBLE'})
"""


def queue_runs(yard: Yard) -> list[RunJournal]:
    """Begin some runs; their journals stay open, as those of living processes."""
    pens = [RunJournal(Journal(yard.run(run).journal(1)), run) for run in (new_id() for _ in range(RUNS))]
    for pen in pens:
        pen.emit("queued", kind="train", config={"hyperparameters": {"epochs": 100}})
        pen.emit("started", pid=1, device="cpu", accelerators=1)
    return pens


def write_epochs(pens: list[RunJournal]) -> None:
    dice = random.Random(1)
    for epoch in range(1, BATCH // RUNS + 1):
        for pen in pens:
            pen.epoch(
                epoch,
                step=epoch * 10,
                **{name: dice.random() for name in ("train_loss", "val_loss", "epoch_seconds", "learning_rate")},
                **{name: dice.random() for name in ("gradient_norm", "memory_gb", "cpu_utilization")},
                samples=640,
                tokens=0,
            )


def test_ingest_of_epochs(yard: Yard, board: Any, interleaved: Callable[..., list[float]]) -> None:
    """Both open a store, insert epochs and close it; our sessions are brought up to date at a snapshot, not here."""
    store, other = Store(yard, threads=1), Yard(yard.home.with_name("other"))
    store.ingest(replace_views=True)
    other.create()
    Store(other).ingest(replace_views=True)
    own = duckdb.connect(config={"threads": 1})

    def ours() -> float:
        pens = queue_runs(yard)
        store.ingest()
        write_epochs(pens)
        begun = time.process_time()
        done = store.ingest()
        spent = time.process_time() - begun
        assert done is not None
        assert done.events == BATCH
        lines = [pen.journal.path.read_bytes() for pen in pens]
        (yard.home / "lines.jsonl").write_bytes(b"".join(line[line.index(b'{"k":"epoch"') :] for line in lines))
        for pen in pens:
            pen.journal.close()
        store.ingest()
        return BATCH / spent

    def duckdbs() -> float:
        begun = time.process_time()
        own.execute(f"ATTACH '{other.store_db}' AS own; USE own")
        own.execute(_DUCKDBS, {"file": f"{yard.home}/lines.jsonl"})
        own.execute("USE memory; DETACH own")
        return BATCH / (time.process_time() - begun)

    folded, read = interleaved(ours, duckdbs)
    store.close()
    own.close()
    note = f"{folded:,.0f} against {read:,.0f} events/s of CPU"
    board.add("ingest of 10k epochs / INSERT FROM read_json", folded / read, 0.7, "x", note, at_least=True)


_WRITER = """
import sys, time, runyard
run = runyard.init(home=sys.argv[1])
print("ready", flush=True)
deadline = time.monotonic() + float(sys.argv[2])
step = 0
while time.monotonic() < deadline:
    step += 1
    run.log({"loss": 1 / step, "lr": 1e-3}, step=step)
    time.sleep(0.02)
run.finish()
"""


def test_logged_is_visible(yard: Yard, board: Any, short: bool) -> None:
    """Four processes log 200 events a second in all; a page looks ten times a second."""
    store = Store(yard)
    store.ingest(replace_views=True)
    store.watch()
    seconds = 8 if short else 25
    command = [sys.executable, "-c", _WRITER, str(yard.home), str(seconds)]
    writers = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(4)]
    for writer in writers:
        assert writer.stdout is not None
        writer.stdout.readline()
    time.sleep(3)  # DuckDB comes with an SDK's third second
    seen_until, delays = 0, []
    store.ingest()
    while any(writer.poll() is None for writer in writers):
        store.watch()
        rows = store.live("SELECT epoch_us(logged_at) AS at FROM metrics WHERE epoch_us(logged_at) > ?", [seen_until])
        now = time.time()
        if rows.height:
            delays += [now - at / 1e6 for at in rows["at"].to_list()] if seen_until else []
            seen_until = int(rows["at"].max())
        time.sleep(0.1)
    store.close()
    delays.sort()
    note = f"{len(delays)} events, largest {delays[-1]:.2f} s"
    board.add("logged -> visible on Live, p50", delays[len(delays) // 2], 1, "s", note)
    board.add("logged -> visible on Live, p99", delays[int(len(delays) * 0.99)], 3, "s")


def test_published_copy_of_a_large_store(yard: Yard, board: Any, short: bool) -> None:
    """How old the newest event of the published copy is at worst, while a run logs to a store of 100 MB."""
    store = Store(yard)
    store.ingest(replace_views=True)
    with duckdb.connect(str(yard.store_db)) as db:
        db.execute(
            "INSERT INTO metrics SELECT md5(CAST(range // 3000 AS VARCHAR))::UUID, 1, range % 3000, random(), 'loss',"
            " random(), TIMESTAMP '2026-01-01' + INTERVAL (range) MILLISECOND FROM range(6300000)"
        )
    size = yard.store_db.stat().st_size / 1e6
    store.ingest(snapshot=True, wait_seconds=5)
    seconds = 20 if short else 60
    writer = subprocess.Popen([sys.executable, "-c", _WRITER, str(yard.home), str(seconds)], stdout=subprocess.PIPE)
    assert writer.stdout is not None
    writer.stdout.readline()
    begun = time.time()
    version, newest, ages = yard.link.resolve(), begun, []
    while writer.poll() is None and time.time() - begun < seconds - 1:
        store.watch()
        time.sleep(0.02)
        if yard.link.resolve() != version:
            switched = time.time()
            if version:
                ages.append(switched - newest)
            version = yard.link.resolve()
            with duckdb.connect(str(version), read_only=True) as db:
                (found,) = db.execute("SELECT epoch_us(max(logged_at)) FROM metrics").fetchone() or (0,)
            newest = found / 1e6
    ages.append(time.time() - newest)
    writer.wait()
    store.close()
    board.add("published copy behind, at worst", max(ages), 6, "s", f"store of {size:.0f} MB, {len(ages) - 1} versions")
