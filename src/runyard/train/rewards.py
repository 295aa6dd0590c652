"""Builds the rewards of `config/reinforcement.py`: functions of answers to a number each, the larger the better."""

import re
from collections.abc import Callable, Sequence
from functools import singledispatch

from runyard.config import reinforcement as parts
from runyard.core.errors import Invalid, Problem
from runyard.core.paths import Yard

RewardFunction = Callable[[Sequence[str]], list[float]]


@singledispatch
def build_reward(part: object, yard: Yard) -> RewardFunction:
    """Return the reward of a part of the configuration.

    Raises:
        NotFound, Corrupt, Invalid: of a classifier whose model cannot be used, or does not know the class.
    """
    raise TypeError(f"no reward for {type(part).__name__}")


@build_reward.register
def _(part: parts.LengthReward, yard: Yard) -> RewardFunction:
    return lambda answers: [max(0.0, 1 - abs(len(answer.split()) - part.words) / part.words) for answer in answers]


@build_reward.register
def _(part: parts.PatternReward, yard: Yard) -> RewardFunction:
    wanted = re.compile(part.pattern)
    return lambda answers: [float(wanted.search(answer) is not None) for answer in answers]


@build_reward.register
def _(part: parts.KeywordReward, yard: Yard) -> RewardFunction:
    def share(answer: str, words: Sequence[str]) -> float:
        there = [re.search(rf"(?<!\w){re.escape(word)}(?!\w)", answer, re.IGNORECASE) is not None for word in words]
        return sum(there) / len(there) if there else 0.0

    return lambda answers: [share(answer, part.words) - share(answer, part.avoid) for answer in answers]


@build_reward.register
def _(part: parts.ClassifierReward, yard: Yard) -> RewardFunction:
    from runyard.train.saved import SavedModel, load_saved

    model = load_saved(yard.run(part.model).model)
    if not isinstance(model, SavedModel) or model.reads != "texts":
        problem = Problem("reinforcement.reward.model", f"run {part.model} is no classifier of texts")
        raise Invalid("The reward needs a classifier of texts.", hint="Name another run.", problems=[problem])
    if part.label not in model.classes:
        problem = Problem("reinforcement.reward.label", f"{part.label!r} is no class of it", tuple(model.classes))
        raise Invalid("The classifier does not know the wanted class.", problems=[problem])
    column = model.classes.index(part.label)
    shares = model.shares

    def judged(answers: Sequence[str]) -> list[float]:
        # A text without a word has no class.
        found = shares([answer or " " for answer in answers])[:, column]
        return [float(share) if answer.strip() else 0.0 for answer, share in zip(answers, found, strict=True)]

    return judged
