"""Presets: Runyard's own and those that people made of their runs; and the start that needs three words."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from runyard.config.run import RunConfig, parse_run_config
from runyard.core.clock import now
from runyard.core.errors import Conflict, Invalid, NotFound, Problem
from runyard.data.facts import DataFacts, data_sets_in, read_data
from runyard.data.sources import data_called, find_model
from runyard.presets.fit import Fitted, fit
from runyard.presets.machine import Machine
from runyard.presets.matching import mismatches
from runyard.presets.model_facts import ModelFacts, models_in, read_model
from runyard.presets.preset import BARE, Preset, builtin, from_config, kind_for, to_config
from runyard.presets.recommend import Choice, Recommended, choose, recommended
from runyard.queries import runs as run_queries
from runyard.runtime import Runtime
from runyard.service.launch import launch
from runyard.service.machine import this_machine
from runyard.service.runs import resolve

AUTO = "auto"
_OWN = "SELECT preset FROM presets ORDER BY name"
_INSERT = "INSERT INTO presets (name, preset, from_run_id, created_at) VALUES (?, ?, ?, ?)"


@dataclass(frozen=True)
class Plan:
    """What a preset makes of a model and a data set on this machine, before anything is started."""

    preset: Preset
    model: ModelFacts | None
    data: DataFacts | None
    fitted: Fitted

    @property
    def config(self) -> RunConfig:
        return self.fitted.config


def all_presets(rt: Runtime) -> list[Preset]:
    """Return Runyard's presets, the easiest first, then the yard's own by name."""
    return [*builtin(), *own_presets(rt)]


def own_presets(rt: Runtime) -> list[Preset]:
    """Return the presets that were saved in this yard."""
    if not rt.store.version:
        return []
    return [Preset.model_validate(json.loads(text)) for text in rt.store.read(_OWN)["preset"]]


def find_preset(rt: Runtime, name: str) -> Preset:
    """Return a preset by its name.

    Raises:
        NotFound: there is none of that name.
    """
    known = all_presets(rt)
    for preset in known:
        if preset.name == name:
            return preset
    names = ", ".join(preset.name for preset in known)
    raise NotFound(f"There is no preset {name!r}.", hint=f"There are: {names}.")


def save_preset(rt: Runtime, name: str, run: str, *, description: str = "") -> Preset:
    """Keep how a run was trained as a preset; another own one of that name is replaced.

    Args:
        run: as in `resolve`.

    Raises:
        NotFound: there is no such run.
        Conflict: the name is one of Runyard's own.
        Invalid: the name cannot be used, or the run was not described by a configuration of Runyard.
        Unavailable: the yard cannot be written.
    """
    if any(preset.name == name for preset in builtin()):
        raise Conflict(f"{name} is a preset of Runyard's own.", hint="Take another name.")
    run_id = resolve(rt, run)
    row = run_queries.report(run_id).live(rt).row(0, named=True)
    try:
        config = parse_run_config(json.loads(row["config"] or "{}"))
    except Invalid as error:
        hint = "Only a run that Runyard trained has a configuration to repeat."
        raise Invalid(f"Run {row['name'] or run_id} cannot be made a preset.", hint=hint) from error
    peak, took = row["memory_peak_gb"], row["compute_hours"]
    preset = from_config(
        config,
        name=name,
        description=description or f"As in the run {row['name'] or run_id}.",
        memory_requirements_gb=round(peak, 2) if peak else None,
        estimated_time=_about(took),
        recommended_uses=(f"as on {row['dataset_id']}",) if row["dataset_id"] else (),
        from_run=str(run_id),
    )
    statements: list[tuple[str, list[Any]]] = [
        ("DELETE FROM presets WHERE name = ?", [name]),
        (_INSERT, [name, preset.model_dump_json(), str(run_id), now()]),
    ]
    rt.store.change(statements, verb="presets")
    return preset


def delete_preset(rt: Runtime, name: str) -> None:
    """Delete an own preset; runs that were started with it stay as they are.

    Raises:
        NotFound: there is none of that name.
        Conflict: it is one of Runyard's own.
        Unavailable: the yard cannot be written.
    """
    if any(preset.name == name for preset in builtin()):
        raise Conflict(f"{name} is a preset of Runyard's own and stays.", hint="Own ones can be deleted.")
    if all(preset.name != name for preset in own_presets(rt)):
        own = ", ".join(preset.name for preset in own_presets(rt)) or "none yet"
        raise NotFound(f"There is no own preset {name!r}.", hint=f"Own presets: {own}.")
    rt.store.change([("DELETE FROM presets WHERE name = ?", [name])], verb="presets")


def ranked(rt: Runtime) -> list[Recommended]:
    """Return all presets for this machine, the most fitting first."""
    return recommended(all_presets(rt), this_machine(rt))


def suggested(rt: Runtime, dataset_id: str) -> Choice | None:
    """Return the model of the yard and the preset that go best with a data set here; None where none does.

    Raises:
        NotFound, Invalid: there is no such data set, or it cannot be read.
    """
    data = read_data(data_called(dataset_id, rt.yard), rt.yard)
    return choose(models_in(rt.yard), builtin(), data, this_machine(rt))


def trainable(rt: Runtime) -> tuple[list[str], list[str]]:
    """Return what can be chosen: models of the yard and kinds of nets; data sets."""
    return [*(model.name for model in models_in(rt.yard)), *BARE], data_sets_in(rt.yard)


def plan(rt: Runtime, model_id: str, dataset_id: str, preset_name: str, *, machine: Machine | None = None) -> Plan:
    """Return the run that `start` would start, fitted to this machine.

    Args:
        model_id: a model of the yard, the path of one, or the kind of a net, such as cnn1d; `auto` chooses one.
        preset_name: as in `find_preset`; `auto` takes the easiest for the model that was chosen.
        dataset_id: a data set of the yard, or the path of a file.

    Raises:
        NotFound: there is no such preset, model or data set.
        Invalid: they do not go together; every reason with its remedy.
    """
    model_id, preset_name = _settled(rt, model_id, dataset_id, preset_name)
    preset = find_preset(rt, preset_name)
    given = data_called(dataset_id, rt.yard)
    own = preset.settings.get("training_data", {})
    data = read_data(given.model_copy(update=own), rt.yard)
    model = None
    if model_id not in BARE:
        folder = find_model(model_id, rt.yard)
        model = read_model(folder, folder.name)
    kind = kind_for(preset, model_id, model)
    found = list(mismatches(preset, kind, model, data, presets=all_presets(rt)))
    if found:
        problems = [Problem(one.about, f"{one.message} {one.remedy}") for one in found]
        raise Invalid(f"{preset.title}, {model_id} and {dataset_id} do not go together.", problems=problems)
    is_file = given.path is not None
    config = to_config(preset, model_id=model_id, model=model, dataset_id=dataset_id, is_file=is_file)
    return Plan(preset, model, data, fit(config, machine or this_machine(rt), model, data))


def _settled(rt: Runtime, model_id: str, dataset_id: str, preset_name: str) -> tuple[str, str]:
    """Choose what is left to us; what was named stays, and is refused later if it does not go with the rest."""
    if AUTO not in (model_id, preset_name):
        return model_id, preset_name
    choice = suggested(rt, dataset_id)
    if choice is None:
        hint = "Name a model: see the folder models of the yard, or a kind of net such as cnn1d."
        raise NotFound(f"No model of this yard learns from {dataset_id} on this machine.", hint=hint)
    return (
        choice.model.name if model_id == AUTO else model_id,
        choice.preset.name if preset_name == AUTO else preset_name,
    )


def start(
    rt: Runtime,
    model_id: str,
    dataset_id: str,
    preset_name: str,
    *,
    launched_by: str,
    run_id: UUID | None = None,
) -> UUID:
    """Start a run from a model, a data set and a preset, fitted to this machine; returns its id.

    Raises:
        NotFound, Invalid: as `plan`.
        Invalid: it does not fit this machine, with what would.
        RunyardError: as `launch`.
    """
    found = plan(rt, model_id, dataset_id, preset_name)
    if not found.fitted.fits:
        raise Invalid("This run does not fit the machine.", hint=" ".join(found.fitted.hints))
    return launch(rt, found.config, launched_by=launched_by, run_id=run_id, preset=found.preset.name)


def _about(hours: float | None) -> str:
    if not hours:
        return ""
    return f"about {hours:.1f} h" if hours >= 1 else f"about {max(1, round(60 * hours))} min"
