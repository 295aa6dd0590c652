"""The optimizers that a run can name. Each is built once, in `train/optimizers.py`."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from runyard.config.part import ADVANCED, BASIC, Part, Real, named


def _share(default: float, title: str, description: str, group: Any = ADVANCED) -> Any:
    return Field(default=default, ge=0, lt=1, title=title, description=description, json_schema_extra=group)


def _tiny(default: float) -> Any:
    description = "Keeps the division away from zero."
    return Field(default=default, gt=0, le=1, title="Epsilon", description=description, json_schema_extra=ADVANCED)


def _kind(name: str, description: str) -> Any:
    return Field(default=name, title="Optimizer", description=description)


_MOMENTUM = "Share of the last step that is taken again."


class _Moments(Part):
    """What the family of Adam has in common: decaying means of the gradients and of their squares."""

    beta1: Real = _share(0.9, "Beta 1", "Decay of the mean of the gradients.")
    beta2: Real = _share(0.999, "Beta 2", "Decay of the mean of their squares.")
    epsilon: Real = _tiny(1e-8)


class Adam(_Moments):
    """Adaptive moments; weight decay acts through the gradient."""

    kind: Literal["adam"] = _kind("adam", "Adam, Kingma and Ba 2015.")


class AdamW(_Moments):
    """Adam with decoupled weight decay: the usual choice for transformers."""

    kind: Literal["adamw"] = _kind("adamw", "AdamW, Loshchilov and Hutter 2019.")


class NAdam(_Moments):
    """Adam that looks ahead along its momentum; decoupled weight decay."""

    kind: Literal["nadam"] = _kind("nadam", "NAdam, Dozat 2016.")


class RAdam(_Moments):
    """Adam whose first steps are rectified, which spares the warm-up; decoupled weight decay."""

    kind: Literal["radam"] = _kind("radam", "RAdam, Liu and others 2020.")


class Adamax(_Moments):
    """Adam with the largest gradient of late in the place of the mean square."""

    kind: Literal["adamax"] = _kind("adamax", "Adamax, Kingma and Ba 2015.")


class Sgd(Part):
    """Stochastic gradient descent, with momentum if asked for."""

    kind: Literal["sgd"] = _kind("sgd", "Stochastic gradient descent.")
    momentum: Real = _share(0.0, "Momentum", _MOMENTUM, BASIC)
    nesterov: bool = Field(
        default=False,
        title="Nesterov",
        description="Look ahead along the momentum; needs a momentum above 0.",
        json_schema_extra=ADVANCED,
    )


class RmsProp(Part):
    """Gradients divided by the root of their mean square."""

    kind: Literal["rmsprop"] = _kind("rmsprop", "RMSprop, Hinton 2012.")
    rho: Real = _share(0.99, "Rho", "Decay of the mean of the squared gradients.")
    momentum: Real = _share(0.0, "Momentum", _MOMENTUM)
    epsilon: Real = _tiny(1e-8)


class Adagrad(Part):
    """Gradients divided by the root of the sum of all their squares: for sparse features."""

    kind: Literal["adagrad"] = _kind("adagrad", "Adagrad, Duchi, Hazan and Singer 2011.")
    epsilon: Real = _tiny(1e-10)


class Adadelta(Part):
    """Adagrad with decaying sums, and a step of the size of the last ones; a rate of 1 is usual."""

    kind: Literal["adadelta"] = _kind("adadelta", "Adadelta, Zeiler 2012.")
    rho: Real = _share(0.9, "Rho", "Decay of the means of squares.")
    epsilon: Real = _tiny(1e-6)


class Adafactor(Part):
    """Second moments kept as rows and columns: about half of the memory of Adam; a rate of 0.01 is usual."""

    kind: Literal["adafactor"] = _kind("adafactor", "Adafactor, Shazeer and Stern 2018.")
    beta2_decay: Real = Field(
        default=-0.8,
        ge=-1,
        le=0,
        title="Decay of beta 2",
        description="The power of the step by which the mean of squares forgets.",
        json_schema_extra=ADVANCED,
    )


class Muon(Part):
    """Orthogonalised momentum for the hidden matrices, and AdamW at the same rate for all other parameters."""

    kind: Literal["muon"] = _kind("muon", "Muon, Jordan 2024; the rest of the model by AdamW.")
    momentum: Real = _share(0.95, "Momentum", _MOMENTUM)
    beta1: Real = _share(0.9, "Beta 1", "Of AdamW, for embeddings, head, vectors and biases.")
    beta2: Real = _share(0.999, "Beta 2", "Of AdamW, for embeddings, head, vectors and biases.")
    epsilon: Real = _tiny(1e-8)


Optimizer = Annotated[
    Adam | AdamW | NAdam | RAdam | Adamax | Sgd | RmsProp | Adagrad | Adadelta | Adafactor | Muon,
    Field(discriminator="kind"),
    BeforeValidator(named),
]
