"""Presets: a training described by what it is for. The four of Runyard lie beside as YAML, own ones in the yard."""

import re
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import yaml
from pydantic import Field, ValidationError

from runyard.config.combinations import METHODS
from runyard.config.part import Part, Real
from runyard.config.problems import problems_of
from runyard.config.run import RunConfig, chosen, parse_run_config
from runyard.core.errors import Invalid, Problem
from runyard.presets.model_facts import ModelFacts

NAME = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,59}$"
# Kinds of models that are made from nothing, and so are chosen by their kind alone.
BARE = tuple(str(part.model_fields["model_type"].default) for part in METHODS if "base_model" not in part.model_fields)
# What says which run it is, and not how it trains.
_OF_ONE_RUN = ("name", "agent", "workspace", "seed", "tags", "start_from", "hyperparameters", "method")
_OF_ITS_DATA = ("source", "path", "format")


class Hardware(Part):
    """What a preset runs well on."""

    gpu: Literal["not needed", "helpful", "recommended"] = "helpful"
    note: str = ""


class Preset(Part):
    """A training but for its model and its data."""

    name: str = Field(pattern=NAME)
    title: str = Field(min_length=1, max_length=80)
    description: str = Field(default="", max_length=500)
    difficulty: Literal["beginner", "intermediate", "advanced"] = "intermediate"
    estimated_time: str = Field(default="", max_length=40)
    memory_requirements_gb: Real | None = Field(default=None, gt=0)
    type: str = Field(description="The method: lora, full or frozen.")
    model_types: tuple[str, ...] = Field(min_length=1)
    tasks: tuple[str, ...] = ()
    hyperparameters: dict[str, Any]
    settings: dict[str, Any] = Field(default_factory=dict)
    hardware: Hardware = Hardware()
    recommended_uses: tuple[str, ...] = ()
    from_run: str | None = None


@cache
def builtin() -> tuple[Preset, ...]:
    """Return the presets that come with Runyard, the easiest first."""
    folder = files("runyard.presets") / "shipped"
    found = [read_preset(path.read_text("utf-8")) for path in folder.iterdir() if path.name.endswith(".yaml")]
    return tuple(sorted(found, key=lambda preset: preset.memory_requirements_gb or 0))


def read_preset(text: str) -> Preset:
    """Make a preset of its YAML.

    Raises:
        Invalid: with every mistake.
    """
    try:
        return Preset.model_validate(yaml.safe_load(text))
    except (ValidationError, yaml.YAMLError) as error:
        problems = problems_of(error, Preset) if isinstance(error, ValidationError) else [Problem("", str(error))]
        raise Invalid(
            "This preset cannot be used.",
            hint="Compare it with one of Runyard's: runyard presets show quick",
            problems=problems,
        ) from error


def to_config(
    preset: Preset,
    *,
    model_id: str,
    model: ModelFacts | None,
    dataset_id: str,
    is_file: bool = False,
    name: str | None = None,
) -> RunConfig:
    """Return the run that a preset makes of a model and a data set.

    Args:
        model_id: a model of the yard, or the kind of a net, such as cnn1d.
        model: what is known of the model; None for a net.
        is_file: the data are a path, not the name of a data set of the yard.

    Raises:
        Invalid: the values do not go together.
    """
    settings = {section: dict(values) for section, values in preset.settings.items() if isinstance(values, dict)}
    settings |= {section: value for section, value in preset.settings.items() if section not in settings}
    part = settings.get("model", {})
    kind = kind_for(preset, model_id, model) or ""
    own = {"model_type": kind} if model is None else {"model_type": kind, "base_model": model_id}
    keep = part if part.get("model_type", kind) == kind else {}
    of_file = {"path" if is_file else "source": dataset_id}
    return parse_run_config(
        {
            **settings,
            "name": name or f"{preset.title}: {model_id.rpartition('/')[2]}",
            "agent": re.sub(r"[^A-Za-z0-9._-]+", "-", dataset_id.rpartition("/")[2]).strip("-._")[:64] or "default",
            "method": preset.type,
            "model": {**keep, **own},
            "training_data": {**settings.get("training_data", {}), **of_file},
            "hyperparameters": preset.hyperparameters,
        }
    )


def kind_for(preset: Preset, model_id: str, model: ModelFacts | None) -> str | None:
    """Return the model type that a preset makes of a model; None where it is of no kind that Runyard trains."""
    if model is None:
        return model_id
    if model.kind not in preset.model_types and "encoder_logreg" in preset.model_types:
        return "encoder_logreg" if model.kind == "text_encoder" else model.kind
    return model.kind


def from_config(config: RunConfig, *, name: str, title: str = "", description: str = "", **facts: Any) -> Preset:
    """Return the preset that trains like a run: everything but its model's name, its data and its identity.

    Args:
        facts: further fields of the preset, such as memory_requirements_gb.

    Raises:
        Invalid: the name cannot be used, or the description is too long.
    """
    settings = {key: value for key, value in chosen(config).items() if key not in _OF_ONE_RUN}
    settings["model"] = {key: value for key, value in settings["model"].items() if key != "base_model"}
    data = {key: value for key, value in settings["training_data"].items() if key not in _OF_ITS_DATA}
    settings = {**settings, "training_data": data, "training_type": config.training_type}
    if config.training_type == "transfer_learning":
        del settings["training_type"]  # which needs the saved model it started from; that is of this one run
    kind = config.model.model_type
    if not re.match(NAME, name):
        problem = Problem("name", f"{name!r} cannot be used")
        hint = "Letters, digits, - and _, at most 60, with a letter or digit first."
        raise Invalid("The preset cannot be saved.", hint=hint, problems=[problem])
    try:
        return Preset(
            name=name,
            title=title or name.replace("_", " ").replace("-", " ").capitalize(),
            description=description,
            type=config.method,
            model_types=(kind,),
            hyperparameters=chosen(config.hyperparameters),
            settings={key: value for key, value in settings.items() if value},
            **facts,
        )
    except ValidationError as error:
        raise Invalid("The preset cannot be saved.", problems=problems_of(error, Preset)) from error
