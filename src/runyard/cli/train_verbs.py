"""`train`, `launch`, `resume`: starting runs, here and now or through the queue."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from runyard.cli.errors import DONE, FAILED, INTERRUPTED
from runyard.cli.output import say
from runyard.cli.progress import follow
from runyard.cli.session import opened
from runyard.core.errors import Invalid, NotFound, Problem, Unavailable

if TYPE_CHECKING:
    from runyard.runtime import Runtime

ConfigFile = Annotated[
    Path, typer.Argument(metavar="FILE", help="The run's YAML.", exists=True, dir_okay=False, readable=True)
]


def add_to(app: typer.Typer) -> None:
    """Register the verbs of this module."""
    app.command()(train)
    app.command()(launch)
    app.command()(resume)


def train(context: typer.Context, file: ConfigFile) -> int:
    """Train a run here and now, with a bar.

    Takes the YAML of a run, trains it now, whatever the queue holds, and exits with 0 if it completed and 1 if it
    failed or was cancelled. Ctrl-C lets the step finish, keeps a checkpoint and exits with 130; press it twice to
    kill. examples/train.yaml shows every key.
    """
    from runyard.config.run import load_run_config
    from runyard.service.launch import launch as launch_run

    config = load_run_config(file)
    with opened(context, create=True) as rt:
        run_id = launch_run(rt, config, launched_by="foreground", start=False)
        return in_foreground(rt, run_id, attempt=1)


def launch(context: typer.Context, file: ConfigFile) -> None:
    """Queue a run and print its id.

    The run starts as soon as one of RUNYARD_MAX_WORKERS is free, in a process of its own that survives this
    command, the server and the terminal. Follow it with `runyard show ID` or on the Live page.
    """
    from runyard.config.run import load_run_config
    from runyard.service.launch import launch as launch_run
    from runyard.service.runs import state

    config = load_run_config(file)
    with opened(context, create=True) as rt:
        run_id = launch_run(rt, config, launched_by="cli")
        typer.echo(str(run_id))
        try:
            waits = state(rt, run_id).status == "queued"
        except (Unavailable, NotFound) as error:  # the run is queued all the same
            say(f"It is queued. {error.message}")
            return
        say("It waits for a free worker." if waits else "It is running.")


def resume(
    context: typer.Context,
    run: Annotated[str, typer.Argument(metavar="RUN", help="Id, unique prefix, name, @latest or @best:METRIC.")],
    foreground: Annotated[bool, typer.Option("--foreground", help="Run it here and now, with a bar.")] = False,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change a value, such as hyperparameters.learning_rate=1e-4."),
    ] = None,
) -> int:
    """Go on with a run from its last checkpoint.

    For failed, lost and cancelled runs. The run keeps its id and its folder and gets a new attempt; without --set
    it ends exactly as if it had never stopped. What --set changes is written down with the attempt.
    """
    from runyard.service import runs

    wanted = _changes(changes or [])
    with opened(context) as rt:
        run_id = runs.resume(rt, run, by="cli", changes=wanted or None, start=not foreground)
        if foreground:
            return in_foreground(rt, run_id, attempt=runs.state(rt, run_id).attempt)
        typer.echo(str(run_id))
        return DONE


def in_foreground(rt: Runtime, run_id: UUID, *, attempt: int) -> int:
    """Train a queued run as a child of this process and follow it; returns the exit code."""
    from runyard.service.launch import pump, run_in_foreground

    say(f"run {run_id}, log {rt.yard.run(run_id).log}")
    child = run_in_foreground(rt, run_id, attempt)
    code = DONE
    try:
        follow(rt, [run_id], is_over=lambda: child.poll() is not None)
        child.wait()
    except KeyboardInterrupt:
        code = INTERRUPTED
        _cancel(rt, run_id)
        try:
            child.wait()
        except KeyboardInterrupt:
            child.kill()
            child.wait()
    pump(rt, wait_seconds=5.0)  # also sees a run that died without a last word
    return code or _say_how_it_ended(rt, run_id)


def _cancel(rt: Runtime, run_id: UUID) -> None:
    from runyard.core.errors import Conflict
    from runyard.service import runs

    say("Stopping after this step; a checkpoint is kept. Ctrl-C again kills it.")
    try:
        runs.cancel(rt, str(run_id), by="cli")
    except Conflict:  # it ended in the meantime
        return


def _say_how_it_ended(rt: Runtime, run_id: UUID) -> int:
    from runyard.queries import runs

    rt.store.ingest(verb="train", wait_seconds=5.0, snapshot=True)
    row = runs.report(run_id).frame(rt).row(0, named=True)
    if row["status"] == "completed":
        stopped = ", stopped early" if row["early_stopping_triggered"] else ""
        best = row["best_validation_loss"]
        loss = f", best validation loss {best:.5g} in epoch {row['best_epoch']}" if best is not None else ""
        say(f"completed: {row['completed_epochs']} of {row['total_epochs']} epochs{stopped}{loss}")
        typer.echo(str(run_id))
        return DONE
    say(f"{row['status']}: {row['error_message'] or 'somebody asked for it.'}")
    if row["error_hint"]:
        say(f"Hint: {row['error_hint']}")
    return FAILED


def _changes(pairs: list[str]) -> dict[str, Any]:
    """Return `a.b=1` and the like as nested mappings; values are read as in the YAML.

    Raises:
        Invalid: with every pair that is none.
    """
    from runyard.config.yaml_text import read_yaml

    problems = [Problem("--set", f"{pair!r} is not KEY=VALUE") for pair in pairs if not pair.partition("=")[0].strip()]
    problems += [Problem("--set", f"{pair!r} is not KEY=VALUE") for pair in pairs if "=" not in pair]
    if problems:
        raise Invalid("What shall be changed cannot be read.", problems=problems)
    found: dict[str, Any] = {}
    for pair in pairs:
        key, _, text = pair.partition("=")
        *sections, last = key.strip().split(".")
        inner = found
        for section in sections:
            inner = inner.setdefault(section, {})
            if not isinstance(inner, dict):
                raise Invalid("What shall be changed contradicts itself.", problems=[Problem(key, "is set twice")])
        inner[last] = read_yaml(f"value: {text}\n")["value"]
    return found
