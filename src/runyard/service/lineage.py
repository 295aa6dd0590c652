"""Where a view's numbers come from, and what a view looks like in another engine's SQL; sqlglot reads the SQL."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.lineage import lineage

from runyard.core.errors import Invalid, NotFound, Problem
from runyard.core.paths import resource
from runyard.store import catalog
from runyard.store.migrate import views

DIALECTS = ("postgres", "spark", "bigquery", "snowflake", "clickhouse", "trino", "mysql", "sqlite")
_DUCKDB = "duckdb"
_KEPT = "kept_"  # such a table holds what the view beside it works out of events


@dataclass(frozen=True)
class Origin:
    """A column of a table of events that a column of a view is made of."""

    column: str
    table: str
    source: str


def origins(view: str, column: str | None = None) -> list[Origin]:
    """Return which columns of tables each column of a view, or one of them, follows from, through all views between.

    A column that decides which rows count, or in what order, is an origin as well where it stands inside of an
    aggregate or a window.

    Raises:
        NotFound: there is no such view, or it has no such column.
    """
    texts = _texts()
    if view not in texts:
        raise NotFound(f"There is no view {view!r}.", hint=f"Choose one of {', '.join(sorted(texts))}.")
    columns = catalog.columns()
    named = list(columns[view])
    if column is not None and column not in named:
        raise NotFound(f"{view} has no column {column!r}.", hint=f"Choose one of {', '.join(named)}.")
    return [origin for name in ([column] if column else named) for origin in _of_column(view, name)]


@cache
def _of_column(view: str, column: str) -> tuple[Origin, ...]:
    sources = _texts()
    schema: dict[str, object] = {
        name: dict(columns) for name, columns in catalog.columns().items() if name not in sources
    }
    root = lineage(column, sources[view], schema=schema, sources=sources, dialect=_DUCKDB)
    found = {
        Origin(column, node.source.name, node.name.rpartition(".")[2])
        for node in root.walk()
        if not node.downstream and isinstance(node.source, exp.Table) and node.source.name in schema
        if not node.source.name.startswith(_KEPT)
    }
    return tuple(sorted(found, key=lambda origin: (origin.table, origin.source)))


@cache
def _texts() -> dict[str, str]:
    return {view.name: view.text for view in views()}


def translated(query: str, dialect: str) -> tuple[str, list[str]]:
    """Return a view, or a SELECT on the yard, in another engine's SQL, and what that engine has no words for.

    The macros of the yard are written out; tables and other views keep their names.

    Raises:
        Invalid: the dialect is not known, or the query is no SELECT that can be read.
    """
    if dialect not in DIALECTS:
        raise Invalid(
            "The query cannot be translated.",
            problems=[Problem("dialect", f"{dialect!r} is not known", DIALECTS)],
        )
    try:
        tree = sqlglot.parse_one(_texts().get(query.strip().strip('"'), query), dialect=_DUCKDB)
    except sqlglot.ParseError as error:
        raise Invalid(f"The query cannot be read: {str(error).splitlines()[0]}") from error
    if not isinstance(tree, exp.Query):
        raise Invalid("Only a view or a SELECT can be translated.", hint='Such as: runyard sql "FROM runs"')
    return _in_dialect(_without_macros(tree), dialect)


def _in_dialect(tree: exp.Expr, dialect: str) -> tuple[str, list[str]]:
    missing: list[str] = []
    try:
        tree.sql(dialect=dialect, unsupported_level=sqlglot.ErrorLevel.RAISE, max_unsupported=100)
    except sqlglot.UnsupportedError as error:
        missing = sorted({line for line in str(error).splitlines() if line})
    text = tree.sql(dialect=dialect, pretty=True, unsupported_level=sqlglot.ErrorLevel.IGNORE)
    try:
        sqlglot.parse_one(text, dialect=dialect)
    except sqlglot.ParseError as error:
        missing.append(f"Look it over before you run it: {str(error).splitlines()[0]}")
    return text, missing


@cache
def _macros() -> dict[str, tuple[list[str], exp.Expr]]:
    text = (resource("sql") / "macros.sql").read_text(encoding="utf-8")
    statements: list[Any] = [statement for statement in sqlglot.parse(text, dialect=_DUCKDB) if statement is not None]
    return {
        statement.this.this.name.lower(): ([part.name for part in statement.this.expressions], statement.expression)
        for statement in statements
    }


def _without_macros(tree: exp.Expr) -> exp.Expr:
    """Return the tree with each call of a macro of ours replaced by its body, innermost last."""

    def expand(node: exp.Expr) -> exp.Expr:
        if not (isinstance(node, exp.Anonymous) and node.name.lower() in _macros()):
            return node
        names, body = _macros()[node.name.lower()]
        given = dict(zip(names, node.expressions, strict=False))

        def fill(part: exp.Expr) -> exp.Expr:
            if isinstance(part, exp.Column) and not part.table and part.name in given:
                value = given[part.name]
                return value.copy() if isinstance(value, exp.Column | exp.Literal) else exp.paren(value.copy())
            return part

        return exp.paren(_without_macros(body.copy().transform(fill)))

    return tree.transform(expand)
