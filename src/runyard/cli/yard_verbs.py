"""`sql`, `doctor`, `publish`, `rebuild`: asking the yard, and looking after it."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from runyard.cli.errors import DONE, FAILED
from runyard.cli.output import Format, FormatOption, plain, say, write_rows
from runyard.cli.session import opened
from runyard.core.errors import Invalid

_PLAN = ["explain_key", "explain_value"]  # the columns of EXPLAIN, whose text is drawn in lines


def add_to(app: typer.Typer) -> None:
    """Register the verbs of this module."""
    # A query may begin with a comment, `-- like this`, which must not be taken for an option.
    app.command(context_settings={"ignore_unknown_options": True})(sql)
    app.command()(lineage)
    app.command()(doctor)
    app.command()(publish)
    app.command()(rebuild)


def sql(
    context: typer.Context,
    query: Annotated[str, typer.Argument(metavar="QUERY", help="One SELECT in DuckDB's SQL; - reads it from stdin.")],
    timeout: Annotated[float, typer.Option("--timeout", metavar="SECONDS", help="Stop it after so long.")] = 10.0,
    limit: Annotated[int, typer.Option("--limit", min=0, help="At most so many rows; 0 for all.")] = 10_000,
    dialect: Annotated[
        str | None,
        typer.Option("--dialect", metavar="NAME", help="Print the query, or a view, in another engine's SQL instead."),
    ] = None,
    to: Annotated[
        Path | None, typer.Option("--to", metavar="FILE", help="Write there instead: .parquet, .csv or .arrow.")
    ] = None,
    layout: FormatOption = Format.table,
) -> None:
    """Ask the yard in SQL.

    One SELECT, or its EXPLAIN, on the newest data: what waits in the journals is folded in first. The query runs in a
    locked-down process of its own: it can read every table and view, but no files, and it changes nothing. For more
    freedom open runyard.duckdb in the yard with DuckDB itself.

    What there is to ask: runyard sql "SELECT view_name, comment FROM duckdb_views() WHERE NOT internal"

    What a column means: runyard sql "SELECT column_name, comment FROM duckdb_columns() WHERE table_name =
    'overtraining_waste'"

    Try: runyard sql "FROM overtraining_waste"
    """
    from runyard.service.answers import check_place, rows, save
    from runyard.service.sql import ask

    text = sys.stdin.read() if query == "-" else query
    if not text.strip():
        raise Invalid("The query is empty.", hint='Such as: runyard sql "FROM runs"')
    if dialect is not None:
        _print_in_dialect(text, dialect)
        return
    if to is not None:
        check_place(to)
    with opened(context) as rt:
        answer = ask(rt, text, timeout_seconds=timeout, limit=limit)
        if to is not None:
            save(answer.table, to)
            say(f"{answer.table.num_rows} rows are in {to}.")
        elif layout is Format.table and answer.table.column_names == _PLAN:
            for row in rows(answer.table):
                typer.echo(plain(row["explain_value"], keep_lines=True).rstrip("\n"))
        else:
            write_rows(rows(answer.table), answer.table.column_names, layout)
        if answer.note:
            say(answer.note)
        if answer.cut:
            say(f"The first {limit} rows; --limit 0 gives all.")


def _print_in_dialect(query: str, dialect: str) -> None:
    from runyard.service.lineage import translated

    text, missing = translated(query, dialect)
    typer.echo(text)
    for line in missing:
        say(line)


def lineage(
    view: Annotated[str, typer.Argument(metavar="VIEW", help="Such as overtraining_waste.")],
    column: Annotated[str | None, typer.Argument(metavar="[COLUMN]", help="One of its columns; else all.")] = None,
    layout: FormatOption = Format.table,
) -> None:
    """Show what a view's numbers are made of.

    For each column of the view, the columns of the tables of events that feed it, through all views between.
    """
    from runyard.service.lineage import origins

    write_rows([asdict(origin) for origin in origins(view, column)], ("column", "table", "source"), layout)


def doctor(context: typer.Context, layout: FormatOption = Format.table) -> int:
    """Look at the yard's health.

    Folder, disk, store, journals, queue, what is installed. Each line says what is wrong and how to mend it; exits
    with 1 if a check failed. Warnings do not count.
    """
    from runyard.service.doctor import checks

    with opened(context, pumped=False) as rt:  # what stands in the way of the queue is a line here, not the end
        found = checks(rt)
    write_rows([asdict(check) for check in found], ("name", "state", "message", "hint"), layout)
    return FAILED if any(check.state == "failed" for check in found) else DONE


def publish(context: typer.Context) -> None:
    """Publish the newest data now.

    Prints the path of the copy. runyard.duckdb in the yard points to the newest copy; open that with DuckDB, a
    notebook or a BI tool, for as long as you like. Copies are published by themselves while runs write; this verb
    is for the impatient.
    """
    with opened(context) as rt:
        copy = rt.store.publish()
        if copy is None:
            say("There is nothing to publish yet.")
            return
        say(f"Version {copy.number} is published.")
        typer.echo(str(copy.path))


def rebuild(context: typer.Context) -> None:
    """Make the tables again from the journals.

    The journals are the truth. For a store that is damaged or that you do not trust. Settings and prices are kept;
    a store that cannot be read is put aside, not deleted. If it fails, the old store stays as it was.
    """
    with opened(context, pumped=False) as rt:
        result = rt.store.rebuild()
        say(f"{result.events} events are in the tables, {result.rejected} lines were rejected.")
