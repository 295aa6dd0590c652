"""The tables and views as this version of Runyard makes them, without a yard."""

from __future__ import annotations

from functools import cache

import duckdb

from runyard.store.migrate import migrate

_COLUMNS = """
SELECT table_name, column_name, data_type
FROM information_schema.columns
WHERE table_schema = 'main'
ORDER BY table_name, ordinal_position
"""


@cache
def columns() -> dict[str, dict[str, str]]:
    """Return the columns of every table and view, with their types."""
    with duckdb.connect(":memory:") as duck:
        migrate(duck, {}, replace_views=True)
        found: dict[str, dict[str, str]] = {}
        for table, column, kind in duck.execute(_COLUMNS).fetchall():
            found.setdefault(table, {})[column] = kind
    return found
