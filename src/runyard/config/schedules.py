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
        description="Steps after the warm-up until the lowest rate; empty for the end of the run.",
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
    initial_lr: Real = Field(
        default=0.0,
        ge=0,
        le=10,
        title="Rate of the first step",
        description="Where the warm-up starts.",
        json_schema_extra=ADVANCED,
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


class CosineRestarts(Part):
    """Half a cosine down to zero, and again from the top."""

    kind: Literal["cosine_restarts"] = Field(
        default="cosine_restarts", title="Schedule", description="Half a cosine down, several times."
    )
    cycles: Whole = Field(
        default=3, ge=1, le=1000, title="Cycles", description="How often it starts again.", json_schema_extra=BASIC
    )
    min_lr: Real = _MIN


class InverseSqrt(Part):
    """One over the root of the step: Vaswani and others 2017."""

    kind: Literal["inverse_sqrt"] = Field(
        default="inverse_sqrt", title="Schedule", description="One over the root of the step, whatever the end."
    )
    timescale: Whole = Field(
        default=1000,
        ge=1,
        title="Time scale",
        description="Steps after the warm-up until the square of the rate is halved.",
        json_schema_extra=BASIC,
    )
    min_lr: Real = _MIN


class WarmupStableDecay(Part):
    """The same rate until the last share of the run, then a straight line down: Hu and others 2024."""

    kind: Literal["wsd"] = Field(
        default="wsd", title="Schedule", description="Stable, then a straight line down at the end."
    )
    decay_share: Real = Field(
        default=0.1,
        gt=0,
        le=1,
        title="Share of the decay",
        description="The part of the run on which the rate falls.",
        json_schema_extra=BASIC,
    )
    min_lr: Real = _MIN


class OneCycle(Part):
    """Up by half a cosine and down by another: Smith and Topin 2018. It is its own warm-up."""

    kind: Literal["one_cycle"] = Field(
        default="one_cycle", title="Schedule", description="Up to the learning rate, then far below the start."
    )
    rise_share: Real = Field(
        default=0.3,
        gt=0,
        lt=1,
        title="Share of the rise",
        description="The part of the run on which the rate rises.",
        json_schema_extra=BASIC,
    )
    start_divisor: Real = Field(
        default=25.0,
        ge=1,
        title="Divisor of the start",
        description="The first rate is the learning rate divided by this.",
        json_schema_extra=ADVANCED,
    )
    end_divisor: Real = Field(
        default=1e4,
        ge=1,
        title="Divisor of the end",
        description="The last rate is the first one divided by this.",
        json_schema_extra=ADVANCED,
    )


Schedule = Annotated[
    Constant | Linear | Cosine | CosineRestarts | Polynomial | Exponential | InverseSqrt | WarmupStableDecay | OneCycle,
    Field(discriminator="kind"),
    BeforeValidator(named),
]


def lr_at(schedule: Part, step: int, *, base: float, warmup: int, total: int) -> float:
    """Return the learning rate of the optimizer step with the 0-based index `step` of `total`.

    The warm-up rises in a straight line to `base` over `warmup` steps, as in transformers: from 0, or from where the
    schedule says.
    """
    if step < warmup:
        start = min(base, getattr(schedule, "initial_lr", 0.0))
        return start + (base - start) * step / warmup
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


@_after_warmup.register
def _(schedule: CosineRestarts, step: int, base: float, span: int) -> float:
    low, done = min(schedule.min_lr, base), step / span
    return low if done >= 1 else low + (base - low) * 0.5 * (1 + math.cos(math.pi * (schedule.cycles * done % 1)))


@_after_warmup.register
def _(schedule: InverseSqrt, step: int, base: float, span: int) -> float:
    return base / math.sqrt(1 + step / schedule.timescale)


@_after_warmup.register
def _(schedule: WarmupStableDecay, step: int, base: float, span: int) -> float:
    low = min(schedule.min_lr, base)
    return low + (base - low) * max(0.0, min(1.0, (1 - step / span) / schedule.decay_share))


@_after_warmup.register
def _(schedule: OneCycle, step: int, base: float, span: int) -> float:
    first = base / schedule.start_divisor
    top, last = schedule.rise_share * span - 1, span - 1
    if top > 0 and step <= top:
        return _cosine(first, base, step / top)
    return _cosine(base, first / schedule.end_divisor, min(1.0, (step - top) / (last - top)))


def _cosine(start: float, end: float, done: float) -> float:
    return end + (start - end) / 2 * (1 + math.cos(math.pi * done))
