"""`train`, `launch`, `resume`: starting runs, here and now or through the queue."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from runyard.cli.errors import DONE, FAILED, INTERRUPTED
from runyard.cli.output import Format, FormatOption, say
from runyard.cli.progress import follow
from runyard.cli.session import opened
from runyard.core.errors import Invalid, NotFound, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from runyard.runtime import Runtime

ConfigFile = Annotated[
    Path, typer.Argument(metavar="FILE", help="The run's YAML.", exists=True, dir_okay=False, readable=True)
]


ConfigFiles = Annotated[
    list[Path],
    typer.Argument(metavar="FILE...", help="The YAML of a run.", exists=True, dir_okay=False, readable=True),
]


def add_to(app: typer.Typer) -> None:
    """Register the verbs of this module."""
    app.command()(train)
    app.command()(launch)
    app.command()(resume)


def train(
    context: typer.Context,
    files: ConfigFiles,
    side_by_side: Annotated[
        bool, typer.Option("--compare", help="Train several models on the same data side by side, and rank them.")
    ] = False,
    seeds: Annotated[
        int, typer.Option("--seeds", min=1, max=100, metavar="N", help="With --compare: runs of each model.")
    ] = 1,
    baselines: Annotated[
        bool, typer.Option("--baselines/--no-baselines", help="With --compare: add the simple models to beat.")
    ] = True,
    name: Annotated[str | None, typer.Option("--name", help="With --compare: what you call it.")] = None,
    layout: FormatOption = Format.table,
) -> int:
    """Train a run here and now, with a bar; with --compare several models side by side.

    Takes the YAML of a run, trains it now, whatever the queue holds, and exits with 0 if it completed and 1 if it
    failed or was cancelled. Ctrl-C lets the step finish, keeps a checkpoint and exits with 130; press it twice to
    kill. examples/train.yaml shows every key.

    With --compare it takes several such files, or one with a block `models` of what differs (examples/compare.yaml),
    refuses them where data, split or metric differ, and trains as many at once as RUNYARD_MAX_WORKERS. The ranking has
    the mean of each model with its 95 % interval: over seeds, or over the held-out examples where there is one seed
    and the metric is a share of right answers. A few-shot training is repeated with other examples in the same way.
    """
    from runyard.cli.comparing import compare_here
    from runyard.config.run import load_run_config
    from runyard.service.comparisons import draws_of
    from runyard.service.launch import launch as launch_run

    if side_by_side:
        from runyard.config.comparison import compare, read_models

        models = read_models(files)
        return compare_here(context, compare(models, seeds=seeds, baselines=baselines, name=name), layout)
    if len(files) > 1 or seeds > 1 or name is not None:
        raise Invalid("Several models, --seeds and --name go with --compare.", hint="runyard train --compare FILE...")
    config = load_run_config(files[0])
    if draws := draws_of(config):
        return compare_here(context, draws, layout)
    with opened(context, create=True) as rt:
        run_id = launch_run(rt, config, launched_by="foreground", start=False)
        return in_foreground(rt, run_id, attempt=1)


def launch(context: typer.Context, file: ConfigFile) -> None:
    """Queue a run and print its id.

    The run starts as soon as one of RUNYARD_MAX_WORKERS is free, in a process of its own that survives this
    command, the server and the terminal. Follow it with `runyard show ID` or on the Live page.
    """
    from runyard.config.run import load_run_config
    from runyard.service.comparisons import draws_of, start
    from runyard.service.launch import launch as launch_run
    from runyard.service.runs import state

    config = load_run_config(file)
    with opened(context, create=True) as rt:
        draws = draws_of(config)
        run_id = start(rt, draws, launched_by="cli") if draws else launch_run(rt, config, launched_by="cli")
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
    from runyard.config.nested import from_pairs
    from runyard.service import runs

    wanted = from_pairs(changes or [], where="--set")
    with opened(context) as rt:
        run_id = runs.resume(rt, run, by="cli", changes=wanted or None, start=not foreground)
        if foreground:
            return in_foreground(rt, run_id, attempt=runs.state(rt, run_id).attempt)
        typer.echo(str(run_id))
        return DONE


def in_foreground(rt: Runtime, run_id: UUID, *, attempt: int) -> int:
    """Train a queued run as a child of this process, follow it through all its attempts; returns the exit code."""
    from runyard.service.recovery import attempt_words
    from runyard.service.runs import state

    say(f"run {run_id}, log {rt.yard.run(run_id).log}")
    code = _attempt(rt, run_id, attempt)
    while code == DONE and not (now := state(rt, run_id)).has_ended:
        say(attempt_words(rt, run_id) or f"attempt {now.attempt}")
        if now.launched_by == "foreground" and now.status == "queued":
            code = _attempt(rt, run_id, now.attempt)
        else:  # the queue was quicker
            try:
                follow(rt, [run_id], is_over=lambda: False, on_look=_pumping(rt))
            except KeyboardInterrupt:
                code = INTERRUPTED
                _cancel(rt, run_id)
    return code or _say_how_it_ended(rt, run_id)


def _attempt(rt: Runtime, run_id: UUID, attempt: int) -> int:
    """Run one attempt to its end; returns 130 when it was interrupted."""
    from runyard.service.processes import run_in_foreground
    from runyard.service.pump import pump

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
    with suppress(Unavailable):  # while the store is held; whoever pumps next does it
        pump(rt, wait_seconds=5.0, foreground=run_id)  # also sees a run that died without a last word
    return code


def _pumping(rt: Runtime) -> Callable[[], None]:
    from runyard.service.pump import pump

    def look() -> None:
        pump(rt)

    return look


def _cancel(rt: Runtime, run_id: UUID) -> None:
    from runyard.core.errors import Conflict
    from runyard.service import runs

    say("Stopping after this step; a checkpoint is kept. Ctrl-C again kills it.")
    try:
        runs.cancel(rt, str(run_id), by="cli")
    except Conflict:  # it ended in the meantime
        return
    except Unavailable:  # the store is held; the run itself looks for this file
        rt.yard.run(run_id).cancel.touch()


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
    if row["verdict"]:
        say(row["verdict"])
    return FAILED
