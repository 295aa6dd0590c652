"""`tag`, `note`, `group`, `rename`, `archive`, `delete` and their ways back, `gc`: runs kept in order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

import typer

from runyard.cli.output import Format, FormatOption, say, write_rows
from runyard.cli.session import opened

Runs = Annotated[
    list[str], typer.Argument(metavar="RUN...", help="Ids, unique prefixes, names, @latest or @best:METRIC.")
]
_COLUMNS = ("what", "run", "name", "path", "bytes")


def add_to(app: typer.Typer) -> None:
    """Register the verbs of this module."""
    for verb in (tag, note, group, rename, archive, unarchive, delete, undelete, gc):
        app.command()(verb)


def tag(
    context: typer.Context,
    runs: Runs,
    add: Annotated[list[str] | None, typer.Option("--add", "-a", metavar="TAG", help="May be given again.")] = None,
    remove: Annotated[list[str] | None, typer.Option("--remove", "-r", metavar="TAG", help="As --add.")] = None,
) -> None:
    """Add tags to runs, or take tags away."""
    from runyard.service import order

    with opened(context) as rt:
        _say(order.tag(rt, runs, by="cli", add=tuple(add or ()), remove=tuple(remove or ())), "tagged")


def note(
    context: typer.Context,
    runs: Runs,
    text: Annotated[str, typer.Option("--text", "-t", help='The note; "" takes it away.')],
) -> None:
    """Write a note on runs."""
    from runyard.service import order

    with opened(context) as rt:
        _say(order.note(rt, runs, text, by="cli"), "noted" if text else "without a note")


def group(
    context: typer.Context,
    runs: Runs,
    name: Annotated[str, typer.Option("--name", "-n", help='The group; "" takes the runs out of theirs.')],
) -> None:
    """Put runs together under a name."""
    from runyard.service import order

    with opened(context) as rt:
        _say(order.group(rt, runs, name, by="cli"), f"in group {name}" if name else "in no group")


def rename(
    context: typer.Context,
    run: Annotated[str, typer.Argument(metavar="RUN", help="Id, unique prefix, name, @latest or @best:METRIC.")],
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its new name.")],
) -> None:
    """Give a run another name."""
    from runyard.service import order

    with opened(context) as rt:
        _say([order.rename(rt, run, name, by="cli")], f"now called {name}")


def archive(context: typer.Context, runs: Runs) -> None:
    """Leave runs out of run lists.

    With what is part of them, such as the trials of a sweep. Comparisons and totals still count them; runyard runs
    --archived lists them.
    """
    from runyard.service import order

    with opened(context) as rt:
        _say(order.archive(rt, runs, by="cli"), "archived")


def unarchive(context: typer.Context, runs: Runs) -> None:
    """Bring archived runs back into run lists."""
    from runyard.service import order

    with opened(context) as rt:
        _say(order.unarchive(rt, runs, by="cli"), "back in the lists")


def delete(context: typer.Context, runs: Runs) -> None:
    """Delete runs; undelete brings them back.

    With what is part of them. They leave run lists, totals and comparisons; nothing that was logged is lost. The
    next runyard gc frees their checkpoints, for good. A run has to have ended before.
    """
    from runyard.service import order

    with opened(context) as rt:
        _say(order.delete(rt, runs, by="cli"), "deleted")


def undelete(context: typer.Context, runs: Runs) -> None:
    """Bring deleted runs back."""
    from runyard.service import order

    with opened(context) as rt:
        _say(order.undelete(rt, runs, by="cli"), "back")


def gc(
    context: typer.Context,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be freed; free nothing.")] = False,
    layout: FormatOption = Format.table,
) -> None:
    """Free space.

    Checkpoints of deleted runs, those of others that are past their days or above the quota (see runyard settings:
    retention_days, retention_quota_gb), and copies of the store that are old and that nobody has open. Never journals:
    the tables can always be made again. Models stay. Rules are also kept without this, once an hour.
    """
    from runyard.service import gc as service

    with opened(context) as rt:
        found = service.freeable(rt) if dry_run else service.free(rt)
        write_rows([{name: getattr(item, name) for name in _COLUMNS} for item in found], _COLUMNS, layout)
        total = sum(item.bytes for item in found)
        say(", ".join(f"{what} {n / 1e6:.1f} MB" for what, n in service.room(rt).items()))
        say(f"{total / 1e6:.1f} MB {'would be' if dry_run else 'were'} freed, in {len(found)} places.")


def _say(run_ids: Sequence[UUID], how: str) -> None:
    for run_id in run_ids:
        typer.echo(str(run_id))
    say(f"{len(run_ids)} {'run is' if len(run_ids) == 1 else 'runs are'} {how}.")
