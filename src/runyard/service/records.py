"""Recording in bulk: JSON lines of executions, feedback or updates, all of them or none."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from runyard.core import records
from runyard.core.errors import Invalid, Problem

_MANY = 20


def events_of_lines(kind: str, lines: Iterable[str]) -> list[dict[str, Any]]:
    """Return the journal events of JSON lines, each an object with the fields of its kind; blank lines do not count.

    Raises:
        Invalid: with the mistakes of the first lines that have any.
    """
    events: list[dict[str, Any]] = []
    problems: list[Problem] = []
    wrong = 0
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            values = json.loads(line)
            if not isinstance(values, dict):
                raise ValueError("it begins otherwise")
            events.append(records.event(kind, values))
        except Invalid as error:
            wrong += 1
            problems += [
                Problem(f"line {number}, {found.path}", found.message, found.allowed) for found in error.problems
            ]
        except (ValueError, RecursionError) as error:
            wrong += 1
            problems.append(Problem(f"line {number}", f"is no JSON object: {error}"))
    if wrong:
        hint = "" if len(problems) <= _MANY else f"There are {len(problems) - _MANY} mistakes more."
        raise Invalid(
            f"{wrong} of {number} lines cannot be used; nothing was recorded.", problems=problems[:_MANY], hint=hint
        )
    return events
