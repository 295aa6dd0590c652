"""`settings` and `prices`: thresholds behind verdicts, rules of retention, and what an hour of a device costs."""

from __future__ import annotations

from typing import Annotated

import typer

from runyard.cli.output import Format, FormatOption, say, write_rows
from runyard.cli.session import fold, opened
from runyard.core.clock import iso
from runyard.core.errors import Invalid


def add_to(app: typer.Typer) -> None:
    """Register the verbs of this module."""
    app.command()(settings)
    app.command()(prices)


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


def prices(
    context: typer.Context,
    device: Annotated[
        str | None, typer.Argument(metavar="DEVICE", help="As the list has it, such as cpu or `cuda:NVIDIA A100`.")
    ] = None,
    usd_per_hour: Annotated[
        float | None, typer.Argument(metavar="USD_PER_HOUR", help="Dollars for one hour of one device.")
    ] = None,
    since: Annotated[
        str | None, typer.Option("--from", metavar="DATE", help="From when on, in UTC; now if not given.")
    ] = None,
    layout: FormatOption = Format.table,
) -> None:
    """List what an hour of each device costs, or set it from a moment on.

    A run costs its hours at the price of its start, reckoned when it ends. Runs that ended keep what they cost until
    `runyard rebuild`. Devices of runs that have no price are listed without one. Try: runyard prices
    "cuda:NVIDIA A100" 1.79 --from 2026-01-01
    """
    from runyard.service import prices as priced

    if (device is None) is not (usd_per_hour is None) or (device is None and since is not None):
        raise Invalid("Give DEVICE and USD_PER_HOUR.", hint=f"Such as: runyard prices {device or 'cpu'} 0.04")
    with opened(context, create=device is not None, pumped=False) as rt:
        if device is not None and usd_per_hour is not None:
            moment = priced.choose(rt, device, usd_per_hour, since=since)
            say(f"An hour of {device} costs {usd_per_hour:g} USD from {iso(moment)} on.")
            return
        fold(rt, verb="prices")
        found = priced.listing(rt)
        write_rows(found.iter_rows(named=True), found.columns, layout)
