"""Conversations, prompts with answers, and plain texts for language models; what is broken is named by line.

The columns of the first row say which of the three a file holds: `messages`, a list of {role, content}; `prompt` with
`completion` or `response`, texts or lists of messages; else the text column. In CSV lists are JSON.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal

from runyard.config.dataset import TrainingData
from runyard.config.problems import did_you_mean
from runyard.core.errors import Invalid, Problem
from runyard.data.marks import EXPECTED, SHOWN, mark_of
from runyard.data.sources import Source
from runyard.data.tables import rows_of

Shape = Literal["messages", "pairs", "texts"]
Message = dict[str, str]
ROLES = ("system", "developer", "user", "assistant", "tool")
ANSWERS = ("completion", "response", "chosen")
_SHAPES = "messages, prompt and completion, or the text column"


@dataclass(frozen=True)
class Dialogues:
    """Examples in the order of the file, each a list of messages; a plain text is one answer to nothing.

    `groups`, `held_out` and `times` only if the split asks for them.
    """

    shape: Shape
    examples: list[list[Message]]
    groups: list[str] | None
    held_out: list[bool] | None
    times: list[float] | None


def last_answer(messages: Sequence[Message]) -> tuple[list[Message], str]:
    """Return what comes before the last answer, and that answer."""
    place = max(number for number, message in enumerate(messages) if message["role"] == "assistant")
    return list(messages[:place]), messages[place]["content"]


def open_question(messages: Sequence[Message]) -> list[Message]:
    """Return the messages up to the last one that is no answer: what there is to answer."""
    asked = [number for number, message in enumerate(messages) if message["role"] != "assistant"]
    return list(messages[: asked[-1] + 1]) if asked else []


def as_told(messages: Sequence[Message]) -> str:
    """Return messages as people read them: one alone as it is, several with their roles."""
    if len(messages) == 1:
        return messages[0]["content"]
    return "\n".join(f"{message['role']}: {message['content']}" for message in messages)


def read_dialogues(
    source: Source, data: TrainingData, *, limit: int | None = None, answers: Sequence[str] = ANSWERS
) -> Dialogues:
    """Read the examples of a table, or the first `limit`.

    Args:
        answers: the columns that an answer to a prompt may stand in; none for prompts to answer, which alone are read.

    Raises:
        Invalid: with the broken lines (the first ten), or the columns that are missing.
    """
    assert source.path is not None
    path, shape = source.path, None
    examples: list[list[Message]] = []
    problems: list[Problem] = []
    extra = _extra_columns(data) if answers else {}
    columns: dict[str, list[Any]] = {key: [] for key in extra}
    for number, row in islice(rows_of(source, data), limit):
        where = f"{path.name}, line {number}"
        shape = shape or _shape_of(row, data, where)
        try:
            examples.append(_READERS[shape](row, data, answers))
            for key, name in extra.items():
                columns[key].append(_extra(key, name, row.get(name)))
        except _Broken as error:
            problems.append(Problem(where, str(error)))
        if len(problems) >= SHOWN:
            break
    if problems:
        raise Invalid(f"{path} has rows that cannot be used.", hint="Mend or drop them.", problems=problems)
    if shape is None:
        raise Invalid(f"{path} has no rows.", hint=f"It needs the columns {_SHAPES}.")
    return Dialogues(shape, examples, columns.get("group"), columns.get("split"), columns.get("time"))


class _Broken(ValueError):
    """A row that cannot be used, and why."""


def _shape_of(row: Mapping[str, Any], data: TrainingData, where: str) -> Shape:
    if "messages" in row:
        return "messages"
    if "prompt" in row:
        return "pairs"
    if data.text_column in row:
        return "texts"
    there = sorted(map(str, row))
    guess = next((g for name in ("messages", "prompt", data.text_column) if (g := did_you_mean(name, there))), "")
    problem = Problem(where, f"there is no column messages, prompt or {data.text_column}", tuple(there))
    raise Invalid(
        f"{where} has neither messages nor prompt nor {data.text_column!r}{guess}.",
        hint=f"A language model learns from {_SHAPES}. It has: {', '.join(there) or 'none'}.",
        problems=[problem],
    )


def _extra_columns(data: TrainingData) -> dict[str, str]:
    if data.split_by == "group":
        return {"group": data.group_column or ""}
    if data.split_by == "time":
        return {"time": data.time_column or ""}
    if data.split_by != "column":
        return {}
    # As with tables: no group that is named may be in both parts.
    return {"split": data.split_column, **({"group": data.group_column} if data.group_column else {})}


def _extra(key: str, name: str, value: Any) -> Any:
    try:
        return mark_of(key, value)
    except ValueError:
        raise _Broken(f"column {name!r} holds {value!r}, not {EXPECTED.get(key, 'a value')}") from None


def _conversation(row: Mapping[str, Any], data: TrainingData, answers: Sequence[str]) -> list[Message]:
    messages = _messages(row.get("messages"), "messages")
    if answers and not any(m["role"] == "assistant" and m["content"].strip() for m in messages):
        raise _Broken("messages have no answer; expected one of role assistant, with content")
    return messages


def _pair(row: Mapping[str, Any], data: TrainingData, answers: Sequence[str]) -> list[Message]:
    prompt = _side(row, "prompt", "user")
    if not answers:
        return prompt
    name = next((name for name in answers if name in row), None)
    if name is None:
        raise _Broken(f"there is a prompt without {' or '.join(answers)}")
    return [*prompt, *_side(row, name, "assistant")]


def _side(row: Mapping[str, Any], name: str, role: str) -> list[Message]:
    value = row.get(name)
    if isinstance(value, list):
        return _messages(value, name)
    if not isinstance(value, str):
        raise _Broken(f"{name} is {_kind(value)}; expected a text, or a list of messages")
    if not value.strip():
        raise _Broken(f"{name} is empty")
    return [{"role": role, "content": value}]


def _text(row: Mapping[str, Any], data: TrainingData, answers: Sequence[str]) -> list[Message]:
    value = row.get(data.text_column)
    if not isinstance(value, str):
        raise _Broken(f"column {data.text_column!r} is {_kind(value)}; expected a text")
    if not value.strip():
        raise _Broken(f"column {data.text_column!r} is empty")
    return [{"role": "assistant" if answers else "user", "content": value}]


_READERS = {"messages": _conversation, "pairs": _pair, "texts": _text}


def _messages(value: Any, name: str) -> list[Message]:
    """Return a list of messages with role and content alone."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            raise _Broken(f"{name} is a text that is not JSON; expected a list of {{role, content}}") from None
    if not isinstance(value, list) or not value:
        found = "an empty list" if value == [] else _kind(value)
        raise _Broken(f"{name} is {found}; expected a list of {{role, content}}")
    return [_message(entry, f"{name}[{number}]") for number, entry in enumerate(value)]


def _message(entry: Any, where: str) -> Message:
    if not isinstance(entry, dict) or not {"role", "content"} <= set(entry):
        raise _Broken(f"{where} is {_kind(entry)} without role and content")
    role, content = entry["role"], entry["content"]
    if role not in ROLES:
        raise _Broken(f"{where}.role is {role!r}{did_you_mean(str(role), ROLES)}; expected one of {', '.join(ROLES)}")
    if not isinstance(content, str):
        raise _Broken(f"{where}.content is {_kind(content)}; expected a text")
    return {"role": role, "content": content}


def _kind(value: Any) -> str:
    names = {"NoneType": "missing", "str": "a text", "dict": "a mapping", "list": "a list", "bool": "true or false"}
    return names.get(type(value).__name__, f"a number ({value!r})" if isinstance(value, int | float) else "not a text")
