"""Processes to be killed: `python acting.py writer|ingester|publisher HOME [NUMBER]`. Each says `ready` and goes on.

A writer counts what it has written in a file of its own, after each event: what stands there must be in the tables.
"""

from __future__ import annotations

import os
import random
import struct
import sys
import time
from pathlib import Path

from runyard.core.ids import new_id
from runyard.core.journal import Journal, RunJournal
from runyard.core.paths import Yard
from runyard.store import Store


def write(yard: Yard, number: int) -> None:
    """Write the life of one run, fast, until killed."""
    run = new_id()
    count_file = os.open(yard.home / f"written-{run}", os.O_RDWR | os.O_CREAT)
    pen = RunJournal(Journal(yard.run(run).journal(1)), run)
    dice = random.Random(number)
    written = 0

    def count() -> None:
        nonlocal written
        written += 1
        os.pwrite(count_file, struct.pack("q", written), 0)

    pen.emit("queued", kind="train", name=f"writer {number}", config={"hyperparameters": {"epochs": 50}})
    count()
    pen.emit("started", pid=os.getpid(), host="here", device="cpu", accelerators=1)
    count()
    print("ready", flush=True)
    step = 0
    while True:
        for _ in range(dice.randint(1, 20)):
            step += 1
            pen.metrics(step, {"train/loss": 1 / step, "lr": dice.choice([0.1, 1e-5])})
            count()
        pen.epoch(1 + step // 20, val_loss=dice.random(), metrics={"accuracy": dice.random()}, step=step)
        count()
        time.sleep(dice.random() / 30)


def ingest(yard: Yard) -> None:
    """Ingest, with a snapshot and a published copy each time, until killed."""
    store = Store(yard)
    print("ready", flush=True)
    while True:
        store.ingest(verb="test", wait_seconds=0, snapshot=True)


def publish(yard: Yard) -> None:
    """Ingest and publish, anew if need be, until killed."""
    from runyard.core.errors import Unavailable

    store = Store(yard)
    print("ready", flush=True)
    while True:
        try:
            store.publish()
        except Unavailable:
            time.sleep(0.01)


if __name__ == "__main__":
    verb, home = sys.argv[1], Yard(Path(sys.argv[2]))
    if verb == "writer":
        write(home, int(sys.argv[3]))
    else:
        {"ingester": ingest, "publisher": publish}[verb](home)
