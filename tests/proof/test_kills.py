"""SIGKILL at random moments of writing, ingest, snapshot and publish: every event is in the tables, once."""

from __future__ import annotations

import random
import signal
import struct
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from reading import journal_lines, stock_rows, stored, tables, told

from runyard.core.paths import Yard
from runyard.store import Store, publish

ACTING = Path(__file__).resolve().parents[1] / "journals" / "acting.py"


def start(verb: str, yard: Yard, number: int = 0) -> subprocess.Popen[str]:
    child = subprocess.Popen(
        [sys.executable, str(ACTING), verb, str(yard.home), str(number)], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    return child


def kill(child: subprocess.Popen[str]) -> None:
    assert child.poll() is None, f"{child.args} ended by itself"
    child.send_signal(signal.SIGKILL)
    child.wait()
    if child.stdout:
        child.stdout.close()


@pytest.mark.timeout(1800)
def test_nothing_is_lost_or_doubled_by_kills(tmp_path: Path, short: bool) -> None:
    yard = Yard(tmp_path / "yard")
    yard.create()
    dice = random.Random(42)
    actors = ["ingester", "writer", "publisher", "ingester"]
    playing = {place: start(verb, yard, place) for place, verb in enumerate(actors)}
    kills: Counter[str] = Counter()
    goal = 14 if short else 240
    try:
        while kills.total() < goal:
            time.sleep(dice.random() * 0.25)
            place = dice.randrange(len(actors))
            kill(playing[place])
            kills[actors[place]] += 1
            if kills.total() % 10 == 0:
                open_the_newest(yard)
            playing[place] = start(actors[place], yard, kills.total())
        assert [child.args for child in playing.values() if child.poll() is not None] == []
    finally:
        for child in playing.values():
            child.kill()
            child.wait()

    store = Store(yard)
    assert store.ingest(wait_seconds=30, snapshot=True) is not None
    assert stored(store) == told(yard)
    assert_written_is_told(yard)
    before = tables(store)
    assert before["rejected_events"] == []
    assert len(before["runs"]) == 1 + kills["writer"]
    store.rebuild()
    assert tables(store) == before
    copies = [copy.path for folder in (yard.store, yard.published) for copy in publish.copies(folder)]
    assert len(stock_rows(*copies)) == len(copies)
    assert stock_rows(yard.link) == [(len(before["runs"]), len(before["metrics"]))]
    store.close()
    print(f"\n{kills.total()} kills {dict(kills)}, {told(yard).total()} events")


def open_the_newest(yard: Yard) -> None:
    """The link never dangles once there is one, and what it names opens in a stock DuckDB."""
    if yard.link.is_symlink():
        stock_rows(yard.link)


def assert_written_is_told(yard: Yard) -> None:
    lines = Counter(name.split("/")[1] for name, _ in journal_lines(yard) if name.startswith("runs/"))
    for path in yard.home.glob("written-*"):
        data = path.read_bytes()
        written = struct.unpack("q", data)[0] if data else 0
        run = path.name.removeprefix("written-")
        assert written <= lines[run] <= written + 1, "the last event may have been written and not counted"
