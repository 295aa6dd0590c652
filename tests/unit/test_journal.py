"""The journal: one line an event, non-finite numbers as they are, nothing lost to a full disk or a race."""

from __future__ import annotations

import errno
import json
import math
import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import numpy as np
import orjson
import pytest

from runyard.core.journal import Journal, RunJournal, encode
from runyard.core.paths import Yard
from runyard.store.journals import compress_ended

RUN = UUID("0198a3c0-0000-7000-8000-000000000001")


def test_numbers_that_are_not_finite_are_bare_literals() -> None:
    line = encode({"a": math.nan, "b": math.inf, "c": [-math.inf], "d": np.float32("nan")})
    assert line == b'{"a":NaN,"b":Infinity,"c":[-Infinity],"d":NaN}\n'


def test_the_word_null_in_a_text_changes_nothing() -> None:
    event = {"message": 'null "null"\n', "none": None, "path": Path("a/b"), "id": RUN, "numbers": (1, 2.5)}
    assert json.loads(encode(event)) == {**event, "path": "a/b", "id": str(RUN), "numbers": [1, 2.5]}


@pytest.mark.parametrize("value", [np.float64(0.5), np.float32(0.5), np.int64(3), np.bool_(True), np.arange(3)])
@pytest.mark.parametrize("beside", [0.25, math.nan])
def test_numpy_values_are_numbers_with_and_without_a_nan_beside_them(value: object, beside: float) -> None:
    read = json.loads(encode({"value": value, "beside": beside}))
    assert read["value"] == value.tolist()  # type: ignore[attr-defined]


@pytest.mark.parametrize("beside", [0.25, math.nan])
@pytest.mark.parametrize("value", [object(), {"a": object()}, "\ud800", 1 << 70])
def test_what_has_no_form_in_json_is_a_type_error(value: object, beside: float) -> None:
    with pytest.raises(TypeError):
        encode({"value": value, "beside": beside})


def test_a_line_is_one_event_whatever_it_holds(tmp_path: Path) -> None:
    pen = RunJournal(Journal(tmp_path / "j.jsonl"), RUN, 2)
    pen.emit("notice", message="two\nlines\r\n\u2028\0", nothing=None)
    pen.metrics(3, {"loss": math.nan}, epoch=0.5)
    pen.epoch(1, val_loss=0.5, metrics={"f1": 0.25})
    pen.journal.close()
    lines = (tmp_path / "j.jsonl").read_bytes().split(b"\n")
    assert lines[-1] == b""
    notice, metrics, epoch = (json.loads(line) for line in lines[:-1])
    assert notice["message"] == "two\nlines\r\n\u2028\0"
    assert "nothing" not in notice
    assert (metrics["k"], metrics["run"], metrics["attempt"], metrics["step"]) == ("metrics", str(RUN), 2, 3)
    assert epoch["metrics"] == [{"name": "f1", "value": 0.25}]


def test_threads_and_processes_may_share_a_file(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j.jsonl")

    def write(name: str) -> None:
        for number in range(500):
            journal.write({"name": name, "number": number, "text": "x" * 100})

    threads = [threading.Thread(target=write, args=(f"thread {place}",)) for place in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    journal.close()
    events = [json.loads(line) for line in (tmp_path / "j.jsonl").read_bytes().splitlines()]
    assert len(events) == 2000
    assert {event["number"] for event in events if event["name"] == "thread 3"} == set(range(500))


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def test_a_full_disk_raises_and_every_event_comes_later_once(tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    journal = Journal(path)
    with files_of_at_most(130):
        journal.write({"n": 0, "text": "x" * 80})
        for number in (1, 2, 3):
            with pytest.raises(OSError, match=r"large|space"):
                journal.write({"n": number, "text": "x" * 80})
    journal.write({"n": 4, "text": "x" * 80})
    journal.close()
    whole = []
    for line in path.read_bytes().splitlines():
        try:
            whole.append(json.loads(line)["n"])
        except ValueError:
            assert line.startswith(b'{"n":1,'), "only the line on which the disk became full may be torn"
    assert whole == [0, 1, 2, 3, 4]


def test_what_was_abandoned_never_comes(tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    journal = Journal(path)
    with files_of_at_most(20), pytest.raises(OSError, match=r"large|space"):
        journal.write({"n": 1, "text": "x" * 80})
    journal.abandon()
    assert b"\n" not in path.read_bytes()


def test_a_journal_opened_while_an_ingest_puts_it_away_is_still_read(tmp_path: Path) -> None:
    """The moment between making the file and locking it belongs to whoever compresses ended journals."""
    yard = Yard(tmp_path)
    yard.create()
    stop = threading.Event()

    def tidy() -> None:
        while not stop.is_set():
            for path in yard.events.glob("*.jsonl"):
                try:
                    compress_ended(yard, f"events/{path.name}", 0)
                except FileNotFoundError:
                    continue

    tidier = threading.Thread(target=tidy)
    tidier.start()
    try:
        for number in range(300):
            journal = Journal(yard.events / f"{number}.jsonl")
            journal.write({"n": number})
            assert (yard.events / f"{number}.jsonl").read_bytes() == b'{"n":%d}\n' % number
            journal.close()
    finally:
        stop.set()
        tidier.join()


_WRITER = """
import os, sys
from pathlib import Path
from runyard.core.journal import Journal
journal = Journal(Path(sys.argv[1]))
print("ready", flush=True)
number = 0
while True:
    journal.write({"n": number, "text": "x" * 200})
    number += 1
"""


def test_a_killed_writer_leaves_whole_lines_in_order(tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    child = subprocess.Popen([sys.executable, "-c", _WRITER, str(path)], stdout=subprocess.PIPE)
    assert child.stdout is not None
    assert child.stdout.readline() == b"ready\n"
    while path.stat().st_size < 500_000:
        assert child.poll() is None
    child.kill()
    child.wait()
    child.stdout.close()
    data = path.read_bytes()
    numbers = [json.loads(line)["n"] for line in data[: data.rfind(b"\n") + 1].splitlines()]
    assert numbers == list(range(len(numbers)))
    assert len(numbers) > 2000


def test_closing_twice_and_writing_after_it(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j.jsonl")
    journal.close()
    journal.close()
    with pytest.raises(OSError, match="descriptor"):
        journal.write({"n": 1})
    assert os.listdir(tmp_path) == ["j.jsonl"]


def test_a_line_that_a_full_disk_kept_back_outlives_a_write_of_another_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(tmp_path / "a.jsonl")
    real, under_way, refused = os.write, threading.Event(), threading.Event()

    def write(descriptor: int, line: bytes) -> int:
        if b"refused" in line and not refused.is_set():
            refused.set()
            raise OSError(errno.ENOSPC, "full")
        if b"slow" in line:
            under_way.set()
            refused.wait(0.3)
        return real(descriptor, line)

    monkeypatch.setattr(os, "write", write)
    slow = threading.Thread(target=journal.write, args=({"k": "slow"},))
    slow.start()
    under_way.wait(5)
    with pytest.raises(OSError, match="full"):
        journal.write({"k": "refused"})
    slow.join()
    journal.flush()
    journal.close()

    assert sorted(orjson.loads(line)["k"] for line in journal.path.read_bytes().splitlines()) == ["refused", "slow"]
