"""A yard of agents that go on learning: the judged yard with task scores, feedback and online updates.

`python tests/app/taught.py FOLDER` makes it, to serve it and look at the page.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import duckdb
from judged import NASTY, START, insert_rows, judged_yard

from runyard.core.paths import Yard
from runyard.store.store import Store

Row = dict[str, Any]
# Score on each task (a column) after each update (a row); update 0 is the untrained model.
MATRIX = (
    (0.10, 0.12, 0.20, 0.15),
    (0.90, 0.30, 0.22, 0.16),
    (0.60, 0.80, 0.40, 0.20),
    (0.70, 0.72, 0.90, 0.35),
    (0.72, 0.75, 0.92, 0.85),
)
TASKS = ("refunds", "shipping", "returns", "invoices")
STATUSES = ("success", "success", "failed", "success", "rolled_back", "success", None)
# How many items were right before, right after, of each kind.
ITEMS = {(False, True): 14, (True, False): 3, (True, True): 40, (False, False): 7}


def taught_yard(home: Path) -> None:
    """Make the yard and publish it."""
    judged_yard(home)
    yard = Yard(home)
    with duckdb.connect(str(yard.store_db)) as duck:
        insert_rows(duck, "task_scores", list(_task_scores()))
        insert_rows(duck, "feedback_events", list(_feedback()))
        insert_rows(duck, "learning_updates", list(_updates()))
        insert_rows(duck, "agent_executions", list(_uses()))
    Store(yard).publish()


def _task_scores() -> Iterator[Row]:
    for update, scores in enumerate(MATRIX):
        for place, score in enumerate(scores):
            yield {"agent_id": "support-bot", "update_index": update, "task": TASKS[place], "task_index": place + 1,
                   "score": score, "scored_at": START + timedelta(days=update)}  # fmt: skip
    for update, score in enumerate((50.0, 40.0, 44.0)):
        yield {"agent_id": NASTY, "update_index": update, "task": NASTY, "task_index": 1, "score": score,
               "higher_is_better": False, "scored_at": START + timedelta(days=update)}  # fmt: skip
    yield {"agent_id": NASTY, "update_index": 2, "task": None, "task_index": 2, "score": None,
           "higher_is_better": False, "scored_at": START}  # fmt: skip


def _feedback() -> Iterator[Row]:
    place = 0
    for (before, after), count in ITEMS.items():
        for _ in range(count):
            place += 1
            yield {"id": str(UUID(int=place)), "agent_id": "support-bot", "user_id": f"user {place % 5}",
                   "item_id": f"item {place}", "is_positive": after, "was_correct_before": before,
                   "was_correct_after": after, "created_at": START + timedelta(hours=place)}  # fmt: skip
    yield {"id": str(UUID(int=900)), "agent_id": "watch", "is_positive": True, "created_at": START}


def _updates() -> Iterator[Row]:
    for place, status in enumerate(STATUSES):
        yield {"id": str(UUID(int=place + 1)), "agent_id": "support-bot", "from_version": str(place),
               "to_version": str(place + 1), "status": status, "examples": 100 * place, "reason": "nightly",
               "started_at": START + timedelta(days=place),
               "completed_at": START + timedelta(days=place, hours=1) if status else None}  # fmt: skip
    yield {"id": str(UUID(int=99)), "agent_id": "support-bot", "status": "success", "examples": None,
           "from_version": None, "to_version": None, "reason": NASTY}  # fmt: skip


def _uses() -> Iterator[Row]:
    """Uses of support-bot in the month after: then every third fails, and inputs are twice as long."""
    for place in range(800):
        late = place >= 400
        inputs = {"length": (place * 37 % 100) * (2 if late else 1), "language": "en" if place % 4 else "de",
                  NASTY: place * 29 % 100}  # fmt: skip
        if place < 60:
            inputs["rare"] = place
        failed = place % 3 == 0 if late else place % 50 == 0
        yield {"execution_id": str(UUID(int=10_000 + place)), "agent_id": "support-bot",
               "status": "failed" if failed else "success", "inputs": json.dumps(inputs),
               "created_at": START + timedelta(days=30, minutes=place)}  # fmt: skip
    for place in range(5):
        yield {"execution_id": str(UUID(int=20_000 + place)), "agent_id": "steady", "status": "success",
               "created_at": START + timedelta(minutes=place)}  # fmt: skip


if __name__ == "__main__":
    taught_yard(Path(sys.argv[1]))
