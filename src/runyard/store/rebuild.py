"""Making the run tables again from the journals, beside the store, so that a failure leaves the old one as it was."""

from __future__ import annotations

import duckdb

from runyard.core.clock import now
from runyard.core.paths import Yard
from runyard.store.ingest import Ingested, fold_journals
from runyard.store.journals import Journals
from runyard.store.lease import Lease, quoted
from runyard.store.migrate import migrate

KEPT_TABLES = ("settings", "prices")  # the control plane: no journal holds these


def rebuild(yard: Yard, lease: Lease) -> Ingested:
    """Build a new store from all journals and put it in the place of the old one; the caller holds the flock.

    A store that cannot be read is kept beside as `live.duckdb.damaged-<time>`.
    """
    target = yard.store / "rebuild.duckdb.tmp"
    for stale in (target, target.with_name(target.name + ".wal")):
        stale.unlink(missing_ok=True)
    builder = Lease(target)
    try:
        with builder.writing() as cursor:
            migrate(cursor, replace_views=True)
            keeps_old = not yard.store_db.exists() or _copy_control_plane(cursor, yard)
            result, _ = fold_journals(cursor, yard, Journals(yard).all_names())
    finally:
        builder.close()
    if yard.store_db.exists() and not keeps_old:
        yard.store_db.rename(yard.store_db.with_name(f"live.duckdb.damaged-{now():%Y%m%dT%H%M%S}"))
    with lease.alone():
        yard.store_db.with_name("live.duckdb.wal").unlink(missing_ok=True)
        target.replace(yard.store_db)
    return result


def _copy_control_plane(cursor: duckdb.DuckDBPyConnection, yard: Yard) -> bool:
    try:
        cursor.execute(f"ATTACH {quoted(yard.store_db)} AS old (READ_ONLY)")
    except duckdb.Error:
        return False
    try:
        for table in KEPT_TABLES:
            cursor.execute(f"DELETE FROM {table}")
            cursor.execute(f"INSERT INTO {table} BY NAME FROM old.{table}")
    finally:
        cursor.execute("DETACH old")
    return True
