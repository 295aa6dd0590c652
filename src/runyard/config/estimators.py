"""The models of scikit-learn for tables, and for series laid flat. Each is built once, in `train/estimators.py`."""

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import PydanticCustomError

from runyard.config.part import ADVANCED, BASIC, Part, Real, Whole

_NAME = r"^[A-Za-z][A-Za-z0-9_-]*$"


class RandomForest(Part):
    """Many trees on samples of rows and columns; it grows in chunks, and a chunk is an epoch."""

    model_type: Literal["random_forest"] = Field(
        default="random_forest", title="Model", description="Random forest, for tables."
    )
    trees: Whole = Field(
        default=200, ge=1, le=100_000, title="Trees", description="Trees in all.", json_schema_extra=BASIC
    )
    trees_per_epoch: Whole = Field(
        default=20,
        ge=1,
        le=10_000,
        title="Trees an epoch",
        description="Trees that are grown between two looks at the validation part.",
        json_schema_extra=ADVANCED,
    )
    max_depth: Whole | None = Field(
        default=None,
        ge=1,
        le=1000,
        title="Depth",
        description="Splits from the root to a leaf; empty for no limit.",
        json_schema_extra=BASIC,
    )
    min_samples_leaf: Whole = Field(
        default=1,
        ge=1,
        le=1_000_000,
        title="Smallest leaf",
        description="Training rows that a leaf holds at least.",
        json_schema_extra=ADVANCED,
    )
    max_features: Literal["sqrt", "log2", "all"] = Field(
        default="sqrt",
        title="Columns tried",
        description="How many columns are looked at for each split.",
        json_schema_extra=ADVANCED,
    )


class GradientBoosting(Part):
    """Small trees, each of which mends what is still wrong (on histograms); some rounds are an epoch."""

    model_type: Literal["gradient_boosting"] = Field(
        default="gradient_boosting", title="Model", description="Gradient boosting, for tables."
    )
    rounds: Whole = Field(
        default=200,
        ge=1,
        le=100_000,
        title="Rounds",
        description="Rounds in all; a round adds one tree, or one for each class where there are more than two.",
        json_schema_extra=BASIC,
    )
    rounds_per_epoch: Whole = Field(
        default=10,
        ge=1,
        le=10_000,
        title="Rounds an epoch",
        description="Rounds between two looks at the validation part.",
        json_schema_extra=ADVANCED,
    )
    shrinkage: Real = Field(
        default=0.1,
        gt=0,
        le=1,
        title="Shrinkage",
        description="How much of each tree's correction is taken over; what scikit-learn calls learning_rate.",
        json_schema_extra={**BASIC, "scale": "log"},
    )
    max_leaves: Whole = Field(
        default=31,
        ge=2,
        le=10_000,
        title="Leaves",
        description="Leaves of a tree at most.",
        json_schema_extra=BASIC,
    )
    min_samples_leaf: Whole = Field(
        default=20,
        ge=1,
        le=1_000_000,
        title="Smallest leaf",
        description="Training rows that a leaf holds at least.",
        json_schema_extra=ADVANCED,
    )
    l2: Real = Field(
        default=0.0,
        ge=0,
        le=1e6,
        title="L2",
        description="Regularisation of the leaves.",
        json_schema_extra=ADVANCED,
    )


def _gamma(value: Any) -> Any:
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= 1e6
    if not is_number and value not in ("scale", "auto"):
        raise PydanticCustomError("words", "must be a number above 0, or one of scale, auto")
    return value


class Svm(Part):
    """Support vectors with a kernel; its probabilities come from a sigmoid over folds, as Platt has it."""

    model_type: Literal["svm"] = Field(default="svm", title="Model", description="Support vector machine, for tables.")
    kernel: Literal["rbf", "linear", "poly", "sigmoid"] = Field(
        default="rbf", title="Kernel", description="How rows are compared.", json_schema_extra=BASIC
    )
    inverse_regularization: Real = Field(
        default=1.0,
        gt=0,
        le=1e6,
        title="C",
        description="Inverse strength of the regularisation.",
        json_schema_extra={**BASIC, "scale": "log"},
    )
    gamma: Annotated[float | Literal["scale", "auto"], BeforeValidator(_gamma)] = Field(
        default="scale",
        title="Gamma",
        description="Reach of a row: a number, or scale or auto, which follow from the columns.",
        json_schema_extra=ADVANCED,
    )
    folds: Whole = Field(
        default=5,
        ge=2,
        le=20,
        title="Folds",
        description="Folds over which probabilities are made of distances.",
        json_schema_extra=ADVANCED,
    )


class LogisticRegression(Part):
    """A linear model of the log odds of the classes."""

    model_type: Literal["logistic_regression"] = Field(
        default="logistic_regression", title="Model", description="Logistic regression, for tables."
    )
    inverse_regularization: Real = Field(
        default=1.0,
        gt=0,
        le=1e6,
        title="C",
        description="Inverse strength of the regularisation.",
        json_schema_extra={**BASIC, "scale": "log"},
    )
    max_iterations: Whole = Field(
        default=1000,
        ge=1,
        le=1_000_000,
        title="Iterations",
        description="Iterations of the solver at most.",
        json_schema_extra=ADVANCED,
    )


Member = Annotated[
    RandomForest | GradientBoosting | Svm | LogisticRegression,
    Field(discriminator="model_type"),
]


def _named_members(members: dict[str, Any]) -> dict[str, Any]:
    if wrong := next((name for name in members if not re.match(_NAME, name)), None):
        raise PydanticCustomError("words", "{wrong} is no name of letters, digits, - and _", {"wrong": repr(wrong)})
    return members


class Ensemble(Part):
    """Several models by name, whose probabilities are averaged, or weighed by a logistic regression over folds."""

    model_type: Literal["ensemble"] = Field(default="ensemble", title="Model", description="Ensemble, for tables.")
    combine: Literal["soft_voting", "stacking"] = Field(
        default="soft_voting",
        title="Combine",
        description="Average the probabilities, or learn over folds whom to believe.",
        json_schema_extra=BASIC,
    )
    members: Annotated[dict[str, Member], AfterValidator(_named_members)] = Field(
        default={
            "forest": RandomForest(),
            "boosting": GradientBoosting(),
            "linear": LogisticRegression(),
        },
        min_length=2,
        max_length=20,
        title="Members",
        description="A model for each name: {forest: {model_type: random_forest}, …}.",
        json_schema_extra=BASIC,
    )
    folds: Whole = Field(
        default=5,
        ge=2,
        le=20,
        title="Folds",
        description="Folds of the training part that stacking learns from.",
        json_schema_extra=ADVANCED,
    )


GROWING = (RandomForest, GradientBoosting)
ESTIMATORS = (*GROWING, Svm, LogisticRegression, Ensemble)
