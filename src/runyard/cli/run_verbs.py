"""`runs`, `show`, `cancel`: looking at runs, and stopping one."""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from runyard.cli.output import Format, FormatOption, say, write_rows
from runyard.cli.session import fold, opened
from runyard.core.errors import NotFound

if TYPE_CHECKING:
    from uuid import UUID

    from runyard.runtime import Runtime

RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="Id, unique prefix, name, @latest or @best:METRIC.")]
_SHOWN = ("id", "name", "status", "agent", "epochs", "best_loss", "best_epoch", "wasted_epochs", "hours", "queued_at")
_SHORT_ID = 18  # the time to the millisecond and twelve random bits: unique, and a prefix is enough to name a run
_JSON_COLUMNS = ("config", "package_versions")


class Status(StrEnum):
    """What a run can be."""

    queued = "queued"
    running = "running"
    completed = "completed"
    failed = "failed"
    cancelled = "cancelled"


def add_to(app: typer.Typer) -> None:
    """Register the verbs of this module."""
    app.command()(runs)
    app.command()(show)
    app.command()(cancel)


def runs(
    context: typer.Context,
    status: Annotated[list[Status] | None, typer.Option("--status", help="Only these; may be given again.")] = None,
    agent: Annotated[str | None, typer.Option("--agent", help="Only the runs of this agent.")] = None,
    tag: Annotated[str | None, typer.Option("--tag", help="Only the runs with this tag.")] = None,
    group: Annotated[str | None, typer.Option("--group", help="Only the runs of this group.")] = None,
    archived: Annotated[bool, typer.Option("--archived", help="The archived ones instead.")] = False,
    everything: Annotated[bool, typer.Option("--all", help="Archived and deleted ones, too.")] = False,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1_000_000, help="At most so many, newest first.")] = 50,
    layout: FormatOption = Format.table,
) -> None:
    """List runs, newest first.

    The table shows progress, best loss and the epochs wasted after the best one; json and csv have every column of
    the view run_overview besides. Archived and deleted runs are left out unless they are asked for. An id may be
    shortened as the table shows it wherever a RUN is asked for.
    """
    from runyard.queries.runs import Kept, listing
    from runyard.queries.waste import of_runs

    with opened(context) as rt:
        fold(rt, verb="runs")
        kept: Kept = "all" if everything else "archived" if archived else "listed"
        query = listing(limit=limit, statuses=tuple(status or ()), agent=agent, tag=tag, group=group, kept=kept)
        wasted = of_runs().frame(rt).select("id", "wasted_epochs")
        found = query.frame(rt).join(wasted, on="id", how="left", maintain_order="left")
        rows = found.to_dicts()
        write_rows(map(_line, rows) if layout is Format.table else rows, found.columns, layout, shown=_SHOWN)
        if found.is_empty():
            narrowed = status or agent or tag or group or archived
            say("No run is like that." if narrowed else "There are no runs to list.")
        elif found.height == limit:
            say(f"The newest {limit} runs; --limit shows more.")


def show(
    context: typer.Context,
    run: RunArgument,
    plain: Annotated[bool, typer.Option("--plain", help="In plain language instead of numbers.")] = False,
    layout: FormatOption = Format.table,
) -> None:
    """Show everything about one run.

    RUN is an id, a unique beginning of one (at least four characters), a name (the newest of that name), @latest,
    or @best:METRIC (@best:val_loss is the smallest, any other metric the largest unless its goal is min). JSON is an
    array of one object; of a language model it has `samples`, the prompts it answered before and after.
    """
    from runyard.queries import samples
    from runyard.queries.runs import report
    from runyard.service.runs import resolve

    with opened(context) as rt:
        fold(rt, verb="show")
        run_id = resolve(rt, run)
        if plain:
            _tell(rt, run_id, layout)
            return
        found = report(run_id).frame(rt)
        if found.is_empty():
            raise NotFound(f"Run {run_id} is not in the tables yet.", hint="Try again in a moment.")
        row = found.row(0, named=True)
        if layout is Format.table:
            row = _unpacked(row) | {"config": str(rt.yard.run(run_id).config)}
            fields = [{"field": name, "value": value} for name, value in row.items() if value is not None]
            write_rows(fields, ("field", "value"), layout)
        else:
            said = samples.of_run(run_id).frame(rt).to_dicts() if layout is Format.json else []
            more = {"samples": said} if said else {}
            write_rows([_unpacked(row) | more], (*found.columns, *more), layout)


def _tell(rt: Runtime, run_id: UUID, layout: Format) -> None:
    """Say how a run does in sentences; json and csv have the same in one row."""
    from dataclasses import asdict

    from runyard.service.plain import tell

    told = tell(rt, run_id)
    if layout is not Format.table:
        write_rows([asdict(told)], tuple(asdict(told)), layout)
        return
    remaining = told.remaining and f"{100 * told.progress:.0f} % done, {told.remaining}."
    for line in (told.result or told.status, remaining, "" if told.result else told.loss):
        if line:
            typer.echo(line)
    for worry in told.worries:
        typer.echo(f"Careful: {worry.message} {worry.advice}")
    for number, step in enumerate(told.steps, start=1):
        typer.echo(f"{number}. {step}")


def cancel(
    context: typer.Context,
    run: RunArgument,
    force: Annotated[bool, typer.Option("--force", help="Kill it: what it did since its checkpoint is lost.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before --force.")] = False,
) -> None:
    """Stop a run; it can be resumed.

    A queued run leaves the queue, a running one finishes its step and keeps a checkpoint. --force kills a run that
    does not listen, after asking; it can be resumed, too, but from its last checkpoint.
    """
    from runyard.service import runs as service

    with opened(context) as rt:
        found = service.state(rt, service.resolve(rt, run))
        name = found.name or str(found.id)
        if force and not yes:
            if not sys.stdin.isatty():
                raise typer.BadParameter("needs --yes where nobody can be asked", param_hint="--force")
            typer.confirm(f"Kill {name} ({found.id}, {found.status})?", abort=True, err=True)
        after = service.cancel(rt, str(found.id), by="cli", force=force)
        said = "is cancelled" if after.has_ended else "was asked to stop; it ends after its present step"
        say(f"{name} {said}.")
        typer.echo(str(found.id))


def _line(row: dict[str, Any]) -> dict[str, Any]:
    planned = "?" if row["total_epochs"] is None else row["total_epochs"]
    return {
        **row,
        "id": str(row["id"])[:_SHORT_ID],
        "agent": row["agent_id"],
        "epochs": f"{row['completed_epochs'] or 0}/{planned}",
        "best_loss": row["best_validation_loss"],
        "hours": row["compute_hours"],
    }


def _unpacked(row: dict[str, Any]) -> dict[str, Any]:
    import orjson

    return {name: orjson.loads(value) if name in _JSON_COLUMNS and value else value for name, value in row.items()}
