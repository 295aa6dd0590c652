"""Ended journals: compressed whole, read back whole, and a damaged one is named instead of read in part."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from runyard.core.errors import Corrupt
from runyard.core.journal import Journal
from runyard.core.paths import Yard
from runyard.store.journals import compress_ended, read_chunk

NAME = "events/a.jsonl"


@pytest.fixture
def yard(tmp_path: Path) -> Yard:
    return Yard(tmp_path)


def whole(yard: Yard) -> bytes:
    parts, offset = [], 0
    while chunk := read_chunk(yard, NAME, offset):
        parts.append(chunk.data)
        offset += len(chunk.data)
    return b"".join(parts)


def written(yard: Yard) -> bytes:
    journal = Journal(yard.home / NAME)
    for number in range(2000):
        journal.write({"k": "notice", "number": number, "noise": os.urandom(16).hex()})
    journal.close()
    return (yard.home / NAME).read_bytes()


def test_a_compressed_journal_reads_like_the_open_one(yard: Yard) -> None:
    data = written(yard)
    assert whole(yard) == data
    assert compress_ended(yard, NAME, len(data))
    assert not (yard.home / NAME).exists()
    assert whole(yard) == data


def test_a_journal_is_left_alone_while_its_writer_lives_or_lines_wait(yard: Yard) -> None:
    data = written(yard)
    assert not compress_ended(yard, NAME, len(data) // 2)
    journal = Journal(yard.home / NAME)
    assert not compress_ended(yard, NAME, len(data))
    journal.close()
    assert compress_ended(yard, NAME, len(data))


def test_a_journal_that_somebody_else_compressed_is_done(yard: Yard) -> None:
    journal = Journal(yard.events / "hand.jsonl")
    journal.write({"k": "notice"})
    size = journal.path.stat().st_size
    journal.close()
    assert compress_ended(yard, "events/hand.jsonl", size)
    assert compress_ended(yard, "events/hand.jsonl", size)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.999])
def test_a_cut_journal_is_named(yard: Yard, share: float) -> None:
    data = written(yard)
    compress_ended(yard, NAME, len(data))
    path = yard.home / f"{NAME}.zst"
    packed = path.read_bytes()
    path.write_bytes(packed[: int(len(packed) * share)])
    with pytest.raises(Corrupt, match=NAME):
        whole(yard)
