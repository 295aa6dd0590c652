"""A yard on a full disk or a read-only one: said in plain words, nothing half done, every event kept."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest
from reading import stock_rows, stored, tables, told

from runyard.core.errors import Unavailable
from runyard.core.ids import new_id
from runyard.core.journal import Journal, RunJournal
from runyard.core.paths import Yard
from runyard.runtime import open_runtime
from runyard.store import Store, publish

MB = 1 << 20


def mount(*arguments: str) -> bool:
    return os.geteuid() == 0 and subprocess.run(["mount", *arguments], check=False, capture_output=True).returncode == 0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Yard]:
    """A yard on a file system of 36 MB; making one needs root."""
    place = tmp_path / "disk"
    place.mkdir()
    if not mount("-t", "tmpfs", "-o", "size=36m", "tmpfs", str(place)):
        pytest.skip("a small file system needs root")
    yard = Yard(place / "yard")
    yard.create()
    yield yard
    subprocess.run(["umount", "-l", str(place)], check=True)


def a_run(yard: Yard, steps: int) -> RunJournal:
    run = new_id()
    pen = RunJournal(Journal(yard.run(run).journal(1)), run)
    pen.emit("queued", kind="train", name="a run")
    for step in range(1, steps + 1):
        pen.metrics(step, {"loss": 1 / step, "rate": 0.1 * step})
    return pen


def fill(yard: Yard, leave: int) -> Path:
    ballast = yard.home / "ballast"
    free = os.statvfs(yard.home)
    with ballast.open("wb") as file:
        file.write(b"\0" * max(0, free.f_bavail * free.f_bsize - leave))
    return ballast


@pytest.mark.parametrize("leave", [0, 100_000, 500_000, 1_000_000, 2 * MB, 3 * MB, 5 * MB, 12 * MB])
def test_on_a_full_disk_events_wait_and_are_folded_when_there_is_room(small_disk: Yard, leave: int) -> None:
    yard = small_disk
    store = Store(yard)
    a_run(yard, 100)
    store.ingest(snapshot=True)
    before = tables(store)
    a_run(yard, 20_000).journal.close()
    ballast = fill(yard, leave)
    told_now = told(yard)
    with pytest.raises(Unavailable, match="is full") if leave < 9 * MB else nullcontext():
        store.ingest(wait_seconds=1, snapshot=True)
    assert tables(store) == before or stored(store) == told_now, "all of a round or nothing of it"
    assert stock_rows(yard.link)[0][1] in (200, 40_200), "what is published is whole"
    assert told(yard) == told_now, "no journal was touched"
    ballast.unlink()
    assert store.ingest(wait_seconds=1, snapshot=True) is not None
    assert stored(store) == told_now
    assert stock_rows(yard.link) == [(2, 40_200)]
    store.close()


def test_young_copies_go_before_the_disk_is_called_full(small_disk: Yard) -> None:
    store = Store(small_disk)
    for number in range(1, 16):  # 2 copies of 2 MB each time
        a_run(small_disk, 1).journal.close()
        store.ingest(wait_seconds=1, snapshot=True)
        store.publish()
        assert stock_rows(small_disk.link)[0][0] == number
    assert len(publish.copies(small_disk.published)) < 15
    store.close()


def test_a_full_disk_while_a_run_logs_loses_nothing_it_acknowledged(small_disk: Yard) -> None:
    yard = small_disk
    store = Store(yard)
    pen = a_run(yard, 10)
    store.ingest(snapshot=True)
    ballast = fill(yard, 20_000)
    failed = 0
    for step in range(11, 1_000):
        try:
            pen.metrics(step, {"loss": 1 / step, "rate": 0.1 * step})
        except OSError:
            failed += 1
    assert failed
    ballast.unlink()
    pen.metrics(1_000, {"loss": 0.5, "rate": 0.5})
    store.ingest(wait_seconds=1)
    steps = store.live("SELECT DISTINCT step FROM metrics ORDER BY 1")["step"].to_list()
    assert steps == list(range(1, 1_001))
    assert len(tables(store)["rejected_events"]) <= 1, "the line on which the disk became full"
    store.close()


def test_a_verb_on_a_full_disk_says_so_and_does_not_happen_later(small_disk: Yard) -> None:
    runtime = open_runtime(small_disk.home, create=True)
    ballast = fill(small_disk, 0)
    run = new_id()

    def many() -> None:
        for _ in range(200):  # the last page of the journal may have room for some
            runtime.record(run, "queued", kind="train", name="x" * 1000)

    with pytest.raises(Unavailable, match="cannot be written"):
        many()
    written = sum(1 for _ in told(small_disk).elements())
    ballast.unlink()
    runtime.record(new_id(), "queued", kind="train")
    assert sum(1 for _ in told(small_disk).elements()) == written + 1
    runtime.close()


@pytest.fixture
def read_only(yard: Yard) -> Iterator[Yard]:
    """A yard with a run, that nobody can write to any more."""
    store = Store(yard)
    a_run(yard, 10).journal.close()
    store.ingest(snapshot=True)
    a_run(yard, 10).journal.close()
    store.close()
    home = str(yard.home)
    mounted = mount("--bind", home, home) and mount("-o", "remount,ro,bind", home)
    if not mounted:
        if os.geteuid() == 0:
            pytest.skip("root may write anywhere, and may not mount here")
        for folder in (yard.home, *(path for path in yard.home.rglob("*") if path.is_dir())):
            folder.chmod(0o555)
    yield yard
    if mounted:
        subprocess.run(["umount", "-l", home], check=True)
    else:
        for folder in (yard.home, *yard.home.rglob("*")):
            folder.chmod(0o755)


def test_a_read_only_yard_can_be_looked_at_and_says_that_it_is_one(read_only: Yard) -> None:
    runtime = open_runtime(read_only.home)
    assert runtime.store.read("SELECT count(*) AS n FROM metrics")["n"][0] == 20
    assert runtime.store.live("SELECT count(*) AS n FROM runs")["n"][0] == 1
    assert runtime.store.ingest() is None, "somebody who may write will do it"
    assert runtime.store.backlog().waiting_bytes > 0
    runtime.store.watch()
    with pytest.raises(Unavailable, match="cannot be written"):
        runtime.store.ingest(wait_seconds=0.1)
    with pytest.raises(Unavailable, match="cannot be written"):
        runtime.record(new_id(), "queued", kind="train")
    runtime.close()


def test_a_read_only_yard_can_be_opened_by_the_server(read_only: Yard) -> None:
    runtime = open_runtime(read_only.home, create=True)
    assert runtime.store.read("SELECT count(*) AS n FROM runs")["n"][0] == 1
    runtime.close()
