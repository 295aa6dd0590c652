"""The configuration of a training run, from YAML or a mapping to one frozen model and back."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from runyard.config.aliases import to_canonical_names
from runyard.config.combinations import METHODS, TYPES, contradictions, following
from runyard.config.dataset import TrainingData
from runyard.config.few_shot import FewShot
from runyard.config.models import Model
from runyard.config.monitoring import Monitoring
from runyard.config.nested import merged
from runyard.config.part import ADVANCED, BASIC, Part, Whole, with_default
from runyard.config.problems import problems_of, without
from runyard.config.recovery import Recovery
from runyard.config.reinforcement import Algorithm, Dpo, is_rewarded
from runyard.config.training import (
    Deployment,
    Evaluation,
    Hyperparameters,
    Optimization,
    Resources,
)
from runyard.config.yaml_text import read_yaml
from runyard.core.errors import Invalid, Problem

_SHORT_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
_BY_MODEL = {model.model_fields["model_type"].default: model for model in METHODS}


class RunConfig(Part):
    """Everything that a training run needs to know."""

    name: str = Field(
        default="run",
        min_length=1,
        max_length=120,
        pattern=r"^[^\x00-\x1f/@][^\x00-\x1f/]*$",
        title="Name",
        description="What you call the run; names may repeat.",
        json_schema_extra=BASIC,
    )
    agent: str = Field(
        default="default",
        max_length=64,
        pattern=_SHORT_NAME,
        title="Agent",
        description="Whose model this is; the versions of an agent are compared with each other.",
        json_schema_extra=BASIC,
    )
    workspace: str = Field(
        default="default",
        max_length=64,
        pattern=_SHORT_NAME,
        title="Workspace",
        description="Group of runs that share their settings.",
        json_schema_extra=ADVANCED,
    )
    training_type: Literal["from_scratch", "fine_tuning", "transfer_learning", "few_shot", "reinforcement"] = Field(
        default="fine_tuning",
        title="Training type",
        description="Whether the run starts from pretrained weights or a saved model; follows the model.",
        json_schema_extra=ADVANCED,
    )
    start_from: str | None = Field(
        default=None,
        min_length=1,
        max_length=200,
        title="Start from",
        description="The saved model that a transfer starts from: a run, AGENT@VERSION or AGENT@latest.",
        json_schema_extra=ADVANCED,
    )
    method: Literal["full", "lora", "frozen"] = Field(
        default="lora",
        title="Method",
        description="Train all weights, adapters beside them, or the head alone; follows the model.",
        json_schema_extra=BASIC,
    )
    seed: Whole = Field(
        default=0,
        ge=0,
        le=2**32 - 1,
        title="Seed",
        description="Runs that differ in the seed alone are replicates.",
        json_schema_extra=BASIC,
    )
    tags: tuple[str, ...] = Field(
        default=(),
        max_length=50,
        title="Tags",
        description="Words to find the run by.",
        json_schema_extra=ADVANCED,
    )
    model: Model = Field(title="Model", description="What is trained.", json_schema_extra=BASIC)
    training_data: TrainingData = Field(title="Data", description="What it learns from.", json_schema_extra=BASIC)
    few_shot: FewShot = Field(
        default_factory=FewShot,
        title="Few shots",
        description="How few examples; used by training type few_shot alone.",
        json_schema_extra=ADVANCED,
    )
    reinforcement: Algorithm = Field(
        default_factory=Dpo,
        title="Reinforcement",
        description="From preferences or rewards; used by training type reinforcement alone.",
        json_schema_extra=ADVANCED,
    )
    hyperparameters: Hyperparameters = Field(
        default_factory=Hyperparameters,
        title="Hyperparameters",
        description="The numbers that a search would turn.",
        json_schema_extra=BASIC,
    )
    optimization: Optimization = Field(
        default_factory=Optimization,
        title="Optimization",
        description="How the weights move.",
        json_schema_extra=BASIC,
    )
    evaluation: Evaluation = Field(
        default_factory=Evaluation,
        title="Evaluation",
        description="What is measured.",
        json_schema_extra=ADVANCED,
    )
    deployment: Deployment = Field(
        default_factory=Deployment,
        title="Deployment",
        description="What happens afterwards.",
        json_schema_extra=ADVANCED,
    )
    monitoring: Monitoring = Field(
        default_factory=Monitoring,
        title="Monitoring",
        description="What is written down.",
        json_schema_extra=ADVANCED,
    )
    resources: Resources = Field(
        default_factory=Resources,
        title="Resources",
        description="What the run may use.",
        json_schema_extra=ADVANCED,
    )
    recovery: Recovery = Field(
        default_factory=Recovery,
        title="Recovery",
        description="What happens when it fails.",
        json_schema_extra=ADVANCED,
    )

    @model_validator(mode="before")
    @classmethod
    def _follow_the_model(cls, values: Any) -> Any:
        """Method and training type, where not given, are the first that go with the model."""
        if not isinstance(values, dict):
            return values
        given = values.get("model")
        name = given.get("model_type") if isinstance(given, dict) else getattr(given, "model_type", None)
        part = _BY_MODEL.get(name) if isinstance(name, str) else None
        if part is None:
            return values
        usual = TYPES[part][0] if values.get("start_from") is None else "transfer_learning"
        if values.get("few_shot") not in (None, FewShot(), FewShot().model_dump()):
            usual = "few_shot"
        usual = values.get("training_type") or usual
        if usual == "reinforcement" and is_rewarded(values.get("reinforcement")):
            values = _judged_by_reward(values)
        from_nothing = usual == "from_scratch" and "full" in METHODS[part]
        follow = {"method": "full" if from_nothing else METHODS[part][0], "training_type": usual}
        filled = {**values, **{key: value for key, value in follow.items() if values.get(key) is None}}
        for section, defaults in following(part).items():
            given = values.get(section, {})
            for key, default in defaults.items():
                given = with_default(given, key, default)
            filled[section] = given
        return filled

    @model_validator(mode="after")
    def _agree(self) -> "RunConfig":
        found = [*contradictions(self), *_of_fallback(self)]
        if found:
            raise PydanticCustomError("contradictions", "settings contradict each other", {"problems": found})
        return self


def with_changes(config: RunConfig, changes: dict[str, Any]) -> RunConfig:
    """Return the config with some sections changed, such as `{"hyperparameters": {"learning_rate": 1e-4}}`.

    Raises:
        Invalid: with every mistake at once.
    """
    return parse_run_config(merged(canonical(config), changes))


def _of_fallback(config: RunConfig) -> list[Problem]:
    """Try the fallback before it is needed."""
    if not config.recovery.fallback:
        return []
    values = {**canonical(config), "recovery": {}}
    try:
        parse_run_config(merged(values, config.recovery.fallback))
    except Invalid as error:
        return [replace(problem, path=f"recovery.fallback.{problem.path}") for problem in error.problems]
    return []


def _judged_by_reward(values: dict[str, Any]) -> dict[str, Any]:
    """Where answers are rewarded, the best epoch is that of the highest reward, if nothing else is said."""
    optimization = values.get("optimization", {})
    if not isinstance(optimization, dict):
        return values
    stopping = optimization.get("early_stopping", {})
    if not isinstance(stopping, dict):
        return values
    return {**values, "optimization": {**optimization, "early_stopping": with_default(stopping, "monitor", "reward")}}


def load_run_config(source: str | Path) -> RunConfig:
    """Read a run's YAML: a path, or the text itself (which holds a colon and a line break or a space).

    Raises:
        NotFound: there is no such file.
        Invalid: with every mistake at once, or the line of a YAML syntax error.
    """
    return parse_run_config(read_yaml(source))


def parse_run_config(values: Any) -> RunConfig:
    """Make a config of a mapping; aliases are accepted.

    Raises:
        Invalid: with every mistake at once.
    """
    if not isinstance(values, dict):
        found = "is empty" if values is None else f"holds a {type(values).__name__}"
        raise Invalid(f"The configuration {found}; it must be a mapping.", hint="See examples/train.yaml.")
    canonical_names, problems = to_canonical_names(values)
    try:
        config = RunConfig.model_validate(canonical_names)
    except ValidationError as error:
        problems += problems_of(error, RunConfig)
        problems += _contradictions_of_the_rest(canonical_names, error)
    if problems:
        raise _invalid(problems)
    return config


def _contradictions_of_the_rest(values: dict[str, Any], error: ValidationError) -> list[Problem]:
    """Look at what remains without the wrong fields, so that all mistakes show at once."""
    wrong = {".".join(str(part) for part in line["loc"]) for line in error.errors()}
    try:
        RunConfig.model_validate(without(values, error, RunConfig))
    except ValidationError as second:
        fresh = [line for line in second.errors() if ".".join(str(p) for p in line["loc"]) not in wrong]
        return [p for line in fresh if line["type"] == "contradictions" for p in line["ctx"]["problems"]]
    return []


def _invalid(problems: list[Problem]) -> Invalid:
    unique = sorted(dict.fromkeys(problems), key=lambda problem: problem.path)
    count = "one mistake" if len(unique) == 1 else f"{len(unique)} mistakes"
    return Invalid(f"The configuration has {count}.", hint="See examples/train.yaml.", problems=unique)


def canonical(config: RunConfig) -> dict[str, Any]:
    """Return the whole config, defaults included, as plain JSON values."""
    return config.model_dump(mode="json")


def chosen(config: Part) -> dict[str, Any]:
    """Return what differs from the defaults, as plain JSON values; the kind of a part always stands there."""
    differing: dict[str, Any] = {}
    plain = config.model_dump(mode="json")
    for name, field in type(config).model_fields.items():
        value = getattr(config, name)
        if name in ("kind", "model_type"):
            differing[name] = value
        elif isinstance(value, Part):
            default = None if field.is_required() else field.get_default(call_default_factory=True)
            if value != default:
                differing[name] = chosen(value)
        elif field.is_required() or value != field.get_default(call_default_factory=True):
            differing[name] = plain[name]
    return differing


def digest(config: RunConfig) -> str:
    """Return the sha256 of the canonical JSON of what differs from the defaults."""
    return _sha256(chosen(config))


def replicate_group(config: RunConfig) -> str:
    """Return the digest without what does not change the experiment: runs of one group are replicates."""
    values = chosen(config)
    for key in ("seed", "name", "tags", "monitoring", "resources", "recovery", "workspace"):
        values.pop(key, None)
    if "path" in values["training_data"]:
        values["training_data"]["path"] = Path(values["training_data"]["path"]).name
    return _sha256(values)


def _sha256(values: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def to_yaml(config: RunConfig, *, full: bool = True) -> str:
    """Return the YAML that gives this config again; without `full`, only what differs from the defaults."""
    values = canonical(config) if full else chosen(config)
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=110)
