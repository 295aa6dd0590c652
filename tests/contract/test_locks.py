"""The lock rules of the yard: who may hold what, for how long, and what the others do meanwhile."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb
import pytest
from reading import stock_rows, tables

from runyard.core.errors import Corrupt, NotFound, RunyardError, Unavailable
from runyard.core.ids import new_id
from runyard.core.journal import Journal, RunJournal
from runyard.core.paths import Yard
from runyard.store import Store, publish
from runyard.store.flock import flock
from runyard.store.lease import shared_lease

_ANALYST = """
import sys, time, duckdb
db = duckdb.connect(sys.argv[1], read_only=sys.argv[2] == "read")
if sys.argv[2] == "write":
    db.execute("CREATE TABLE mine AS SELECT 1 AS x")
print("ready", flush=True)
sys.stdin.read()
"""


@contextmanager
def analyst(path: Path, how: str = "open") -> Iterator[subprocess.Popen[str]]:
    """Somebody's own DuckDB in a process of its own, with the file open until the end of the block."""
    child = subprocess.Popen(
        [sys.executable, "-I", "-c", _ANALYST, str(path), how], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        yield child
    finally:
        child.kill()
        child.communicate()


def log_steps(yard: Yard, count: int = 3) -> RunJournal:
    """Write the beginning of a run; the journal stays open, as that of a living process."""
    run = new_id()
    pen = RunJournal(Journal(yard.run(run).journal(1)), run)
    pen.emit("queued", kind="train", name="a run")
    pen.emit("started", pid=os.getpid())
    for step in range(1, count + 1):
        pen.metrics(step, {"loss": 1 / step})
    return pen


def count_of(store: Store, table: str = "metrics") -> int:
    return int(store.live(f"SELECT count(*) AS n FROM {table}")["n"][0])


def wait_until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came about"
        time.sleep(0.05)


def age(path: Path, seconds: float) -> None:
    past = time.time() - seconds
    os.utime(path, (past, past))


def test_a_new_yard_has_an_empty_published_copy(yard: Yard, store: Store) -> None:
    store.ingest(verb="open", replace_views=True)
    assert yard.link.is_symlink()
    assert yard.link.readlink() == Path("published") / yard.link.resolve().name
    assert stock_rows(yard.link) == [(0, 0)]
    assert store.read("FROM runs").height == 0


def test_reading_a_yard_without_a_store_says_so(bare_yard: Yard) -> None:
    store = Store(bare_yard)
    with pytest.raises(NotFound):
        store.read("FROM runs")
    with pytest.raises(NotFound):
        store.live("FROM runs")


def test_page_threads_and_an_ingest_in_one_process(yard: Yard, store: Store) -> None:
    pen = log_steps(yard)
    store.ingest(snapshot=True)
    stop, errors, reads = threading.Event(), [], [0, 0, 0]

    def page(place: int) -> None:
        while not stop.is_set():
            try:
                seen = int(store.read("SELECT count(*) AS n FROM metrics")["n"][0])
                live = count_of(store)
                assert live >= seen
                reads[place] += 1
            except BaseException as error:  # noqa: BLE001 - shown by the test
                errors.append(error)
                return

    pages = [threading.Thread(target=page, args=(place,)) for place in range(3)]
    for thread in pages:
        thread.start()
    rounds = 15
    for step in range(rounds):
        pen.metrics(100 + step, {"loss": 1.0})
        assert store.ingest(wait_seconds=10, snapshot=step % 3 == 0) is not None
    stop.set()
    for thread in pages:
        thread.join()
    assert errors == []
    assert all(reads)
    assert count_of(store) == 3 + rounds


def test_an_analyst_who_leaves_a_published_copy_open_gets_out_of_the_way(yard: Yard, store: Store) -> None:
    log_steps(yard)
    store.ingest(snapshot=True)
    held = yard.link.resolve()
    with analyst(yard.link, "write"):
        publish.keep_house(yard, every_seconds=0)
        newer = yard.link.resolve()
        assert newer != held, "in an idle yard too, the newest version is free"
        assert stock_rows(yard.link) == [(1, 3)]
        log_steps(yard)
        store.ingest(wait_seconds=5, snapshot=True)
        assert stock_rows(yard.link) == [(2, 6)]
        for copy in publish.copies(yard.published):
            age(copy.path, 3600)
        publish.prune(yard)
        assert held.exists(), "what somebody holds is not pruned"
    assert held.with_name(held.name + ".wal").exists(), "killed while the version was open read-write"
    publish.prune(yard)
    assert held.exists(), "what has a .wal is not pruned: the analyst's work is in it"
    assert duckdb.connect(str(held)).execute("FROM mine").fetchall() == [(1,)]


def test_an_analyst_who_reads_a_version_keeps_it(yard: Yard, store: Store) -> None:
    log_steps(yard)
    store.ingest(snapshot=True)
    held = yard.link.resolve()
    with analyst(yard.link, "read"):
        for _ in range(3):
            log_steps(yard)
            store.ingest(wait_seconds=5, snapshot=True)
        for copy in publish.copies(yard.published):
            age(copy.path, 3600)
        publish.prune(yard)
        assert held.exists()
    publish.prune(yard)
    assert not held.exists()
    assert len(publish.copies(yard.published)) == publish.KEEP


def test_young_versions_and_the_last_two_are_kept(bare_yard: Yard) -> None:
    yard, store = bare_yard, Store(bare_yard)
    for _ in range(4):
        log_steps(yard)
        store.ingest(wait_seconds=5, snapshot=True)
    assert len(publish.copies(yard.store)) == 4, "younger than a minute"
    for folder in (yard.store, yard.published):
        for copy in publish.copies(folder):
            age(copy.path, 3600)
    publish.prune(yard)
    assert [copy.number for copy in publish.copies(yard.store)] == [3, 4]
    assert store.read("SELECT count(*) AS n FROM runs")["n"][0] == 4


def test_somebody_who_holds_the_store_is_named_and_nothing_is_lost(yard: Yard, store: Store) -> None:
    pen = log_steps(yard)
    store.ingest(snapshot=True)
    with analyst(yard.store_db) as stranger:
        pen.metrics(10, {"loss": 0.5})
        assert store.ingest() is None
        backlog = store.backlog()
        assert backlog.waiting_bytes > 0
        assert str(stranger.pid) in backlog.obstacle
        with pytest.raises(Unavailable, match=str(stranger.pid)):
            store.ingest(wait_seconds=0.2)
        assert store.read("SELECT count(*) AS n FROM metrics")["n"][0] == 3, "snapshots are read all the same"
    assert store.ingest(wait_seconds=5) is not None
    assert count_of(store) == 4
    assert store.backlog().waiting_bytes == 0


def test_a_slow_reader_of_a_snapshot_blocks_nobody(yard: Yard, store: Store) -> None:
    pen = log_steps(yard)
    store.ingest(snapshot=True)
    begun, done = threading.Event(), []

    def slow() -> None:
        begun.set()
        sql = "SELECT count(*) AS n FROM range(40000) a, range(5000) b WHERE (a.range * b.range) % 7 = 1"
        done.append(store.read(sql))

    reader = threading.Thread(target=slow)
    reader.start()
    begun.wait()
    ingests = 0
    while reader.is_alive() and ingests < 3:
        pen.metrics(10 + ingests, {"loss": 0.5})
        assert store.ingest(snapshot=True) is not None
        ingests += 1
    assert store.read("SELECT count(*) AS n FROM metrics")["n"][0] == 3 + ingests
    assert ingests == 3, "three ingests and snapshots, while the reader was still at it"
    reader.join()
    assert len(done) == 1


def test_of_two_ingesters_one_works_and_the_other_goes_on(yard: Yard, store: Store) -> None:
    log_steps(yard)
    with flock(yard.lock, verb="long work"):
        assert store.ingest() is None
        with pytest.raises(Unavailable, match=rf"process {os.getpid()} \(long work, since "):
            store.ingest(wait_seconds=0.05)
    assert store.ingest() is not None


def test_ingesters_in_many_processes_fold_each_event_once(yard: Yard, store: Store) -> None:
    code = """
import sys, time
from pathlib import Path
from runyard.core.paths import Yard
from runyard.store import Store
store = Store(Yard(Path(sys.argv[1])))
deadline = time.monotonic() + 3
while time.monotonic() < deadline:
    store.ingest(snapshot=True)
store.close()
"""
    children = [subprocess.Popen([sys.executable, "-c", code, str(yard.home)]) for _ in range(3)]
    pen = log_steps(yard, 0)
    step = 0
    while any(child.poll() is None for child in children):
        step += 1
        pen.metrics(step, {"loss": 1.0})
        time.sleep(0.005)
    assert [child.wait() for child in children] == [0, 0, 0]
    store.ingest(wait_seconds=5)
    steps = store.live("SELECT step FROM metrics ORDER BY 1")["step"].to_list()
    assert steps == list(range(1, step + 1))


def test_a_store_with_a_wal_is_read_and_its_snapshot_is_whole(yard: Yard, store: Store) -> None:
    log_steps(yard)
    store.ingest(snapshot=True)
    code = """
import os, sys, duckdb
db = duckdb.connect(sys.argv[1], config={"checkpoint_threshold": "1GB"})
db.execute("INSERT INTO settings VALUES (NULL, 'left', 'in the wal')")
os.kill(os.getpid(), 9)
"""
    subprocess.run([sys.executable, "-I", "-c", code, str(yard.store_db)], check=False)
    assert yard.store_db.with_name("live.duckdb.wal").exists()
    left = "SELECT value FROM settings WHERE name = 'left'"
    assert store.live(left)["value"].to_list() == ["in the wal"]
    log_steps(yard)
    store.ingest(wait_seconds=5, snapshot=True)
    assert store.read(left)["value"].to_list() == ["in the wal"]
    assert not yard.store_db.with_name("live.duckdb.wal").exists()


def test_leftovers_of_the_killed_vanish(yard: Yard, store: Store) -> None:
    log_steps(yard)
    leftovers = [
        yard.store / "snapshot-9.duckdb.tmp",
        yard.published / "runyard-9.duckdb.tmp",
        yard.store / "rebuild.duckdb",
        yard.store / "rebuild.duckdb.wal",
    ]
    for path in leftovers:
        path.write_bytes(b"half a file")
        age(path, 3600)
    store.ingest(snapshot=True)
    publish.prune(yard)
    assert [path for path in leftovers if path.exists()] == []


def test_a_version_that_was_copied_but_not_linked_is_linked_by_the_next(yard: Yard, store: Store) -> None:
    log_steps(yard)
    store.ingest(snapshot=True)
    newest = yard.link.resolve()
    yard.link.unlink()
    publish.keep_house(yard, every_seconds=0)
    assert yard.link.resolve() == newest


def test_a_snapshot_that_was_not_published_is_published_by_the_next(yard: Yard, store: Store) -> None:
    log_steps(yard)
    store.ingest(snapshot=True)
    log_steps(yard)
    with flock(yard.store / "publish.lock", verb="publish"):
        store.ingest(wait_seconds=5, snapshot=True)
        assert stock_rows(yard.link) == [(1, 3)]
    publish.keep_house(yard, every_seconds=0)
    assert stock_rows(yard.link) == [(2, 6)]


def newer(yard: Yard) -> None:
    with duckdb.connect(str(yard.store_db)) as db:
        db.execute("INSERT INTO schema_version VALUES (9999, 'future', 'abc', TIMESTAMP '2030-01-01')")


def test_a_yard_of_a_newer_version_is_left_as_it_is(yard: Yard, store: Store) -> None:
    pen = log_steps(yard)
    store.ingest(snapshot=True)
    newer(yard)
    before = yard.store_db.read_bytes()
    pen.metrics(10, {"loss": 0.5})
    for call in (lambda: store.ingest(wait_seconds=1), lambda: store.ingest(replace_views=True), store.rebuild):
        with pytest.raises(Corrupt, match="newer Runyard"):
            call()
    assert yard.store_db.read_bytes() == before
    assert [path.name for path in yard.store.glob("*damaged*")] == []


def test_an_edited_migration_is_refused(yard: Yard, store: Store) -> None:
    store.ingest(replace_views=True)
    with duckdb.connect(str(yard.store_db)) as db:
        db.execute("UPDATE schema_version SET sha256 = 'of another text' WHERE version = 1")
    with pytest.raises(Corrupt, match="edited"):
        store.ingest(replace_views=True)


def test_a_deleted_store_is_made_again_from_journals_open_and_ended(yard: Yard, store: Store) -> None:
    log_steps(yard).journal.close()
    store.ingest(snapshot=True)
    assert [*yard.runs.glob("*/*.jsonl.zst")], "an ended journal is compressed"
    assert not [*yard.runs.glob("*/*.jsonl")]
    (yard.runs / "x").mkdir()
    (yard.runs / "x" / "journal-1-abc.jsonl.zst.tmp").write_bytes(b"\xff\n\xff\n")
    log_steps(yard)
    store.ingest(wait_seconds=5)
    before = tables(store)
    yard.store_db.unlink()
    yard.store_db.with_name("live.duckdb.wal").write_bytes(b"of the deleted one")
    store.ingest(wait_seconds=5)
    assert tables(store) == before
    assert len(before["runs"]) == 2
    assert before["rejected_events"] == []


def test_a_line_larger_than_a_read_in_an_ended_journal_does_not_end_a_rebuild(yard: Yard, store: Store) -> None:
    pen = log_steps(yard)
    pen.emit("notice", message="x" * (17 << 20))
    pen.metrics(9, {"loss": 0.5})
    pen.journal.close()
    store.ingest()
    before = tables(store)
    store.rebuild()
    assert tables(store) == before
    assert len(before["metrics"]) == 4


@pytest.mark.parametrize("damage", [b"", b"no database at all", None])
def test_a_damaged_store_is_set_aside_and_made_again(yard: Yard, store: Store, damage: bytes | None) -> None:
    log_steps(yard)
    store.ingest(snapshot=True)
    before = tables(store)
    data = bytearray(yard.store_db.read_bytes())
    data[4096:20480] = os.urandom(16384)
    yard.store_db.write_bytes(bytes(data) if damage is None else damage)
    log_steps(yard)
    with suppress(Corrupt):  # an empty file is not a store yet: that one is made without a rebuild
        store.ingest(wait_seconds=1)
    store.rebuild()
    after = tables(store)
    assert set(before["runs"]) < set(after["runs"])
    assert len(after["metrics"]) == 6


@pytest.mark.slow
def test_a_rebuild_keeps_settings_and_prices_even_while_pages_read(yard: Yard, store: Store) -> None:
    log_steps(yard)
    store.ingest(snapshot=True)
    with duckdb.connect(str(yard.store_db)) as db:
        db.execute("INSERT INTO settings VALUES ('w', 'name', 'value')")
    stop = threading.Event()

    def page() -> None:
        while not stop.is_set():
            try:
                count_of(store)
            except RunyardError:
                continue

    reader = threading.Thread(target=page)
    reader.start()
    try:
        for _ in range(3):
            store.rebuild()
    finally:
        stop.set()
        reader.join()
    assert store.live("SELECT value FROM settings")["value"].to_list() == ["value"]
    assert not [*yard.store.glob("*damaged*")]


@pytest.mark.slow
def test_a_rebuild_waits_for_nobody_who_holds_the_store(yard: Yard, store: Store) -> None:
    log_steps(yard)
    store.ingest(snapshot=True)
    before = yard.store_db.stat().st_ino
    with analyst(yard.store_db), pytest.raises(Unavailable, match="held by process"):
        store.rebuild()
    assert yard.store_db.stat().st_ino == before
    assert not [*yard.store.glob("*damaged*")]


def test_two_relations_in_one_process_beside_the_pages(yard: Yard, store: Store) -> None:
    log_steps(yard)
    store.ingest(snapshot=True)
    store.read("FROM runs")
    first = store.relation("SELECT count(*) FROM metrics")
    second = store.relation("SELECT count(*) FROM metrics")
    log_steps(yard)
    store.ingest(wait_seconds=5, snapshot=True)
    assert (first.fetchall(), second.fetchall()) == ([(3,)], [(3,)])
    assert store.relation("SELECT count(*) FROM metrics").fetchall() == [(6,)]


def test_whoever_opens_a_yard_twice_in_one_process_shares_the_lease(yard: Yard, store: Store) -> None:
    """As a script does that logs a run and launches or queries others: the first is writing when the second looks."""
    log_steps(yard)
    store.ingest(snapshot=True, replace_views=True)
    second = Store(yard)
    lease = shared_lease(yard.store_db)
    inside, over = threading.Event(), threading.Event()

    def write() -> None:
        with lease.writing() as cursor:
            cursor.execute("INSERT INTO settings VALUES ('w', 'n', 'v')")
            inside.set()
            over.wait(1.0)

    writer = threading.Thread(target=write)
    writer.start()
    assert inside.wait(5)
    assert second.read("FROM runs").height == store.read("FROM runs").height == 1
    assert second.live("FROM settings").height == 1, "it waited for the writer"
    over.set()
    writer.join()
    lease.close()
    second.close()
    assert store.live("FROM runs").height == store.read("FROM runs").height == 1, "the first goes on"


def test_a_copy_that_fails_is_said_and_not_taken_for_somebody_elses(yard: Yard, store: Store) -> None:
    store.ingest(snapshot=True)
    (yard.store / "snapshot-99.duckdb").mkdir()
    with flock(yard.store / "publish.lock", verb="publish"):
        assert publish.publish(yard) is None, "somebody else is publishing"
    with pytest.raises(Unavailable, match="snapshot-99"):
        publish.publish(yard)


def test_locks_that_cannot_be_asked_for_are_said(yard: Yard, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = yard.home / "broken.py"
    broken.write_text("raise SystemExit('no such call')")
    monkeypatch.setattr(publish.locked_files, "__file__", str(broken))
    with pytest.raises(Unavailable, match="no such call"):
        publish.locks([yard.store_db])
    publish.keep_house(yard, every_seconds=0)
