"""A query: one SELECT over views with its arguments; a frame when run, a text when shown."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import polars as pl

from runyard.runtime import Runtime

Argument = str | int | float | bool | datetime | UUID | None


@dataclass(frozen=True)
class Query:
    """Equal queries have equal answers at one data version, so this is also the key of a cache."""

    sql: str
    arguments: tuple[Argument, ...] = ()

    def frame(self, rt: Runtime) -> pl.DataFrame:
        """Return the answer from the newest snapshot."""
        return rt.store.read(self.sql, list(self.arguments) or None)

    def live(self, rt: Runtime) -> pl.DataFrame:
        """Return the answer from the store itself: for what moves while it is watched."""
        return rt.store.live(self.sql, list(self.arguments) or None)

    @property
    def shell(self) -> str:
        """Return the statement as one would paste it into a DuckDB shell on the published copy."""
        parts = self.sql.split("?")
        literals = [*map(_literal, self.arguments), ""]
        return "".join(part + literal for part, literal in zip(parts, literals, strict=True)).strip() + ";"


def where(*conditions: tuple[str, Argument]) -> tuple[str, tuple[Argument, ...]]:
    """Return the WHERE clause of those conditions whose argument is given, with its newline, and their arguments."""
    chosen = [(condition, argument) for condition, argument in conditions if argument is not None]
    clause = "\n  AND ".join(condition for condition, _ in chosen)
    return (f"WHERE {clause}\n" if clause else ""), tuple(argument for _, argument in chosen)


def _literal(value: Argument) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bool | int | float):
        return str(value).upper() if isinstance(value, bool) else repr(value)
    return "'" + str(value).replace("'", "''") + "'"
