"""`record execution|feedback|update|task-score`: models in use, one by one or as JSON lines."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Annotated, Any

import typer

from runyard.cli.output import say
from runyard.cli.session import opened
from runyard.core.errors import Invalid, NotFound, Problem, Unavailable

_FROM = typer.Option(
    "--from",
    metavar="FILE",
    help="JSON lines with these options as keys, such as latency_ms; - is stdin. Without an id a line is always new.",
)
From = Annotated[Path | None, _FROM]
Id = Annotated[str | None, typer.Option("--id", help="Names it: recorded again it is still one, with what is new.")]
Agent = Annotated[str | None, typer.Option("--agent", help="Whose model it is; `default` if not given.")]
Version = Annotated[str | None, typer.Option("--version", help="The version by its name.")]
VersionId = Annotated[str | None, typer.Option("--model-version-id", help="The version by its id.")]
User = Annotated[str | None, typer.Option("--user", help="Who used it.")]
CreatedAt = Annotated[
    str | None, typer.Option("--created-at", metavar="TIME", help="ISO 8601, UTC without a zone; now if not given.")
]


def add_to(app: typer.Typer) -> None:
    """Register the verbs of this module."""
    record = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Record how models are used.")
    record.command()(execution)
    record.command()(feedback)
    record.command()(update)
    record.command("task-score")(task_score)
    app.add_typer(record, name="record")


def execution(
    context: typer.Context,
    status: Annotated[
        str | None,
        typer.Option("--status", help="queued, pending, running, cancelled, success, failed, error or timeout."),
    ] = None,
    agent: Agent = None,
    version: Version = None,
    model_version_id: VersionId = None,
    user: User = None,
    latency_ms: Annotated[float | None, typer.Option("--latency-ms", help="How long it took.")] = None,
    inputs: Annotated[
        list[str] | None,
        typer.Option(
            "--input", metavar="NAME=VALUE", help="A feature or score of the input, once for each; watched for drift."
        ),
    ] = None,
    created_at: CreatedAt = None,
    id: Id = None,
    source: From = None,
) -> None:
    """Record a use of a model in production: a row of agent_executions."""
    given: dict[str, Any] = {"status": status, "agent": agent, "version": version, "model_version_id": model_version_id}
    given |= {"user": user, "latency_ms": latency_ms, "created_at": created_at, "id": id}
    given["inputs"] = {name: _value(text) for name, text in map(_pair, inputs)} if inputs else None
    _record(context, "execution", given, source)


def feedback(
    context: typer.Context,
    is_positive: Annotated[
        bool | None, typer.Option("--positive/--negative", help="Whether the user liked it.")
    ] = None,
    agent: Agent = None,
    version: Version = None,
    model_version_id: VersionId = None,
    user: User = None,
    item: Annotated[str | None, typer.Option("--item", help="What was judged.")] = None,
    was_correct_before: Annotated[
        bool | None, typer.Option("--right-before/--wrong-before", help="Before the agent learned.")
    ] = None,
    was_correct_after: Annotated[
        bool | None, typer.Option("--right-after/--wrong-after", help="After the agent learned.")
    ] = None,
    created_at: CreatedAt = None,
    id: Id = None,
    source: From = None,
) -> None:
    """Record a judgement of a user: a row of feedback_events.

    In JSON lines the keys are is_positive, was_correct_before and was_correct_after, each true or false.
    """
    given = {"is_positive": is_positive, "agent": agent, "version": version, "model_version_id": model_version_id}
    given |= {"user": user, "item": item, "created_at": created_at, "id": id}
    given |= {"was_correct_before": was_correct_before, "was_correct_after": was_correct_after}
    _record(context, "feedback", given, source)


def update(
    context: typer.Context,
    status: Annotated[str | None, typer.Option("--status", help="success, failed or rolled_back.")] = None,
    agent: Agent = None,
    from_version: Annotated[str | None, typer.Option("--from-version", help="The version before it.")] = None,
    to_version: Annotated[str | None, typer.Option("--to-version", help="The version that it made.")] = None,
    examples: Annotated[int | None, typer.Option("--examples", help="How many it learned from.")] = None,
    reason: Annotated[str | None, typer.Option("--reason", help="Why, or why it was rolled back.")] = None,
    started_at: Annotated[str | None, typer.Option("--started-at", metavar="TIME", help="ISO 8601.")] = None,
    completed_at: Annotated[str | None, typer.Option("--completed-at", metavar="TIME", help="ISO 8601.")] = None,
    id: Id = None,
    source: From = None,
) -> None:
    """Record an online update of an agent: a row of learning_updates.

    To roll one back, record it again: runyard record update --id ID --status rolled_back --reason "..."
    """
    given: dict[str, Any] = {"status": status, "agent": agent, "from_version": from_version, "to_version": to_version}
    given |= {"examples": examples, "reason": reason, "started_at": started_at, "completed_at": completed_at, "id": id}
    _record(context, "update", given, source)


def task_score(
    context: typer.Context,
    score: Annotated[float | None, typer.Option("--score", help="On the task's held-out examples.")] = None,
    update_index: Annotated[
        int | None, typer.Option("--update", help="The update it was scored after; 0 is the untrained model.")
    ] = None,
    task_index: Annotated[int | None, typer.Option("--learned-by", help="The update that learned the task.")] = None,
    agent: Agent = None,
    task: Annotated[str | None, typer.Option("--task", help="The task by its name.")] = None,
    higher_is_better: Annotated[
        bool | None, typer.Option("--higher-is-better/--lower-is-better", help="Higher if not given.")
    ] = None,
    scored_at: Annotated[str | None, typer.Option("--scored-at", metavar="TIME", help="ISO 8601.")] = None,
    id: Id = None,
    source: From = None,
) -> None:
    """Record how an agent does on a task after an update: a row of task_scores.

    In JSON lines the keys are score, update_index, task_index, task and higher_is_better. Scored anew, the same agent,
    update and task are still one row.
    """
    given: dict[str, Any] = {"score": score, "update_index": update_index, "task_index": task_index, "agent": agent}
    given |= {"task": task, "higher_is_better": higher_is_better, "scored_at": scored_at, "id": id}
    _record(context, "task_score", given, source)


def _record(context: typer.Context, kind: str, given: dict[str, Any], source: Path | None) -> None:
    from runyard import recording
    from runyard.core import records
    from runyard.service.records import events_of_lines

    values = {name: value for name, value in given.items() if value is not None}
    if source is None:
        events = [records.event(kind, values)]
    elif values:
        raise Invalid("--from takes everything from its lines.", hint=f"Leave out {', '.join(values)}.")
    else:
        with _lines(source) as lines:
            events = events_of_lines(kind, lines)
    recording.write(events, home=context.obj)
    recording.close()
    with opened(context, create=True, pumped=False) as rt:
        try:
            rt.store.ingest(verb="record", wait_seconds=5.0)
        except Unavailable as error:
            say(f"It is recorded, and comes into the tables later. {error.message}")
    if source is None:
        typer.echo(events[0]["id"])
    else:
        say(f"{len(events)} lines were recorded.")


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise Invalid("An input needs a value.", problems=[Problem("input", f"{text!r} is no NAME=VALUE")])
    return name, value


def _value(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


@contextmanager
def _lines(source: Path) -> Iterator[IO[str]]:
    if str(source) == "-":
        yield sys.stdin
        return
    try:
        file = source.open(encoding="utf-8", errors="replace")
    except (FileNotFoundError, IsADirectoryError) as error:
        raise NotFound(
            f"{source} cannot be read: {error.strerror}.", hint="Name a file of JSON lines, or -."
        ) from error
    with file:
        yield file
