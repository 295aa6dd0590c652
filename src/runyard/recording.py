"""Recording models in use: executions, feedback and online updates, from somebody's own process, without a server.

Each call is one line in a journal of this process; whoever looks at the yard next, or its server, folds it in.
"""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from runyard.core import records
from runyard.core.errors import Unavailable
from runyard.core.journal import Journal
from runyard.core.settings import Settings

_journals: dict[Path, Journal] = {}
_lock = threading.Lock()


def record_execution(
    status: str | None = None,
    *,
    agent: str | None = None,
    version: str | None = None,
    model_version_id: UUID | str | None = None,
    user: str | None = None,
    latency_ms: float | None = None,
    inputs: Mapping[str, float | str | bool | None] | None = None,
    created_at: datetime | str | None = None,
    id: UUID | str | None = None,
    home: str | Path | None = None,
) -> UUID:
    """Record one use of a model in production; returns its id.

    Recorded again with the same `id` it is still one use: what is said later counts, what is left out stays.

    Args:
        status: queued, pending, running, cancelled, success, failed, error or timeout.
        agent: whose model it was; `default` if nobody says.
        version: the version of the agent by its name, or `model_version_id` by its id.
        inputs: features and scores of the input, each a number or a word: what drift is looked for in.
        created_at: when it happened, UTC unless it has a zone; now if not given.
        id: a UUID or any other text that names this use, such as a request's id.

    Raises:
        Invalid: with every value that cannot be used; nothing was recorded.
        Unavailable: the yard cannot be written; nothing was recorded.
    """
    values = {
        "id": id, "status": status, "agent": agent, "version": version, "model_version_id": model_version_id,
        "user": user, "latency_ms": latency_ms, "inputs": inputs, "created_at": created_at,
    }  # fmt: skip
    return _record("execution", values, home)


def record_feedback(
    is_positive: bool | None = None,
    *,
    agent: str | None = None,
    version: str | None = None,
    model_version_id: UUID | str | None = None,
    user: str | None = None,
    item: str | None = None,
    was_correct_before: bool | None = None,
    was_correct_after: bool | None = None,
    created_at: datetime | str | None = None,
    id: UUID | str | None = None,
    home: str | Path | None = None,
) -> UUID:
    """Record one judgement of a user on one item; returns its id. `id` works as in `record_execution`.

    Args:
        is_positive: whether the user liked it.
        item: what was judged; of an item judged again the last judgement counts.
        was_correct_before, was_correct_after: whether the agent had the item right before and after it learned.

    Raises:
        Invalid: with every value that cannot be used; nothing was recorded.
        Unavailable: the yard cannot be written; nothing was recorded.
    """
    values = {
        "id": id, "is_positive": is_positive, "agent": agent, "version": version,
        "model_version_id": model_version_id, "user": user, "item": item, "created_at": created_at,
        "was_correct_before": was_correct_before, "was_correct_after": was_correct_after,
    }  # fmt: skip
    return _record("feedback", values, home)


def record_update(
    status: str | None = None,
    *,
    agent: str | None = None,
    from_version: str | None = None,
    to_version: str | None = None,
    examples: int | None = None,
    reason: str | None = None,
    started_at: datetime | str | None = None,
    completed_at: datetime | str | None = None,
    id: UUID | str | None = None,
    home: str | Path | None = None,
) -> UUID:
    """Record one online update of an agent; returns its id.

    To roll it back, record it again: `record_update("rolled_back", id=the_id, reason="accuracy fell")`.

    Args:
        status: success, failed or rolled_back.
        examples: how many examples it learned from.
        completed_at: when it ended, UTC unless it has a zone; when it was first recorded if not given.

    Raises:
        Invalid: with every value that cannot be used; nothing was recorded.
        Unavailable: the yard cannot be written; nothing was recorded.
    """
    values = {
        "id": id, "status": status, "agent": agent, "from_version": from_version, "to_version": to_version,
        "examples": examples, "reason": reason, "started_at": started_at, "completed_at": completed_at,
    }  # fmt: skip
    return _record("update", values, home)


def record_task_score(
    score: float | None = None,
    *,
    update_index: int | None = None,
    task_index: int | None = None,
    agent: str | None = None,
    task: str | None = None,
    higher_is_better: bool | None = None,
    scored_at: datetime | str | None = None,
    id: UUID | str | None = None,
    home: str | Path | None = None,
) -> UUID:
    """Record how an agent does on a task after an update: R[i][j] of continual learning; returns its id.

    Scored anew, the same agent, update and task are still one cell: the last score counts.

    Args:
        score: on the task's held-out examples.
        update_index: i, the number of the update it was scored after; 0 is the untrained model.
        task_index: j, the number of the update that learned the task, from 1.
        task: the task by its name.
        higher_is_better: false where a small score is good; true if nobody says.

    Raises:
        Invalid: with every value that cannot be used; nothing was recorded.
        Unavailable: the yard cannot be written; nothing was recorded.
    """
    values = {
        "id": id, "score": score, "update_index": update_index, "task_index": task_index, "agent": agent, "task": task,
        "higher_is_better": higher_is_better, "scored_at": scored_at,
    }  # fmt: skip
    return _record("task_score", values, home)


def _record(kind: str, values: Mapping[str, Any], home: str | Path | None) -> UUID:
    event = records.event(kind, values)
    write([event], home=home)
    return UUID(event["id"])


def write(events: Iterable[Mapping[str, Any]], *, home: str | Path | None = None) -> None:
    """Append events to this process's journal in a yard, which is made if need be.

    Raises:
        Unavailable: the yard cannot be written; what was written before stays.
    """
    yard = Settings.from_env(home).yard
    with _lock:
        try:
            journal = _journals.get(yard.home)
            if journal is None or not journal.path.exists():  # somebody removed the yard: what is written there is lost
                yard.create()
                name = f"record-{os.getpid()}-{os.urandom(4).hex()}.jsonl"
                journal = _journals[yard.home] = Journal(yard.events / name)
            for event in events:
                journal.write(event)
        except OSError as error:
            if broken := _journals.pop(yard.home, None):
                broken.abandon()  # who hears "not recorded" may do it again: it must not come twice
            raise Unavailable(
                f"The yard at {yard.home} cannot be written: {error.strerror}.",
                hint="Choose another with home= or RUNYARD_HOME, or mend its owner, mode or disk.",
            ) from error


def close() -> None:
    """Close this process's journals; the next record opens a new one."""
    with _lock:
        for journal in _journals.values():
            journal.close()
        _journals.clear()


def _after_fork() -> None:
    """Leave the parent its journals: a child writes into one of its own."""
    global _lock
    _lock = threading.Lock()
    for journal in _journals.values():
        journal.abandon()
    _journals.clear()


atexit.register(close)
os.register_at_fork(after_in_child=_after_fork)
