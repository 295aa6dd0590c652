"""A disk that is full for a moment is waited for, not for ever, and nothing else is."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from runyard.train import patience
from runyard.train.patience import PatientJournal, with_room


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte; making one needs root."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(tmp_path)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("a small file system needs root")
    yield tmp_path
    subprocess.run(["umount", "-l", str(tmp_path)], check=True)


def fill(folder: Path) -> Path:
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"\0" * 4096)
    assert os.statvfs(folder).f_bavail == 0
    return ballast


def test_a_journal_goes_on_when_there_is_room_again(small_disk: Path) -> None:
    journal = PatientJournal(small_disk / "journal.jsonl")
    ballast = fill(small_disk)
    threading.Timer(0.5, ballast.unlink).start()
    began = time.monotonic()
    for number in range(200):
        journal.write({"k": "notice", "number": number, "filler": "x" * 100})
    assert time.monotonic() - began > 0.4
    journal.close()
    lines = [line for line in (small_disk / "journal.jsonl").read_bytes().splitlines() if line.endswith(b"}")]
    numbers = [json.loads(line)["number"] for line in lines if line.startswith(b"{")]
    assert numbers == list(range(200)), "each event is there once"


def test_patience_ends(small_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "WAIT_SECONDS", 0.5)
    fill(small_disk)
    with pytest.raises(OSError, match="No space") as caught:
        with_room(lambda: (small_disk / "more").write_bytes(b"x" * 10_000), small_disk)
    assert caught.value.errno == errno.ENOSPC


def test_what_is_no_want_of_room_is_not_waited_for(tmp_path: Path) -> None:
    began = time.monotonic()
    with pytest.raises(FileNotFoundError):
        with_room(lambda: (tmp_path / "nowhere" / "file").write_text("x"), tmp_path)
    assert time.monotonic() - began < 1
