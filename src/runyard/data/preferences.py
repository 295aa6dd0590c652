"""Prompts with a better and a worse answer, or prompts alone whose answers are rewarded."""

from dataclasses import dataclass

from runyard.config.dataset import TrainingData
from runyard.core.errors import Invalid, Problem
from runyard.data.dialogues import ANSWERS, Message, read_dialogues
from runyard.data.sources import Source

_COLUMNS = "prompt, chosen and rejected"


@dataclass(frozen=True)
class Preferences:
    """Examples in the order of the file; `chosen` and `rejected` are answers, empty where only prompts are read."""

    prompts: list[list[Message]]
    chosen: list[list[Message]]
    rejected: list[list[Message]]
    groups: list[str] | None = None
    held_out: list[bool] | None = None
    times: list[float] | None = None


def read_preferences(source: Source, data: TrainingData, *, paired: bool, limit: int | None = None) -> Preferences:
    """Read a table with the columns prompt, chosen and rejected: texts, or lists of messages.

    Args:
        paired: False for the prompts alone; whatever stands beside them is not read.

    Raises:
        Invalid: with the broken lines (the first ten), or what is missing.
    """
    if not paired:
        asked = read_dialogues(source, data, limit=limit, answers=())
        if asked.shape == "texts":
            asked_of = [[{"role": "user", "content": messages[0]["content"]}] for messages in asked.examples]
            return Preferences(asked_of, [], [])
        return Preferences([_question(messages) for messages in asked.examples], [], [])
    better = read_dialogues(source, data, limit=limit, answers=ANSWERS[-1:])
    if better.shape != "pairs":
        problem = Problem(source.name, f"holds {better.shape}; preferences are {_COLUMNS}")
        raise Invalid(f"{source.name} has no preferences.", hint=f"Each line needs {_COLUMNS}.", problems=[problem])
    worse = read_dialogues(source, data, limit=limit, answers=("rejected",))
    prompts, chosen, rejected, problems = [], [], [], []
    for line, (good, bad) in enumerate(zip(better.examples, worse.examples, strict=True), start=1):
        length = next((i for i, (a, b) in enumerate(zip(good, bad, strict=False)) if a != b), min(len(good), len(bad)))
        if good == bad:
            problems.append(Problem(f"{source.name}, example {line}", "chosen and rejected are the same"))
        prompts.append(good[:length])
        chosen.append(good[length:])
        rejected.append(bad[length:])
    if problems:
        raise Invalid(f"{source.name} has pairs without a preference.", hint="Drop them.", problems=problems[:10])
    return Preferences(prompts, chosen, rejected, better.groups, better.held_out, better.times)


def _question(messages: list[Message]) -> list[Message]:
    """Return a conversation up to its last question."""
    asked = [number for number, message in enumerate(messages) if message["role"] != "assistant"]
    return messages[: asked[-1] + 1] if asked else messages
