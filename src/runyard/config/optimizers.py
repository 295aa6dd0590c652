"""The optimizers that a run can name. Each is built once, in `train/optimizers.py`."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from runyard.config.part import ADVANCED, BASIC, Part, Real, named


class Adam(Part):
    """Adaptive moments; weight decay acts through the gradient."""

    kind: Literal["adam"] = Field(default="adam", title="Optimizer", description="Adam, Kingma and Ba 2015.")
    beta1: Real = Field(
        default=0.9,
        ge=0,
        lt=1,
        title="Beta 1",
        description="Decay of the mean of the gradients.",
        json_schema_extra=ADVANCED,
    )
    beta2: Real = Field(
        default=0.999,
        ge=0,
        lt=1,
        title="Beta 2",
        description="Decay of the mean of their squares.",
        json_schema_extra=ADVANCED,
    )
    epsilon: Real = Field(
        default=1e-8,
        gt=0,
        le=1,
        title="Epsilon",
        description="Keeps the division away from zero.",
        json_schema_extra=ADVANCED,
    )


class AdamW(Part):
    """Adam with decoupled weight decay: the usual choice for transformers."""

    kind: Literal["adamw"] = Field(default="adamw", title="Optimizer", description="AdamW, Loshchilov and Hutter 2019.")
    beta1: Real = Field(
        default=0.9,
        ge=0,
        lt=1,
        title="Beta 1",
        description="Decay of the mean of the gradients.",
        json_schema_extra=ADVANCED,
    )
    beta2: Real = Field(
        default=0.999,
        ge=0,
        lt=1,
        title="Beta 2",
        description="Decay of the mean of their squares.",
        json_schema_extra=ADVANCED,
    )
    epsilon: Real = Field(
        default=1e-8,
        gt=0,
        le=1,
        title="Epsilon",
        description="Keeps the division away from zero.",
        json_schema_extra=ADVANCED,
    )


class Sgd(Part):
    """Stochastic gradient descent, with momentum if asked for."""

    kind: Literal["sgd"] = Field(default="sgd", title="Optimizer", description="Stochastic gradient descent.")
    momentum: Real = Field(
        default=0.0,
        ge=0,
        lt=1,
        title="Momentum",
        description="Share of the last step that is taken again.",
        json_schema_extra=BASIC,
    )
    nesterov: bool = Field(
        default=False,
        title="Nesterov",
        description="Look ahead along the momentum; needs a momentum above 0.",
        json_schema_extra=ADVANCED,
    )


class RmsProp(Part):
    """Gradients divided by the root of their mean square."""

    kind: Literal["rmsprop"] = Field(default="rmsprop", title="Optimizer", description="RMSprop, Hinton 2012.")
    rho: Real = Field(
        default=0.99,
        ge=0,
        lt=1,
        title="Rho",
        description="Decay of the mean of the squared gradients.",
        json_schema_extra=ADVANCED,
    )
    momentum: Real = Field(
        default=0.0,
        ge=0,
        lt=1,
        title="Momentum",
        description="Share of the last step that is taken again.",
        json_schema_extra=ADVANCED,
    )
    epsilon: Real = Field(
        default=1e-8,
        gt=0,
        le=1,
        title="Epsilon",
        description="Keeps the division away from zero.",
        json_schema_extra=ADVANCED,
    )


Optimizer = Annotated[Adam | AdamW | Sgd | RmsProp, Field(discriminator="kind"), BeforeValidator(named)]
