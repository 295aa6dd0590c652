"""What DuckDB writes for values that Python has none for, such as moments before year 1 or without an end."""

from __future__ import annotations

import duckdb
import pyarrow as pa


def texts(column: pa.ChunkedArray | pa.Array) -> list[str | None]:
    """Return a column of an answer as DuckDB writes it, moments in UTC."""
    with duckdb.connect(config={"threads": 1}) as duck:
        duck.execute("SET TimeZone = 'UTC'")
        found = duck.from_arrow(pa.table({"value": column})).project("CAST(value AS VARCHAR)").fetchall()
    return [text for (text,) in found]
