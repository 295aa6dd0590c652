"""What there is to ask: tables and views with their comments, and their columns."""

from __future__ import annotations

from runyard.queries.query import Query


def relations() -> Query:
    """Return every view and table with its comment and its definition, views first."""
    return Query(
        "SELECT 'view' AS kind, view_name AS name, comment, sql AS definition\n"
        "FROM duckdb_views()\n"
        "WHERE NOT internal AND database_name = current_database()\n"
        "UNION ALL\n"
        "SELECT 'table', table_name, comment, sql\n"
        "FROM duckdb_tables()\n"
        "WHERE NOT internal AND database_name = current_database()\n"
        "ORDER BY kind DESC, name"
    )


def columns(relation: str) -> Query:
    """Return the columns of a table or view in order, with type and comment."""
    return Query(
        "SELECT column_name, data_type, comment\n"
        "FROM duckdb_columns()\n"
        "WHERE database_name = current_database() AND table_name = ?\n"
        "ORDER BY column_index",
        (relation,),
    )
