"""The losses that a run can name. Each is built once, in `train/losses.py`."""

import math
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from runyard.config.part import ADVANCED, BASIC, Part, Real, named


def _weights(value: Any) -> Any:
    """Turn class numbers, which YAML reads as integers, into names; say in one sentence what is wrong."""
    if value is None or value == "balanced":
        return value
    if isinstance(value, dict) and value:
        wrong = [name for name, weight in value.items() if not _is_weight(weight)]
        if not wrong:
            return {str(name): float(weight) for name, weight in value.items()}
        raise PydanticCustomError("class_weights", "the weight of {wrong} is not a number above 0", {"wrong": wrong[0]})
    raise PydanticCustomError("class_weights", "must be balanced, or a map from class names to weights")


def _alpha(value: Any) -> Any:
    """Accept a factor, or one for each class."""
    if _is_weight(value):
        return float(value)
    if value == "balanced":
        raise PydanticCustomError("class_weights", "must be a number above 0, or a map from class names to numbers")
    return _weights(value)


def _is_weight(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value > 0


def _costs(value: Any) -> Any:
    """Turn class numbers into names at both levels; say in one sentence what is wrong."""
    if isinstance(value, dict) and value and all(isinstance(row, dict) for row in value.values()):
        costs = {str(true): {str(said): cost for said, cost in row.items()} for true, row in value.items()}
        wrong = [
            f"{true} said to be {said}"
            for true, row in costs.items()
            for said, cost in row.items()
            if not _is_cost(cost)
        ]
        if not wrong:
            return costs
        raise PydanticCustomError(
            "class_weights", "the cost of {wrong} is not a number of at least 0", {"wrong": wrong[0]}
        )
    raise PydanticCustomError("class_weights", "must map a true class to the classes it is taken for and their costs")


def _is_cost(value: Any) -> bool:
    return (value == 0 and not isinstance(value, bool)) or _is_weight(value)


class CrossEntropy(Part):
    """Cross entropy of the classes; the mean with class weights is weighted (sum / sum of weights), as in torch."""

    kind: Literal["cross_entropy"] = Field(
        default="cross_entropy", title="Loss", description="Cross entropy over the classes."
    )
    class_weights: Annotated[Literal["balanced"] | dict[str, float] | None, BeforeValidator(_weights)] = Field(
        default=None,
        title="Class weights",
        description="A weight for each class by name, or `balanced` for the inverse of the frequencies.",
        json_schema_extra=ADVANCED,
    )
    label_smoothing: Real = Field(
        default=0.0,
        ge=0,
        lt=1,
        title="Label smoothing",
        description="Share of the target that is spread over all classes.",
        json_schema_extra=ADVANCED,
    )


class Focal(Part):
    """Cross entropy times alpha (1 - p)^gamma, which turns to what is still wrong; the mean is over the examples."""

    kind: Literal["focal"] = Field(default="focal", title="Loss", description="Focal loss, Lin and others 2017.")
    gamma: Real = Field(
        default=2.0,
        ge=0,
        le=20,
        title="Gamma",
        description="How little an example counts that is right already; 0 is plain cross entropy.",
        json_schema_extra=BASIC,
    )
    alpha: Annotated[float | dict[str, float], BeforeValidator(_alpha)] = Field(
        default=0.25,
        title="Alpha",
        description="A factor for all classes, or one for each class by name.",
        json_schema_extra=BASIC,
    )


class LeakAware(Part):
    """Cross entropy that counts misses of the leak classes and false alarms with a penalty of their own.

    For a true leak it is multiplied by 1 + (leak_penalty - 1) (1 - q), for any other class by
    1 + (non_leak_penalty - 1) q, where q is the probability given to all leak classes together.
    """

    kind: Literal["leak_aware"] = Field(
        default="leak_aware", title="Loss", description="Misses and false alarms cost differently."
    )
    leak_classes: tuple[str, ...] = Field(
        min_length=1, title="Leak classes", description="The classes that must not be missed.", json_schema_extra=BASIC
    )
    leak_penalty: Real = Field(
        default=2.0,
        gt=0,
        le=1e6,
        title="Penalty of a miss",
        description="A leak class that is taken for another counts so many times.",
        json_schema_extra=BASIC,
    )
    non_leak_penalty: Real = Field(
        default=1.0,
        gt=0,
        le=1e6,
        title="Penalty of a false alarm",
        description="Another class that is taken for a leak counts so many times.",
        json_schema_extra=BASIC,
    )


class ExpectedCost(Part):
    """Cross entropy plus the cost that the probabilities lead one to expect: sum of C[true, said] p(said)."""

    kind: Literal["expected_cost"] = Field(
        default="expected_cost", title="Loss", description="A cost of each mistake by a matrix, Elkan 2001."
    )
    costs: Annotated[dict[str, dict[str, float]], BeforeValidator(_costs)] = Field(
        title="Costs",
        description="Of each true class, the classes it may be taken for and what that costs; 0 where none is said.",
        json_schema_extra=BASIC,
    )
    cost_weight: Real = Field(
        default=1.0,
        ge=0,
        le=1e6,
        title="Weight of the cost",
        description="How much the expected cost counts beside the cross entropy.",
        json_schema_extra=ADVANCED,
    )


Loss = Annotated[CrossEntropy | Focal | LeakAware | ExpectedCost, Field(discriminator="kind"), BeforeValidator(named)]
