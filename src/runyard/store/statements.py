"""The statements of the ingest, each read and parsed once: DuckDB parses a long one as long as it runs it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import duckdb

from runyard.core.paths import resource

_PARSED: dict[str, list[duckdb.Statement]] = {}


@cache
def sql(name: str) -> str:
    """Return the text of a file of the ingest."""
    return (resource("sql") / "ingest" / f"{name}.sql").read_text(encoding="utf-8")


def execute(
    cursor: duckdb.DuckDBPyConnection, text: str, parameters: Mapping[str, Any] | None = None
) -> duckdb.DuckDBPyConnection:
    """Run the statements of a text that comes again and again; returns the cursor with the rows of the last one."""
    if (statements := _PARSED.get(text)) is None:
        statements = _PARSED[text] = cursor.extract_statements(text)
    for statement in statements:
        cursor.execute(statement, parameters)
    return cursor
