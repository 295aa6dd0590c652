"""Schema: forward-only migrations, then macros, comments and views, replaced when the text of one differs.

An old program never touches the schema of a newer one: it stops with an error, and its events wait.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from itertools import takewhile
from pathlib import Path

import duckdb

from runyard.core.clock import now
from runyard.core.errors import Corrupt
from runyard.core.paths import resource
from runyard.store import comments
from runyard.store.lease import transaction
from runyard.store.statements import execute

CODE_VERSION = version("runyard")
_COLUMNS = """
SELECT table_name, column_name, comment
FROM duckdb_columns()
WHERE database_name = current_database() AND NOT internal
ORDER BY table_name, column_index
"""


@dataclass(frozen=True)
class Source:
    """A file of SQL: its name, its text and the sha256 of the text."""

    name: str
    text: str

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def comment(self) -> str:
        """The header comment, as one line."""
        head = takewhile(lambda line: line.startswith("--"), self.text.splitlines())
        return " ".join(line.removeprefix("--").removeprefix(" ") for line in head)


def _read(path: Path) -> Source:
    return Source(path.stem, path.read_text(encoding="utf-8"))


@cache
def migrations() -> tuple[tuple[int, Source], ...]:
    """Return (version, source) of every file in `sql/schema`, oldest first."""
    files = sorted((resource("sql") / "schema").glob("[0-9]*.sql"))
    return tuple((int(path.stem.split("_")[0]), _read(path)) for path in files)


@cache
def views() -> tuple[Source, ...]:
    """Return every view file, lower floors first."""
    floors = sorted((resource("sql") / "views").iterdir())
    return tuple(_read(path) for floor in floors for path in sorted(floor.glob("*.sql")))


def migrate(cursor: duckdb.DuckDBPyConnection, done: Mapping[int, str], *, replace_views: bool) -> bool:
    """Bring the attached store to this code's schema, in one transaction; returns whether anything changed.

    Args:
        done: what `applied` says of the store.
        replace_views: also replace macros and views whose text differs (never from a runner).

    Raises:
        Corrupt: a newer version wrote the store, or an applied migration was edited.
    """
    changed = False
    refuse_newer(done)
    if not replace_views and done == {number: source.sha256 for number, source in migrations()}:
        return False
    with transaction(cursor):
        for number, source in migrations():
            if number in done:
                if done[number] != source.sha256:
                    raise Corrupt(
                        f"Migration {source.name} was edited after it was applied.",
                        hint="Put the old text back and add a new migration.",
                    )
                continue
            cursor.execute(source.text)
            cursor.execute(
                "INSERT INTO schema_version VALUES (?, ?, ?, ?)", [number, source.name, source.sha256, now()]
            )
            changed = True
        if changed or replace_views:
            changed |= _replace_sources(cursor)
    return changed


def applied(cursor: duckdb.DuckDBPyConnection) -> dict[int, str]:
    """Return the sha256 of each migration that the attached database has, none when it is no store."""
    try:
        return dict(execute(cursor, "SELECT version, sha256 FROM schema_version").fetchall())
    except duckdb.CatalogException:
        return {}


def refuse_newer(versions: Mapping[int, str]) -> None:
    """Raise Corrupt when migrations were applied that this code does not know."""
    newest = migrations()[-1][0]
    if versions and max(versions) > newest:
        raise Corrupt(
            f"This yard was written by a newer Runyard (schema {max(versions)}, this one knows {newest}).",
            hint="Update Runyard; nothing was changed, and runs of this version keep their events in journals.",
        )


def _replace_sources(cursor: duckdb.DuckDBPyConnection) -> bool:
    """Replace macros and views whose text differs, unless a newer Runyard put them there."""
    stored = {name: (sha, code) for name, sha, code in cursor.execute("FROM sources").fetchall()}
    first = [_read(resource("sql") / name) for name in ("macros.sql", "comments.sql")]
    wanted = [*first, *views()]
    if any(_parts(code) > _parts(CODE_VERSION) for _, code in stored.values()):
        return False
    stale = any(stored.get(source.name, ("", ""))[0] != source.sha256 for source in wanted)
    gone = set(stored) - {source.name for source in wanted}
    if not stale and not gone:
        return False
    for name in gone:
        cursor.execute(f'DROP VIEW IF EXISTS "{name}"')
    with _unoptimized(cursor):
        for source in first:
            cursor.execute(source.text)
        for view in views():
            cursor.execute(f'CREATE OR REPLACE VIEW "{view.name}" AS {view.text}')
        cursor.execute("\n".join(_comments_on_views(cursor)))
    # What the old texts have worked out; until it is kept anew, the views work it out themselves.
    cursor.execute("DELETE FROM kept_curve_facts")
    cursor.execute("DELETE FROM kept_metric_facts")
    cursor.execute("DELETE FROM sources")
    for source in wanted:
        cursor.execute("INSERT INTO sources VALUES (?, ?, ?)", [source.name, source.sha256, CODE_VERSION])
    return True


@contextmanager
def _unoptimized(cursor: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Spare many small statements the optimizer, which has nothing to do there; what comes after has it again."""
    cursor.execute("PRAGMA disable_optimizer")
    try:
        yield
    finally:
        cursor.execute("PRAGMA enable_optimizer")


def _comments_on_views(cursor: duckdb.DuckDBPyConnection) -> Iterator[str]:
    columns: dict[str, dict[str, str | None]] = {}
    for table, column, comment in cursor.execute(_COLUMNS).fetchall():
        columns.setdefault(table, {})[column] = comment
    found = comments.of_views([(view.name, view.text) for view in views()], columns)
    for view in views():
        yield f'COMMENT ON VIEW "{view.name}" IS {_string(view.comment)};'
        for column, comment in found[view.name].items():
            if comment is not None:
                yield f'COMMENT ON COLUMN "{view.name}"."{column}" IS {_string(comment)};'


def _string(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _parts(code_version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", code_version))
