"""Learning from a few examples of each class, and how often that is tried with others."""

from pydantic import Field

from runyard.config.part import BASIC, Part, Whole


class FewShot(Part):
    """How many examples a run of training type few_shot learns from; it is judged on all that were held out."""

    shots: Whole = Field(
        default=8,
        ge=1,
        le=10_000,
        title="Examples of each class",
        description="Drawn from the training part by the seed of the run.",
        json_schema_extra=BASIC,
    )
    draws: Whole = Field(
        default=5,
        ge=1,
        le=100,
        title="Draws",
        description="Runs with other examples, one for each seed from that of the run on.",
        json_schema_extra=BASIC,
    )
