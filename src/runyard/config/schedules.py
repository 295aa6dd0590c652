"""The learning rate schedules that a run can name, and `lr_at`: the rate as a pure function of the step.

Pages draw the curve with the same function that the loop steps with, so a resume needs one integer.
"""

import math
from functools import singledispatch
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from runyard.config.part import ADVANCED, BASIC, Part, Real, Whole, named

_MIN = Field(
    default=0.0,
    ge=0,
    le=10,
    title="Lowest rate",
    description="The rate never falls below this.",
    json_schema_extra=ADVANCED,
)


class Constant(Part):
    """The same rate after the warm-up."""

    kind: Literal["constant"] = Field(default="constant", title="Schedule", description="The rate stays where it is.")


class Linear(Part):
    """A straight line down to the lowest rate."""

    kind: Literal["linear"] = Field(default="linear", title="Schedule", description="A straight line down.")
    min_lr: Real = _MIN


class Cosine(Part):
    """Half a cosine down to the lowest rate."""

    kind: Literal["cosine"] = Field(default="cosine", title="Schedule", description="Half a cosine down.")
    min_lr: Real = _MIN
    total_steps: Whole | None = Field(
        default=None,
        ge=1,
        title="Total steps",
        description="Where the cosine ends; empty for the end of the run.",
        json_schema_extra=ADVANCED,
    )


class Polynomial(Part):
    """A power of the remaining share of the run."""

    kind: Literal["polynomial"] = Field(default="polynomial", title="Schedule", description="A power of what remains.")
    power: Real = Field(
        default=1.0,
        gt=0,
        le=10,
        title="Power",
        description="1 is a straight line, 2 a parabola.",
        json_schema_extra=BASIC,
    )
    min_lr: Real = _MIN


class Exponential(Part):
    """The rate times `decay_rate` for every `decay_steps` steps."""

    kind: Literal["exponential"] = Field(
        default="exponential", title="Schedule", description="A constant factor per step."
    )
    decay_rate: Real = Field(
        default=0.96, gt=0, le=1, title="Decay rate", description="The factor.", json_schema_extra=BASIC
    )
    decay_steps: Whole = Field(
        default=100,
        ge=1,
        title="Decay steps",
        description="Steps after which the factor is reached once.",
        json_schema_extra=BASIC,
    )
    min_lr: Real = _MIN


Schedule = Annotated[
    Constant | Linear | Cosine | Polynomial | Exponential, Field(discriminator="kind"), BeforeValidator(named)
]


def lr_at(schedule: Part, step: int, *, base: float, warmup: int, total: int) -> float:
    """Return the learning rate of the optimizer step with the 0-based index `step` of `total`.

    The warm-up rises in a straight line from 0 to `base` over `warmup` steps, as in transformers.
    """
    if step < warmup:
        return base * step / warmup
    rate = _after_warmup(schedule, step - warmup, base, max(1, total - warmup))
    return max(rate, min(base, getattr(schedule, "min_lr", 0.0)))


@singledispatch
def _after_warmup(schedule: Part, step: int, base: float, span: int) -> float:
    raise TypeError(f"no rate for {type(schedule).__name__}")


@_after_warmup.register
def _(schedule: Constant, step: int, base: float, span: int) -> float:
    return base


@_after_warmup.register
def _(schedule: Linear, step: int, base: float, span: int) -> float:
    return base * (1 - min(1.0, step / span))


@_after_warmup.register
def _(schedule: Cosine, step: int, base: float, span: int) -> float:
    done = min(1.0, step / (schedule.total_steps or span))
    low = min(schedule.min_lr, base)
    return low + (base - low) * 0.5 * (1 + math.cos(math.pi * done))


@_after_warmup.register
def _(schedule: Polynomial, step: int, base: float, span: int) -> float:
    low = min(schedule.min_lr, base)
    return float(low + (base - low) * (1 - min(1.0, step / span)) ** schedule.power)


@_after_warmup.register
def _(schedule: Exponential, step: int, base: float, span: int) -> float:
    return float(base * schedule.decay_rate ** (step / schedule.decay_steps))
