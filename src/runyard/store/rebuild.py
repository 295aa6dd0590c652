"""Making the run tables again from the journals, beside the store, so that a failure leaves the old one as it was.

A new yard's store is made the same way: it gets its name only when it is whole.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import duckdb

from runyard.core.clock import now
from runyard.core.errors import Corrupt, NotFound
from runyard.core.paths import Yard
from runyard.store.fold import Folded, fold_behind, fold_journals, keep_facts
from runyard.store.journals import Journals
from runyard.store.lease import Lease
from runyard.store.migrate import applied, migrate, refuse_newer

if TYPE_CHECKING:
    import pyarrow as pa

KEPT_TABLES = ("settings", "prices", "presets")  # the control plane: no journal holds these


def rebuild(yard: Yard, lease: Lease) -> Folded:
    """Build a new store from all journals and put it in the place of the old one; the caller holds the flock.

    A store that cannot be read is kept beside as `live.duckdb.damaged-<time>`.

    Raises:
        Corrupt: a newer version wrote the store; it is left as it is.
        Unavailable: somebody holds the store, or the disk is full.
    """
    drop_leftovers(yard)
    kept = _control_plane(lease)
    builder = Lease(yard.store / "rebuild.duckdb")
    try:
        with builder.writing() as cursor:
            migrate(cursor, {}, replace_views=True)
            for table, rows in (kept or {}).items():
                cursor.register("kept", rows)
                cursor.execute(f"DELETE FROM {table}")
                cursor.execute(f"INSERT INTO {table} BY NAME FROM kept")
                cursor.unregister("kept")
            journals = Journals(yard)
            folded = fold_journals(cursor, yard, dict.fromkeys(journals.all_names(), math.inf) | journals.sizes())
            fold_behind(cursor, yard, ended=True)
            while keep_facts(cursor, yard):
                pass
    finally:
        builder.close()
    with lease.alone():
        if yard.store_db.exists() and kept is None:
            yard.store_db.rename(yard.store_db.with_name(f"live.duckdb.damaged-{now():%Y%m%dT%H%M%S%f}"))
        yard.store_db.with_name("live.duckdb.wal").unlink(missing_ok=True)
        builder.path.replace(yard.store_db)
    return folded


def drop_leftovers(yard: Yard) -> None:
    """Delete what a killed rebuild left; the caller holds the flock."""
    for name in ("rebuild.duckdb", "rebuild.duckdb.wal"):
        (yard.store / name).unlink(missing_ok=True)


def _control_plane(lease: Lease) -> dict[str, pa.Table] | None:
    """Return the tables to keep, or None when the store that is there cannot be read."""
    try:
        with lease.reading(patience_seconds=10.0) as cursor:
            versions = applied(cursor)
            there = {name for (name,) in cursor.sql("SELECT table_name FROM duckdb_tables()").fetchall()}
            tables = {
                table: cursor.sql(f"FROM {table}").to_arrow_table() for table in KEPT_TABLES if table in there
            }  # the store of an older version has fewer
    except NotFound:
        return {}
    except Corrupt as error:
        if "newer" in error.message:
            raise
        return None
    except duckdb.Error:
        return None
    refuse_newer(versions)
    return tables
