"""`import`: what other tools logged becomes runs of the yard."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from runyard.cli.output import Format, FormatOption, say, write_rows
from runyard.cli.session import opened
from runyard.service.imports.source import Kind

if TYPE_CHECKING:
    from runyard.service.imports.record import Imported
    from runyard.service.imports.source import Source

_COLUMNS = ("id", "name", "state", "epochs", "metrics", "skipped", "notes", "damages")
_SHOWN = ("id", "name", "state", "epochs", "metrics", "skipped")
_MANY = 20


def add_to(app: typer.Typer) -> None:
    """Register the verb of this module."""
    app.command("import")(import_)


def import_(
    context: typer.Context,
    kind: Annotated[Kind, typer.Argument(metavar="KIND", help=", ".join(Kind) + ".")],
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A file or a folder of the source.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be imported; write nothing.")] = False,
    mapping: Annotated[
        list[str] | None,
        typer.Option(
            "--map", metavar="PART=NAME", help="Such as step=global_step or val_loss=valid/loss; guessed if not given."
        ),
    ] = None,
    run_column: Annotated[
        str | None, typer.Option("--run-column", metavar="NAME", help="The column of a table that names the run.")
    ] = None,
    agent: Annotated[str | None, typer.Option("--agent", help="The agent the runs belong to.")] = None,
    workspace: Annotated[str | None, typer.Option("--workspace", help="Their workspace.")] = None,
    layout: FormatOption = Format.table,
) -> None:
    """Import runs from other tools' logs.

    Every number of the source becomes a row of `metrics` under its own name; epochs with train_loss, val_loss and
    learning_rate are derived from them in addition. Importing again adds only what is new. A damaged file is imported
    up to the damage. PART of --map is step, epoch, time, run, metric, value (columns of tables), train_loss, val_loss
    or learning_rate (names of metrics).
    """
    from runyard.core.settings import Settings
    from runyard.service.imports.readers import bring_in, look
    from runyard.service.imports.source import parse_columns

    columns = parse_columns(mapping or [], run_column=run_column)
    if dry_run:
        yard = Settings.from_env(context.obj).yard
        source, planned = look(yard, kind, path, columns, agent=agent, workspace=workspace)
    else:
        with opened(context, create=True) as rt:
            source, planned = bring_in(rt, kind, path, columns, agent=agent, workspace=workspace)
    rows = [_row(run) for run in planned.runs]
    write_rows(rows, _COLUMNS, layout, shown=_SHOWN)
    _say(source, planned.runs, dry_run=dry_run)


def _row(run: Imported) -> dict[str, Any]:
    return {name: getattr(run, name) for name in _COLUMNS}


def _say(source: Source, runs: Sequence[Imported], *, dry_run: bool) -> None:
    for note in source.notes:
        say(note)
    if dry_run:
        _say_lines([f"{run.name}: {_names(run)}" for run in runs])
    _say_lines([f"{run.name}: {note}" for run in runs for note in run.notes])
    damages = [*source.damages, *(f"{run.name}: {damage}" for run in runs for damage in run.damages)]
    for damage in damages:
        say(f"Damaged: {damage}")
    epochs, metrics, skipped = (sum(getattr(run, name) for run in runs) for name in ("epochs", "metrics", "skipped"))
    new = sum(run.state == "new" for run in runs)
    grown = sum(run.state == "grown" for run in runs)
    would = "would be imported" if dry_run else "imported"
    say(f"{len(runs)} runs ({new} new, {grown} grown): {epochs} epochs and {metrics} metric values {would}.")
    if skipped:
        say(f"{skipped} values are no numbers and were skipped.")


def _say_lines(lines: Sequence[str]) -> None:
    for line in lines[:_MANY]:
        say(line)
    if len(lines) > _MANY:
        say(f"... and {len(lines) - _MANY} lines more; --format json has them all.")


def _names(run: Imported) -> str:
    pairs = ", ".join(f"{part}={name}" for part, name in run.names.items())
    return f"losses from {pairs}" if pairs else "no losses were recognised; --map val_loss=NAME names one"
