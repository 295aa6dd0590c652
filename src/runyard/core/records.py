"""What is recorded as journal events beside runs: executions, feedback, online updates, scores on tasks, data sets.

Both ends check by the same table: whoever records hears what is wrong, and a line of a journal that is wrong is
rejected. Events of one id are one record; each says again what it knows, and what it leaves out stays as it was.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid5

import orjson

from runyard.core.clock import now_us, to_us
from runyard.core.errors import Invalid, Problem
from runyard.core.ids import new_id

END_OF_TIME_US = 1 << 53  # the year 2255: beyond it a double, as which JSON's numbers are read, is not exact
EXECUTION_STATES = ("queued", "pending", "running", "cancelled", "success", "failed", "error", "timeout")
UPDATE_STATES = ("success", "failed", "rolled_back")
_NAMESPACE = UUID("0f6d2c64-3a53-5c0f-8a57-5d1b7c9be0a4")
_LONGEST_TEXT = 10_000
_MOST_INPUTS = 1000
_MOST_COLUMNS = 10_000


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{value!r} is no text")
    if "\0" in value or len(value) > _LONGEST_TEXT:
        raise ValueError(f"is longer than {_LONGEST_TEXT} characters, or holds a NUL")
    value.encode()  # half a surrogate cannot be written
    return value


def _one_of(allowed: tuple[str, ...]) -> Callable[[Any], str]:
    def check(value: Any) -> str:
        if value not in allowed:
            raise ValueError(f"{value!r} is not one of {', '.join(allowed)}")
        return str(value)

    return check


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{value!r} is neither true nor false")
    return value


def _milliseconds(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise ValueError(f"{value!r} is no number of milliseconds")
    return float(value)


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << 63:
        raise ValueError(f"{value!r} is no whole number of at least 0")
    return value


def _place(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << 31:
        raise ValueError(f"{value!r} is no whole number of at least 0")
    return value


def _score(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{value!r} is no finite number")
    return float(value)


def _moment(value: Any) -> int:
    """Return microseconds since 1970 of such a number, a datetime or ISO 8601; without a zone it is UTC."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise ValueError(f"{value!r} is no moment such as 2026-11-21T14:00:00Z") from None
    if isinstance(value, datetime):
        value = to_us(value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value)
    if type(value) is not int or not 0 < value < END_OF_TIME_US:
        raise ValueError(f"{value!r} is no moment between 1970 and 2255")
    return value


def _uuid(value: Any) -> str:
    try:
        return str(value if isinstance(value, UUID) else UUID(value))
    except (ValueError, TypeError, AttributeError):
        raise ValueError(f"{value!r} is no UUID") from None


def _inputs(value: Any) -> dict[str, float | str | bool | None]:
    if not isinstance(value, Mapping) or not 0 < len(value) <= _MOST_INPUTS:
        raise ValueError(f"{value!r} is no mapping of 1 to {_MOST_INPUTS} names to numbers or words")
    for name, given in value.items():
        _text(name)
        if isinstance(given, str):
            _text(given)
        elif given is not None and not isinstance(given, bool):
            _score(given)
    return dict(value)


def _plain(value: Any) -> Any:
    """Accept lists and mappings of plain values, as JSON has them."""
    if not isinstance(value, Mapping | list) or len(value) > _MOST_COLUMNS:
        raise ValueError(f"is no list or mapping of at most {_MOST_COLUMNS} plain values")
    try:
        orjson.dumps(value)
    except (TypeError, ValueError) as error:
        raise ValueError(f"cannot be written as JSON: {error}") from None
    return value


_OF_A_MODEL = {"agent": _text, "version": _text, "model_version_id": _uuid, "user": _text, "created_at": _moment}
FIELDS: dict[str, dict[str, Callable[[Any], Any]]] = {
    "execution": {**_OF_A_MODEL, "status": _one_of(EXECUTION_STATES), "latency_ms": _milliseconds, "inputs": _inputs},
    "feedback": {
        **_OF_A_MODEL,
        "item": _text,
        **dict.fromkeys(("is_positive", "was_correct_before", "was_correct_after"), _boolean),
    },
    "update": {
        **dict.fromkeys(("agent", "from_version", "to_version", "reason"), _text),
        "status": _one_of(UPDATE_STATES),
        "examples": _count,
        "started_at": _moment,
        "completed_at": _moment,
    },
    "task_score": {
        **dict.fromkeys(("agent", "task"), _text),
        **dict.fromkeys(("update_index", "task_index"), _place),
        "score": _score,
        "higher_is_better": _boolean,
        "scored_at": _moment,
    },
    "dataset": {
        **dict.fromkeys(("version", "name", "path", "format", "sha256"), _text),
        **dict.fromkeys(("size_bytes", "rows"), _count),
        **dict.fromkeys(("columns", "classes", "split"), _plain),
    },
}
_SAYS = {
    "execution": ("status",),
    "feedback": ("is_positive", "was_correct_after"),
    "update": ("status",),
    "task_score": ("score",),
    "dataset": ("version",),
}
_NEEDED = {"task_score": ("update_index", "task_index"), "dataset": ("name", "sha256")}


def record_id(kind: str, given: UUID | str | None) -> UUID:
    """Return the id of a record: a UUID as it is, one made of any other text, a new one where none is given."""
    if given is None:
        return new_id()
    if isinstance(given, UUID):
        return given
    try:
        return UUID(given)
    except ValueError:
        return uuid5(_NAMESPACE, f"{kind}\n{given}")


def checked(kind: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a record as the journal has them; those that are None are left out.

    Raises:
        Invalid: with every field that is unknown or cannot be used.
    """
    fields, found, problems = FIELDS[kind], {}, []
    for name, value in values.items():
        if name not in fields:
            problems.append(Problem(str(name), "is unknown", tuple(fields)))
        elif value is not None:
            try:
                found[name] = fields[name](value)
            except ValueError as error:
                problems.append(Problem(name, str(error)))
    if not problems and not any(name in found for name in _SAYS[kind]):
        problems.append(Problem(" or ".join(_SAYS[kind]), "is missing: nothing would be said"))
    if not problems:
        problems = [Problem(name, "is missing") for name in _NEEDED.get(kind, ()) if name not in found]
    if problems:
        raise Invalid(f"This {kind.replace('_', ' ')} cannot be recorded.", problems=problems)
    return found


def event(kind: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the journal event of a record; `id` among its values is what makes recording it again harmless.

    Raises:
        Invalid: a value cannot be used.
    """
    given = values.get("id")
    if given is not None and not isinstance(given, UUID):
        try:
            _text(given)
        except ValueError as error:
            raise Invalid(f"This {kind} cannot be recorded.", problems=[Problem("id", str(error))]) from None
    fields = checked(kind, {name: value for name, value in values.items() if name != "id"})
    if kind == "dataset":  # a version is one record, whoever says something of it
        given = fields["version"]
    if given is None and kind == "task_score":  # scored anew it is still one cell of the matrix
        given = f"{fields.get('agent', 'default')}\n{fields['update_index']}\n{fields['task_index']}"
    return {"k": kind, "id": str(record_id(kind, given)), "at": now_us(), **fields}
