"""`fork`, `rewind`: going on from an earlier checkpoint, in a new run or in the same one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from runyard.cli.errors import DONE
from runyard.cli.output import say
from runyard.cli.run_verbs import RunArgument
from runyard.cli.session import opened
from runyard.cli.train_verbs import in_foreground

if TYPE_CHECKING:
    from runyard.runtime import Runtime

Foreground = Annotated[bool, typer.Option("--foreground", help="Run it here and now, with a bar.")]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change a value, such as hyperparameters.learning_rate=1e-4."),
]


def add_to(app: typer.Typer) -> None:
    """Register the verbs of this module."""
    app.command()(fork)
    app.command()(rewind)


def fork(
    context: typer.Context,
    run: RunArgument,
    at: Annotated[
        str | None, typer.Option("--at", metavar="STEP", help="A step, or e4 for the end of epoch 4; else the newest.")
    ] = None,
    changes: Set = None,
    foreground: Foreground = False,
) -> int:
    """Start a new run from a checkpoint of another.

    It takes over weights, optimizer and place in the data, and names the run it came from. Without --set it repeats
    what that run did from there on. Prints the id of the new run.
    """
    from runyard.config.nested import from_pairs
    from runyard.service import branches

    wanted = from_pairs(changes or [], where="--set")
    with opened(context) as rt:
        fork_id = branches.fork(rt, run, by="cli", at=at, changes=wanted, start=not foreground)
        return _go_on(rt, fork_id, foreground=foreground)


def rewind(
    context: typer.Context,
    run: RunArgument,
    to: Annotated[str, typer.Option("--to", metavar="STEP", help="A step, or e4 for the end of epoch 4.")],
    changes: Set = None,
    foreground: Foreground = False,
) -> int:
    """Take a run back to an earlier checkpoint and go on from there.

    The run keeps its id and gets a new attempt. What it did after that checkpoint stays in the tables, as abandoned:
    it counts as waste, and no longer in its curves.
    """
    from runyard.config.nested import from_pairs
    from runyard.service import branches

    wanted = from_pairs(changes or [], where="--set")
    with opened(context) as rt:
        run_id = branches.rewind(rt, run, by="cli", to=to, changes=wanted, start=not foreground)
        return _go_on(rt, run_id, foreground=foreground)


def _go_on(rt: Runtime, run_id: UUID, *, foreground: bool) -> int:
    from runyard.service.recovery import attempt_words
    from runyard.service.runs import state

    rt.store.ingest(verb="look", wait_seconds=2.0)
    say(attempt_words(rt, run_id) or "")
    if foreground:
        return in_foreground(rt, run_id, attempt=state(rt, run_id).attempt)
    typer.echo(str(run_id))
    return DONE
