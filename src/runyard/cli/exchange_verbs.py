"""`export` and `merge`: rows that leave the yard as files, and rows of another yard that come in."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from runyard.cli.output import Format, FormatOption, say, write_rows
from runyard.cli.session import fold, opened
from runyard.core.errors import Invalid


def add_to(app: typer.Typer) -> None:
    """Register the verbs of this module."""
    app.command()(export)
    app.command()(merge)


def export(
    context: typer.Context,
    names: Annotated[list[str] | None, typer.Argument(metavar="[TABLE]...", help="Tables and views; else all.")] = None,
    to: Annotated[Path | None, typer.Option("--to", metavar="DIR", help="The folder for the files.")] = None,
    kind: Annotated[str, typer.Option("--as", metavar="KIND", help="parquet, csv or arrow (IPC file).")] = "parquet",
    handover: Annotated[
        Path | None, typer.Option("--handover", metavar="FILE", help="One DuckDB file with everything instead.")
    ] = None,
    layout: FormatOption = Format.table,
) -> None:
    """Write tables and views to files.

    Either each to a Parquet, CSV or Arrow file in a folder, or, with --handover, everything to one .duckdb file with
    its views and comments, that opens in DuckDB itself and goes into another yard by `runyard merge`. Runs' folders,
    models and logs are not in it.
    """
    from runyard.service.exchange import FileKind, hand_over
    from runyard.service.exchange import export as write

    if kind not in list(FileKind):
        raise Invalid(f"--as {kind} is not known.", hint=f"Choose {', '.join(FileKind)}.")
    if (to is None) == (handover is None):
        raise Invalid("Say where to: either --to DIR or --handover FILE.")
    if handover is not None and names:
        raise Invalid("A handover holds every table.", hint="Leave out the names, or use --to DIR.")
    with opened(context) as rt:
        fold(rt, verb="export")
        if handover is not None:
            size = hand_over(rt, handover)
            say(f"{handover}: {size / 1e6:.1f} MB.")
            typer.echo(str(handover))
        elif to is not None:
            written = write(rt, names or [], to, FileKind(kind))
            rows = [{"file": str(path), "rows": count} for path, count in written.items()]
            write_rows(rows, ("file", "rows"), layout)


def merge(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A handover, or another yard's runyard.duckdb.")],
    layout: FormatOption = Format.table,
) -> None:
    """Take in another yard's runs.

    Everything that was logged there and is not here yet becomes a journal of this yard. Merging the same file again
    adds nothing; a later handover of the same yard adds what is new in it.
    """
    from runyard.service.exchange import merge as take_in

    with opened(context, create=True) as rt:
        merged = take_in(rt, file)
    write_rows([{"kind": kind, "events": count} for kind, count in merged.events.items()], ("kind", "events"), layout)
    count = sum(merged.events.values())
    say(f"{count} events of {merged.runs} runs came in." if count else "There is nothing new in it.")
