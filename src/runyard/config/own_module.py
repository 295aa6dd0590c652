"""The configuration of `runyard.fit`: that of a run, with a module of the user's own and data that he hands over."""

from typing import Any, Literal

from pydantic import Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from runyard.config.aliases import to_canonical_names
from runyard.config.combinations import of_optimization
from runyard.config.part import Part, Real, Whole
from runyard.config.problems import problems_of
from runyard.config.run import RunConfig
from runyard.core.errors import Invalid


class OwnModule(Part):
    """A torch module that somebody's own script made."""

    model_type: Literal["own_module"] = Field(default="own_module", title="Model", description="A module of your own.")
    name: str = Field(default="", title="Class", description="The name of its class.")


class GivenData(Part):
    """Arrays that a script hands over, and which share of them is held out where it gives no validation data."""

    validation_split: Real = Field(
        default=0.2, gt=0, lt=1, title="Validation share", description="Share of the examples that is held out."
    )
    split_by: Literal["random", "stratified"] = Field(
        default="stratified", title="Split by", description="Random, or the same share of each class."
    )
    examples: Whole | None = Field(default=None, title="Examples", description="How many were handed over.")
    sha256: str | None = Field(default=None, title="Sum", description="Of their bytes: a resume compares it.")


class FitConfig(RunConfig):
    """Everything that the training of a module of the user's own needs to know beside the module and the data."""

    training_type: Literal["from_scratch", "fine_tuning"] = Field(
        default="from_scratch", title="Training type", description="Whether the module comes with trained weights."
    )
    method: Literal["full"] = Field(default="full", title="Method", description="What has no gradient stays as it is.")
    model: OwnModule = Field(  # type: ignore[assignment]
        default_factory=OwnModule, title="Model", description="What is trained."
    )
    training_data: GivenData = Field(  # type: ignore[assignment]
        default_factory=GivenData, title="Data", description="What it learns from."
    )

    @model_validator(mode="after")
    def _agree(self) -> "FitConfig":
        found = list(of_optimization(self))
        if found:
            raise PydanticCustomError("contradictions", "settings contradict each other", {"problems": found})
        return self


def parse_fit_config(values: dict[str, Any]) -> FitConfig:
    """Make the config of `runyard.fit` of a mapping: flat hyperparameters, or sections as in a run's YAML.

    Raises:
        Invalid: with every mistake at once.
    """
    canonical_names, problems = to_canonical_names(values)
    try:
        config = FitConfig.model_validate(canonical_names)
    except ValidationError as error:
        problems += problems_of(error, FitConfig)
    if problems:
        unique = sorted(dict.fromkeys(problems), key=lambda problem: problem.path)
        count = "one mistake" if len(unique) == 1 else f"{len(unique)} mistakes"
        raise Invalid(f"The configuration has {count}.", hint="See docs/own-modules.md.", problems=unique)
    return config
