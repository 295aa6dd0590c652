"""Which journals of a yard have something new: found by folder times, so that a tick over 1,000 runs is cheap."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import zstandard

from runyard.core.errors import Corrupt
from runyard.core.paths import Yard
from runyard.store.lines import Chunk

READ_BYTES = 16 << 20
_ZSTD_HEADER_BYTES = 18
_ENDS = (".jsonl", ".jsonl.zst")
_GRAIN_NS = 100_000_000  # a folder that changed within the clock's grain may change again unseen: look once more


@dataclass
class Journals:
    """The open journals of a yard, as this process last saw them. Ended ones are compressed and no longer listed."""

    yard: Yard
    _seen: dict[str, tuple[int, list[str]]] = field(default_factory=dict)

    def sizes(self) -> dict[str, int]:
        """Return the bytes of each open journal, keyed by its path inside the yard."""
        home = f"{self.yard.home}/"
        found: dict[str, int] = {}
        for folder, modified_ns in self._folders():
            seen = self._seen.get(folder)
            if seen is None or seen[0] != modified_ns:
                names = [f"{folder}/{name}" for name in _listdir(home + folder) if name.endswith(".jsonl")]
                seen = (modified_ns, names)
                if time.time_ns() - modified_ns > _GRAIN_NS:
                    self._seen[folder] = seen
            for journal in seen[1]:
                try:
                    found[journal] = os.stat(home + journal).st_size
                except FileNotFoundError:
                    self._seen.pop(folder, None)
        return found

    def _folders(self) -> Iterable[tuple[str, int]]:
        try:
            yield "events", os.stat(self.yard.events).st_mtime_ns
            with os.scandir(self.yard.runs) as entries:
                for entry in entries:
                    if entry.is_dir():
                        yield "runs/" + entry.name, entry.stat().st_mtime_ns
        except FileNotFoundError:
            return

    def all_names(self) -> list[str]:
        """Return every journal ever written here, ended ones included, by the name it had when it was open."""
        paths = [
            path for end in _ENDS for path in (*self.yard.events.glob(f"*{end}"), *self.yard.runs.glob(f"*/*{end}"))
        ]
        return sorted({str(path.relative_to(self.yard.home)).removesuffix(".zst") for path in paths})


def read_chunk(yard: Yard, journal: str, offset: int) -> Chunk | None:
    """Return the finished lines after an offset, at most 16 MiB of them, or None when there are none.

    A torn tail stays behind: its writer is still at it, or died in the middle of a line.

    Raises:
        Corrupt: the journal was compressed and damaged since.
    """
    path = f"{yard.home}/{journal}"
    try:
        try:
            with open(path, "rb", buffering=0) as file:
                data = _read_from(file, offset, os.fstat(file.fileno()).st_size)
        except FileNotFoundError:
            with zstandard.open(f"{path}.zst", "rb") as file:
                data = _read_from(file, offset, offset + READ_BYTES)
            if len(data) < READ_BYTES:
                _refuse_cut(Path(f"{path}.zst"), offset + len(data))
    except zstandard.ZstdError as error:
        raise Corrupt(
            f"The journal {journal}.zst is damaged: {error}.",
            hint="Bring it back from a backup; or move it away, and the tables can be made without its events.",
        ) from error
    end = data.rfind(b"\n") + 1
    return Chunk(journal, offset, data[:end]) if end else None


def _read_from(file: BinaryIO, offset: int, end: int) -> bytes:
    """Return what is between two places, READ_BYTES of it or as much more as a whole line takes."""
    file.seek(offset)
    data = file.read(min(READ_BYTES, max(0, end - offset)))
    while data and b"\n" not in data and (more := file.read(READ_BYTES)):
        data += more
    return data


def count_lines(yard: Yard, journal: str, offset: int) -> int:
    """Return the number of finished lines after an offset of an open journal."""
    count = 0
    try:
        with (yard.home / journal).open("rb") as file:
            file.seek(offset)
            while data := file.read(READ_BYTES):
                count += data.count(b"\n")
    except FileNotFoundError:  # it has ended and was compressed, so it is in the tables
        pass
    return count


def _refuse_cut(compressed: Path, bytes_read: int) -> None:
    """Raise ZstdError when a compressed journal ends before its own header says: a cut one reads without an error."""
    with compressed.open("rb") as file:
        whole = zstandard.frame_content_size(file.read(_ZSTD_HEADER_BYTES))
    if bytes_read < whole:
        raise zstandard.ZstdError(f"{bytes_read} of {whole} bytes are there")


def compress_ended(yard: Yard, journal: str, folded_bytes: int) -> bool:
    """Compress a journal that is wholly in the tables and whose writer is gone; returns whether it is compressed now.

    The writer holds a shared lock for as long as it lives, so getting the exclusive one proves that it ended. What it
    left of a torn last line is kept, and stays unread.
    """
    path = yard.home / journal
    try:
        file = path.open("rb")
    except FileNotFoundError:  # somebody else did it, between our look at the folder and our turn
        return True
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        file.seek(folded_bytes)
        if b"\n" in file.read():
            return False
        file.seek(0)
        written = os.fstat(file.fileno())
        temporary = path.with_name(path.name + ".zst.tmp")
        with temporary.open("wb") as target:
            zstandard.ZstdCompressor().copy_stream(file, target, size=written.st_size)
            target.flush()
            os.fsync(target.fileno())
        os.utime(temporary, ns=(written.st_atime_ns, written.st_mtime_ns))  # a lost run's last sign of life
        temporary.replace(path.with_name(path.name + ".zst"))
        path.unlink()
    return True


def _listdir(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except FileNotFoundError:
        return []
