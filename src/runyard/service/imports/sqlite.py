"""Other tools' SQLite files, read without changing them, up to what is damaged."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from runyard.core.errors import Corrupt

_HEAD = b"SQLite format 3\0"


@dataclass
class Database:
    """An open file; `damages` collects what could not be read."""

    path: Path
    connection: sqlite3.Connection
    damages: list[str] = field(default_factory=list)

    def rows(self, sql: str) -> list[dict[str, Any]]:
        """Return the rows of a SELECT as far as they can be read."""
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
        return found

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
    options = "mode=ro" if has_log else "mode=ro&immutable=1"
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?{options}", uri=True)) as connection:
        db = Database(path, connection)
        if not has_log and (missing := _missing_bytes(path)):
            db.damages.append(f"{path.name} is cut: {missing} bytes are missing; what is there was imported.")
        yield db


def _missing_bytes(path: Path) -> int:
    """Return how many bytes fewer a file has than the pages that its head counts."""
    with path.open("rb") as file:
        head = file.read(100)
    if len(head) < 100:
        return 100 - len(head)
    page = int.from_bytes(head[16:18], "big")
    pages = int.from_bytes(head[28:32], "big") if head[24:28] == head[92:96] else 0
    return max(0, (65536 if page == 1 else page) * pages - path.stat().st_size)
