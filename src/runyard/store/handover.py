"""What leaves the yard as files, and what another yard's handover has that this one lacks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Any

import duckdb
import orjson

from runyard.core.errors import Corrupt, Invalid, Problem
from runyard.core.paths import Yard, resource
from runyard.store.lease import quoted, translated
from runyard.store.migrate import applied, migrations, refuse_newer
from runyard.store.snapshots import private_connection

_EVENT_TABLES = ("run_events", "training_epochs", "metrics", "histograms", "recorded_events")
_ROWS_AT_ONCE = 10_000
_NAMES = "SELECT table_name FROM information_schema.tables WHERE table_catalog = 'yard' ORDER BY table_name"
_THEIR_TABLES = "SELECT table_name FROM duckdb_tables() WHERE database_name = 'theirs'"


class FileKind(StrEnum):
    """How a table is written to a file."""

    parquet = "parquet"
    csv = "csv"
    arrow = "arrow"


def write_tables(yard: Yard, names: list[str], folder: Path, kind: FileKind) -> dict[Path, int]:
    """Write tables and views of the newest snapshot, each to a file of its name; returns the rows of each file.

    Args:
        names: which; all of them if empty.

    Raises:
        NotFound: the yard has no data yet.
        Invalid: a name is none of a table or view.
        OSError: the folder cannot be written.
    """
    with private_connection(yard) as duck:
        known = [name for (name,) in duck.execute(_NAMES).fetchall()]
        problems = [
            Problem("name", f"{name!r} is no table or view", tuple(known)) for name in names if name not in known
        ]
        if problems:
            raise Invalid("What shall be exported is not there.", problems=problems)
        folder.mkdir(parents=True, exist_ok=True)
        return {(path := folder / f"{name}.{kind}"): _write(duck, name, path, kind) for name in names or known}


def _write(duck: duckdb.DuckDBPyConnection, name: str, path: Path, kind: FileKind) -> int:
    temporary = path.with_name(path.name + ".tmp")
    try:
        if kind is FileKind.arrow:
            rows = _write_arrow(duck, name, temporary)
        else:
            options = "FORMAT parquet, COMPRESSION zstd" if kind is FileKind.parquet else "FORMAT csv, HEADER"
            (rows,) = duck.execute(f'COPY (FROM "{name}") TO {quoted(temporary)} ({options})').fetchone() or (0,)
        temporary.replace(path)
    except duckdb.Error as error:
        raise translated(error, path) from error
    finally:
        temporary.unlink(missing_ok=True)
    return int(rows)


def _write_arrow(duck: duckdb.DuckDBPyConnection, name: str, path: Path) -> int:
    import pyarrow as pa

    reader = duck.sql(f'FROM "{name}"').to_arrow_reader(_ROWS_AT_ONCE)
    rows = 0
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, reader.schema) as writer:
        for batch in reader:
            writer.write_batch(batch)
            rows += batch.num_rows
    return rows


def missing_events(yard: Yard, handover: Path) -> Iterator[dict[str, Any] | str]:
    """Yield what another yard's database has and this yard's newest snapshot lacks: events, or lines as they were.

    Raises:
        NotFound: this yard has no data yet.
        Corrupt: the file is none of a yard, is damaged, or a newer version wrote it.
    """
    with _both(yard, handover) as duck:
        for name in ("run_events", "epochs", "metrics", "histograms", "recorded_events"):
            statement = (resource("sql") / "merge" / f"{name}.sql").read_text(encoding="utf-8")
            try:
                found = duck.execute(statement)
                columns = [column[0] for column in found.description or ()]
                while rows := found.fetchmany(_ROWS_AT_ONCE):
                    for row in rows:
                        yield row[0] if name == "run_events" else _event(columns, row)
            except duckdb.Error as error:
                raise _unreadable(error, handover) from error


@contextmanager
def _both(yard: Yard, handover: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open both files; theirs is a stranger's, so its views are never read and nothing outside can be."""
    with private_connection(yard) as duck:
        try:
            duck.execute(f"ATTACH {quoted(handover)} AS theirs (READ_ONLY)")
        except duckdb.Error as error:
            raise _unreadable(error, handover) from error
        duck.execute("SET enable_external_access = false")
        duck.execute("SET lock_configuration = true")
        tables = {name for (name,) in duck.execute(_THEIR_TABLES).fetchall()}
        if not tables.issuperset((*_EVENT_TABLES, "schema_version")):
            raise Corrupt(
                f"{handover.name} is no handover of a yard: it has not the tables {', '.join(_EVENT_TABLES)}.",
                hint="Make one with `runyard export --handover FILE`, or take a published runyard.duckdb.",
            )
        duck.execute("USE theirs")
        versions = applied(duck)
        duck.execute("USE yard")
        refuse_newer(versions)
        if set(versions) != {number for number, _ in migrations()}:
            raise Corrupt(
                f"{handover.name} was written by an older Runyard (schema {max(versions, default=0)}).",
                hint="Open its yard with this version once, then export it again.",
            )
        yield duck


def _unreadable(error: duckdb.Error, handover: Path) -> Corrupt:
    return Corrupt(
        f"{handover.name} cannot be read: {str(error).splitlines()[0]}",
        hint="Is it the whole file? Make it again with `runyard export --handover FILE`.",
    )


def _event(columns: list[str], row: tuple[Any, ...]) -> dict[str, Any]:
    event = {name: value for name, value in zip(columns, row, strict=True) if value is not None}
    return {**orjson.loads(event.pop("body", "{}")), **event}
