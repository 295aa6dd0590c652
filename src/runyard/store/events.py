"""Events that are no epoch and no metrics: what happened to runs, and what was recorded of models in use."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson

from runyard.core import records
from runyard.core.records import END_OF_TIME_US

QUIET_KINDS = ("checkpoint", "notice")  # frequent, and no row of a run follows from them: see fold_runs.sql
RUN_EVENT_KINDS = frozenset(
    (
        *("queued", "estimated", "spawned", "started", "planned", "checkpoint", "notice"),
        *("early_stop", "cancel_requested", "lost", "ended", "changed", "metric"),
        *("benchmark", "transferred", "samples", "gave_up"),
    )
)
ENDINGS = ("completed", "failed", "cancelled")


@dataclass(frozen=True)
class RunEvent:
    """What happened to a run, with the line itself as its body and the address of that line."""

    run: UUID
    at: int
    kind: str
    attempt: int | None
    body: str
    journal: str
    line_offset: int


@dataclass(frozen=True)
class RecordEvent:
    """What was recorded of a model in use, with its checked fields as body and the address of its line."""

    record: UUID
    at: int
    kind: str
    body: str
    journal: str
    line_offset: int


def read_event(text: bytes, journal: str, line_offset: int) -> RunEvent | RecordEvent:
    """Return the event that a line holds.

    Raises:
        ValueError: the line is no such event; says why.
        Invalid: a record has mistakes; says all of them.
    """
    event = json.loads(text)
    if not isinstance(event, dict):
        raise ValueError("not a JSON object")
    kind = event.get("k")
    if kind in RUN_EVENT_KINDS:
        return RunEvent(*_run_event(event), journal, line_offset)
    if kind in records.FIELDS:
        return RecordEvent(*_record_event(event), journal, line_offset)
    raise ValueError(f"unknown kind {kind!r}")


def _run_event(event: dict[str, Any]) -> tuple[UUID, int, str, int | None, str]:
    attempt = event.get("attempt")
    if attempt is not None and not (type(attempt) is int and 1 <= attempt < 1 << 31):
        raise ValueError(f"attempt is {attempt!r}, not a whole number of at least 1")
    for name in ("at", *(("last_seen",) if "last_seen" in event else ())):
        _check_moment(event, name)
    if event["k"] == "ended" and event.get("status") not in ENDINGS:
        raise ValueError(f"status is {event.get('status')!r}, not one of {', '.join(ENDINGS)}")
    if event["k"] == "benchmark":
        UUID(str(event.get("id")))
    return UUID(str(event.get("run"))), event["at"], event["k"], attempt, orjson.dumps(event).decode()


def _record_event(event: dict[str, Any]) -> tuple[UUID, int, str, str]:
    _check_moment(event, "at")
    kind = event["k"]
    body = records.checked(kind, {name: event[name] for name in records.FIELDS[kind] if name in event})
    return UUID(str(event.get("id"))), event["at"], kind, orjson.dumps(body).decode()


def _check_moment(event: dict[str, Any], name: str) -> None:
    if not (type(event.get(name)) is int and 0 < event[name] < END_OF_TIME_US):
        raise ValueError(f"{name} is {event.get(name)!r}, not microseconds since 1970")
