"""Reinforcement of a language model: by pairs of a better and a worse answer, or by a reward for its own answers."""

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator
from pydantic_core import PydanticCustomError

from runyard.config.part import ADVANCED, BASIC, Part, Real, Whole, named


class LengthReward(Part):
    """1 for an answer of so many words, less by its distance from it, 0 for none and for twice as many."""

    kind: Literal["length"] = Field(default="length", title="Reward", description="Answers of a length.")
    words: Whole = Field(default=20, ge=1, le=10_000, title="Words", description="The aim.", json_schema_extra=BASIC)


class PatternReward(Part):
    """1 for an answer that a regular expression finds something in, else 0."""

    kind: Literal["pattern"] = Field(default="pattern", title="Reward", description="Answers of a format.")
    pattern: str = Field(
        min_length=1,
        max_length=1000,
        title="Pattern",
        description="A regular expression of Python, such as ^\\d+$.",
        json_schema_extra=BASIC,
    )

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, value: str) -> str:
        try:
            re.compile(value)
        except re.error as error:
            why = str(error)
            raise PydanticCustomError("pattern", "is no regular expression: {why}", {"why": why}) from error
        return value


class KeywordReward(Part):
    """The share of the wanted words that an answer has, less the share of the unwanted ones."""

    kind: Literal["keywords"] = Field(default="keywords", title="Reward", description="Answers with words.")
    words: tuple[str, ...] = Field(
        min_length=1, title="Wanted", description="Words, in any case.", json_schema_extra=BASIC
    )
    avoid: tuple[str, ...] = Field(
        default=(), title="Unwanted", description="Words, in any case.", json_schema_extra=ADVANCED
    )


class ClassifierReward(Part):
    """The probability that a saved text classifier gives an answer for a class."""

    kind: Literal["classifier"] = Field(default="classifier", title="Reward", description="A classifier's verdict.")
    model: str = Field(
        min_length=1,
        max_length=200,
        title="Classifier",
        description="A run that saved a text classifier, AGENT@VERSION or AGENT@latest.",
        json_schema_extra=BASIC,
    )
    label: str = Field(min_length=1, title="Class", description="The wanted class.", json_schema_extra=BASIC)


Reward = Annotated[
    LengthReward | PatternReward | KeywordReward | ClassifierReward,
    Field(discriminator="kind"),
    BeforeValidator(named),
]


class Dpo(Part):
    """Direct preference optimisation: chosen answers become likelier than rejected ones."""

    kind: Literal["dpo"] = Field(default="dpo", title="Algorithm", description="DPO, Rafailov and others 2023.")
    beta: Real = Field(
        default=0.1, gt=0, le=100, title="Beta", description="How much it keeps to the model it was.",
        json_schema_extra=BASIC,
    )  # fmt: skip
    label_smoothing: Real = Field(
        default=0.0, ge=0, lt=0.5, title="Doubt", description="Share of the pairs that may be the wrong way round.",
        json_schema_extra=ADVANCED,
    )  # fmt: skip


class _Rewarded(Part):
    """What algorithms have in common that reward a model's own answers."""

    reward: Reward = Field(
        default_factory=LengthReward, title="Reward", description="What is rewarded.", json_schema_extra=BASIC
    )
    generations: Whole = Field(
        default=4, ge=2, le=256, title="Answers", description="Answers to each prompt, which are compared.",
        json_schema_extra=BASIC,
    )  # fmt: skip
    beta: Real = Field(
        default=0.04, ge=0, le=100, title="Beta", description="Weight of the KL divergence from the model it was.",
        json_schema_extra=BASIC,
    )  # fmt: skip
    answer_tokens: Whole = Field(
        default=64, ge=1, le=8192, title="Longest answer", description="Tokens.", json_schema_extra=ADVANCED
    )
    temperature: Real = Field(
        default=1.0, gt=0, le=10, title="Temperature", description="Of the answers.", json_schema_extra=ADVANCED
    )


class Grpo(_Rewarded):
    """Group relative policy optimisation: answers above the mean of their group become likelier."""

    kind: Literal["grpo"] = Field(default="grpo", title="Algorithm", description="GRPO, Shao and others 2024.")


class Rloo(_Rewarded):
    """REINFORCE, leave one out: answers better than the mean of the others become likelier."""

    kind: Literal["rloo"] = Field(default="rloo", title="Algorithm", description="RLOO, Ahmadian and others 2024.")


Algorithm = Annotated[Dpo | Grpo | Rloo, Field(discriminator="kind"), BeforeValidator(named)]
REWARDED = (Grpo, Rloo)


def is_rewarded(value: Any) -> bool:
    """Return whether an algorithm, as a part, a mapping or a name, learns from rewards."""
    kind = (
        value
        if isinstance(value, str)
        else value.get("kind")
        if isinstance(value, dict)
        else getattr(value, "kind", None)
    )
    return kind in ("grpo", "rloo")
