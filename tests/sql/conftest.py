"""A DuckDB in memory with this version's tables, macros and views, and ways to fill and read it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from runyard.store.migrate import migrate


@dataclass(frozen=True)
class Tables:
    """The tables and views of a store."""

    duck: duckdb.DuckDBPyConnection

    def insert(self, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Insert rows given as mappings; columns that are not given have their defaults."""
        if rows:
            names = list(dict.fromkeys(name for row in rows for name in row))
            self.duck.register("given", pa.table({name: [row.get(name) for row in rows] for name in names}))
            self.duck.execute(f"INSERT INTO {table} BY NAME FROM given")
            self.duck.unregister("given")

    def clear(self) -> None:
        for (name,) in self.duck.execute("SELECT table_name FROM duckdb_tables()").fetchall():
            if name not in ("schema_version", "sources", "prices", "settings"):
                self.duck.execute(f"DELETE FROM {name}")

    def rows(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        cursor = self.duck.execute(sql, parameters or {})
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


@pytest.fixture(scope="module")
def tables() -> Iterator[Tables]:
    duck = duckdb.connect(config={"threads": 1})
    migrate(duck, {}, replace_views=True)
    yield Tables(duck)
    duck.close()


@pytest.fixture
def empty(tables: Tables) -> Iterator[Tables]:
    tables.clear()
    yield tables
    tables.clear()


def _same(left: Any, right: Any) -> bool:
    if isinstance(left, float) and isinstance(right, float | int):
        return math.isclose(left, right, rel_tol=1e-9, abs_tol=1e-9)
    return left == right and (left is None) == (right is None)


@pytest.fixture(scope="session")
def same() -> Any:
    """Return a function that says whether two values are equal to 1e-9."""
    return _same
