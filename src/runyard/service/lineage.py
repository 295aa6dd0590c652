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


@dataclass(frozen=True)
class Step:
    """A column of a view, and a column of a table or of another view that the view makes it of."""

    view: str
    column: str
    relation: str
    source: str


def columns_of_views() -> dict[str, list[str]]:
    """Return the columns of each view, in the views' order of names."""
    return {view: list(columns) for view, columns in catalog.columns().items() if view in _texts()}


def origins(view: str, column: str | None = None) -> list[Origin]:
    """Return which columns of tables each column of a view, or one of them, follows from, through all views between.

    A column that decides which rows count, or in what order, is an origin as well where it stands inside of an
    aggregate or a window.

    Raises:
        NotFound: there is no such view, or it has no such column.
    """
    found = {
        Origin(name, step.relation, step.source)
        for name in _named(view, column)
        for step in steps(view, name)
        if step.relation not in _texts()
    }
    places = {name: place for place, name in enumerate(columns_of_views()[view])}
    return sorted(found, key=lambda origin: (places[origin.column], origin.table, origin.source))


def steps(view: str, column: str) -> list[Step]:
    """Return each step on the ways from a column of a view to the columns of tables, nearest first.

    Raises:
        NotFound: there is no such view, or it has no such column.
    """
    waiting = [(view, name) for name in _named(view, column)]
    found: dict[Step, None] = {}
    for relation, name in waiting:  # which grows while it is gone through
        for source in _made_of(relation)[name]:
            found[Step(relation, name, *source)] = None
            if source[0] in _texts() and source not in waiting:
                waiting.append(source)
    return list(found)


def _named(view: str, column: str | None) -> list[str]:
    views_columns = columns_of_views()
    if view not in views_columns:
        raise NotFound(f"There is no view {view!r}.", hint=f"Choose one of {', '.join(views_columns)}.")
    named = views_columns[view]
    if column is not None and column not in named:
        raise NotFound(f"{view} has no column {column!r}.", hint=f"Choose one of {', '.join(named)}.")
    return [column] if column else named


@cache
def _made_of(view: str) -> dict[str, list[tuple[str, str]]]:
    """Return the columns of tables and views that each column of a view is directly made of."""
    schema: dict[str, object] = dict(catalog.columns())
    roots = lineage(None, _texts()[view], schema=schema, dialect=_DUCKDB, trim_selects=False)
    assert isinstance(roots, dict), "lineage is asked for all columns at once"
    return {
        column: sorted(
            {
                (node.source.name, node.name.rpartition(".")[2])
                for node in root.walk()
                if not node.downstream and isinstance(node.source, exp.Table) and node.source.name in schema
                if not node.source.name.startswith(_KEPT)
            }
        )
        for column, root in roots.items()
    }


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
