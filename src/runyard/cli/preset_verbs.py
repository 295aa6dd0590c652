"""`presets`, `start`, `preflight`: a run from a model, a data set and a preset, looked at before it starts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from runyard.cli.errors import DONE, FAILED
from runyard.cli.output import Format, FormatOption, say, write_rows
from runyard.cli.session import fold, opened
from runyard.cli.train_verbs import ConfigFile

if TYPE_CHECKING:
    from runyard.presets.estimate import Estimate
    from runyard.service.preflight import Check

PresetName = Annotated[str, typer.Argument(metavar="PRESET", help="As in `presets list`.")]
_LISTED = ("preset", "type", "difficulty", "estimated_time", "memory_gb", "here", "why", "uses")
_CHECKED = ("check", "state", "message", "remedy")


def add_to(app: typer.Typer) -> None:
    """Register the verbs of this module."""
    presets = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="List, show, save and delete presets.")
    presets.command("list")(list_presets)
    presets.command("show")(show_preset)
    presets.command("save")(save_preset)
    presets.command("delete")(delete_preset)
    app.add_typer(presets, name="presets")
    app.command()(start)
    app.command()(preflight)
    app.command("search-space")(search_space)


def list_presets(context: typer.Context, layout: FormatOption = Format.table) -> None:
    """List the presets for this machine, the most fitting first."""
    from runyard.service import presets as service

    with opened(context, pumped=False) as rt:
        fold(rt, verb="presets")
        rows = [
            {
                "preset": one.preset.name,
                "title": one.preset.title,
                "description": one.preset.description,
                "type": one.preset.type,
                "difficulty": one.preset.difficulty,
                "estimated_time": one.preset.estimated_time,
                "memory_gb": one.preset.memory_requirements_gb,
                "here": one.verdict.replace("_", " "),
                "why": one.why,
                "uses": ", ".join(one.preset.recommended_uses),
                "models": list(one.preset.model_types),
                "from_run": one.preset.from_run,
            }
            for one in service.ranked(rt)
        ]
    write_rows(rows, tuple(rows[0]), layout, shown=_LISTED)


def show_preset(context: typer.Context, preset: PresetName) -> None:
    """Show a preset as YAML."""
    import yaml

    from runyard.service import presets as service

    with opened(context, pumped=False) as rt:
        fold(rt, verb="presets")
        found = service.find_preset(rt, preset).model_dump(mode="json", exclude_defaults=True)
    typer.echo(yaml.safe_dump(found, sort_keys=False, allow_unicode=True, width=110), nl=False)


def save_preset(
    context: typer.Context,
    preset: PresetName,
    run: Annotated[str, typer.Option("--from", metavar="RUN", help="The run to take its settings from, as in `show`.")],
    description: Annotated[str, typer.Option("--description", help="What it is for.")] = "",
) -> None:
    """Save how a run was trained as a preset of your own, to be used with other models and data."""
    from runyard.service import presets as service

    with opened(context) as rt:
        saved = service.save_preset(rt, preset, run, description=description)
    say(f"{saved.name} is saved. Try: runyard start MODEL DATASET {saved.name}")


def delete_preset(context: typer.Context, preset: PresetName) -> None:
    """Delete a preset of your own; runs stay as they are."""
    from runyard.service import presets as service

    with opened(context, pumped=False) as rt:
        service.delete_preset(rt, preset)
    say(f"{preset} is deleted.")


def start(
    context: typer.Context,
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="A model of the yard, a kind of net such as cnn1d, or auto.")
    ],
    dataset: Annotated[str, typer.Argument(metavar="DATASET", help="A data set of the yard, or a file.")],
    preset: PresetName,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Look only: changes, checks and estimate.")] = False,
) -> int:
    """Start a run from a model, a data set and a preset.

    The preset is fitted to this machine; what that changes, and why, is said on stderr, as is the estimate of time and
    memory. What does not go together, or does not fit, is refused with its remedy. Prints the id of the run.
    """
    from runyard.service import preflight as checks
    from runyard.service import presets as service
    from runyard.service.estimates import Known, estimate_of

    with opened(context, create=True) as rt:
        found = service.plan(rt, model, dataset, preset)
        if service.AUTO in (model, preset):
            say(f"{found.preset.title} with {found.config.name.partition(': ')[2]}.")
        known = Known(found.model, found.data)
        expected = estimate_of(rt, found.config, known=known)
        for change in found.fitted.changes:
            say(f"{change.setting}: {change.before} -> {change.after}, {change.why}.")
        for hint in found.fitted.hints:
            say(hint)
        looked = checks.preflight(rt, found.config, preset=found.preset, known=known, found=expected)
        for check in looked:
            if check.state != "ok" or dry_run:
                say(f"{check.name}: {check.state}. {check.message} {check.remedy}".rstrip())
        _say_estimate(expected)
        if not checks.is_ready(looked):
            say("Not started.")
            return FAILED
        if not dry_run:
            typer.echo(str(service.start(rt, model, dataset, preset, launched_by="cli")))
        return DONE


def preflight(context: typer.Context, file: ConfigFile, layout: FormatOption = Format.table) -> int:
    """Look at a run before it starts: model, data, memory, disk; exits with 1 if something is in the way."""
    from pathlib import Path

    from runyard.config.run import load_run_config
    from runyard.service import preflight as checks
    from runyard.service.estimates import estimate_of
    from runyard.service.queueing import with_absolute_paths

    config = load_run_config(file)
    with opened(context, pumped=False) as rt:
        config = with_absolute_paths(config, Path.cwd())
        expected = estimate_of(rt, config)
        looked = checks.preflight(rt, config, found=expected)
        write_rows([_row(check) for check in looked], _CHECKED, layout)
        _say_estimate(expected)
        return DONE if checks.is_ready(looked) else FAILED


def search_space(context: typer.Context, file: ConfigFile, layout: FormatOption = Format.table) -> None:
    """List the settings of a run that are worth searching, for its kind of model, with their bounds."""
    from dataclasses import asdict, fields

    from runyard.config.run import load_run_config
    from runyard.config.search_space import Span, suggested_space

    rows = [asdict(span) | {"choices": list(span.choices) or None} for span in suggested_space(load_run_config(file))]
    if not rows:
        say("There is nothing to search for a model of this kind.")
    write_rows(rows, tuple(field.name for field in fields(Span)), layout)


def _row(check: Check) -> dict[str, Any]:
    return {"check": check.name, "state": check.state, "message": check.message, "remedy": check.remedy or None}


def _say_estimate(found: Estimate) -> None:
    from runyard.stats.plain import duration

    memory = found.memory
    said = f"Estimated: {memory.total:.1f} GB of memory ({memory.low:.1f} to {memory.high:.1f})"
    if found.seconds is not None and found.seconds_low is not None and found.seconds_high is not None:
        said += f", {duration(found.seconds)} ({duration(found.seconds_low)} to {duration(found.seconds_high)})"
    say(f"{said}; from {found.basis}.")
