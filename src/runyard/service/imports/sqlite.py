"""Other tools' SQLite files, read without changing them, up to what is damaged."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from runyard.core.errors import Corrupt

_HEAD = b"SQLite format 3\0"


@dataclass
class Database:
    """An open file; `damages` collects what could not be read."""

    path: Path
    connection: sqlite3.Connection
    damages: list[str] = field(default_factory=list)

    def rows(self, sql: str, *, needed: tuple[str, ...] = ()) -> list[dict[str, Any]]:
        """Return the rows of a SELECT as far as they can be read, without those that lack what they need."""
        found: list[dict[str, Any]] = []
        try:
            cursor = self.connection.execute(sql)
            names = [column[0] for column in cursor.description]
            for row in cursor:
                found.append(dict(zip(names, row, strict=True)))
        except (sqlite3.Error, UnicodeDecodeError) as error:
            table = sql.partition("FROM ")[2].split()[0]
            said = (
                f"the table {table} cannot be read beyond row {len(found)} ({error}); what stands before was imported."
            )
            self.damages.append(f"{self.path.name}: {said}")
        whole = [row for row in found if all(row[name] is not None for name in needed)]
        if len(whole) < len(found):
            self.damages.append(f"{self.path.name}: {len(found) - len(whole)} damaged rows were left out.")
        return whole

    def tables(self) -> set[str]:
        return {row["name"] for row in self.rows("SELECT name FROM sqlite_master WHERE type = 'table'")}


def is_sqlite(path: Path) -> bool:
    """Return whether a file is an SQLite database by its first bytes."""
    with path.open("rb") as file:
        return file.read(len(_HEAD)) == _HEAD


@contextmanager
def opened(path: Path) -> Iterator[Database]:
    """Open a file for reading alone.

    Raises:
        Corrupt: it is no SQLite file, or damaged from its beginning.
    """
    if not is_sqlite(path):
        raise Corrupt(f"{path} is no SQLite file, or its beginning is damaged.", hint="Nothing of it can be imported.")
    # With its log beside it the file is read as its writer sees it; alone, it needs no lock and no writable folder.
    has_log = path.with_name(path.name + "-wal").exists()
    missing = 0 if has_log else _missing_bytes(path)
    with _padded(path, missing) as file:
        options = "mode=ro" if has_log else "mode=ro&immutable=1"
        with closing(sqlite3.connect(f"{file.resolve().as_uri()}?{options}", uri=True)) as connection:
            db = Database(path, connection)
            if missing:
                db.damages.append(f"{path.name} is cut: {missing} bytes are missing; what can be read was imported.")
            yield db


@contextmanager
def _padded(path: Path, missing: int) -> Iterator[Path]:
    """Yield a file, or a copy of a cut one in full length: SQLite reads nothing of a file that is too short."""
    if not missing:
        yield path
        return
    with TemporaryDirectory() as folder:
        copy = Path(shutil.copy(path, folder))
        size = copy.stat().st_size
        os.truncate(copy, size - size % _page_bytes(path))  # half a page holds halves of numbers
        os.truncate(copy, size + missing)
        yield copy


def _missing_bytes(path: Path) -> int:
    """Return how many bytes fewer a file has than the pages that its head counts."""
    with path.open("rb") as file:
        head = file.read(100)
    if len(head) < 100:
        return 100 - len(head)
    pages = int.from_bytes(head[28:32], "big") if head[24:28] == head[92:96] else 0
    return max(0, _page_bytes(path) * pages - path.stat().st_size)


def _page_bytes(path: Path) -> int:
    with path.open("rb") as file:
        size = int.from_bytes(file.read(18)[16:], "big")
    return 65536 if size <= 1 else size
