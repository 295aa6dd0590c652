"""The losses that a run can name. Each is built once, in `train/losses.py`."""

import math
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from runyard.config.part import ADVANCED, Part, Real, named


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


def _is_weight(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value > 0


class CrossEntropy(Part):
    """Cross entropy of the classes; the mean with class weights is weighted (sum / sum of weights)."""

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


Loss = Annotated[CrossEntropy, BeforeValidator(named)]
