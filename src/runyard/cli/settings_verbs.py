"""`settings`: the thresholds behind verdicts, of every workspace or of one, and the rules of retention."""

from __future__ import annotations

from typing import Annotated

import typer

from runyard.cli.output import Format, FormatOption, say, write_rows
from runyard.cli.session import opened
from runyard.core.errors import Invalid


def add_to(app: typer.Typer) -> None:
    """Register the verbs of this module."""
    app.command()(settings)


def settings(
    context: typer.Context,
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="A threshold, a rule of retention, or `peak_flops DEVICE`.")
    ] = None,
    value: Annotated[float | None, typer.Argument(metavar="VALUE", help="What it shall be.")] = None,
    workspace: Annotated[
        str | None,
        typer.Option("--workspace", help="Of this one alone; if not given, of all that have none of their own."),
    ] = None,
    unset: Annotated[bool, typer.Option("--unset", help="Take the setting away.")] = False,
    layout: FormatOption = Format.table,
) -> None:
    """List the thresholds behind verdicts and the rules of retention, or set one.

    Views, pages and SQL pasted elsewhere follow at once. Without a setting they are as defined. Try: runyard settings
    early_stopping_patience 5 --workspace lab
    """
    from runyard.service import thresholds

    if name is not None and (value is None) is not unset:
        raise Invalid("Give a VALUE, or --unset.", hint=f"Such as: runyard settings {name} 5")
    with opened(context, create=name is not None, pumped=False) as rt:
        if name is not None:
            thresholds.choose(rt, name, value, workspace=workspace)
            place = f"the workspace {workspace}" if workspace else "every workspace"
            say(f"{name} is {f'{value:g}' if value is not None else 'as defined again'} for {place}.")
            return
        found = thresholds.listing(rt)
        write_rows(found.iter_rows(named=True), found.columns, layout)
