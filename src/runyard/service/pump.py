"""The queue: it holds what exceeds RUNYARD_MAX_WORKERS.

It is pumped by every launch, by whoever ends a run, by the server's tick and by each command, since a killed run ends
nobody. Run as a program, this module pumps a yard once.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import Any
from uuid import UUID

import yaml

from runyard.core.clock import now
from runyard.core.errors import RunyardError, Unavailable
from runyard.runtime import Runtime, open_runtime
from runyard.service import retention
from runyard.service.families import end_families
from runyard.service.liveness import is_alive, last_sign_us
from runyard.service.processes import reap, run_supervised
from runyard.service.queueing import write_whole
from runyard.service.recovery import recover
from runyard.store.flock import flock

_ACTIVE = """
SELECT id, status, attempt, host, pid, pid_created, launched_by, started_at, config, parent_run_id
FROM runs
WHERE status IN ('queued', 'running') AND kind = 'train'
ORDER BY queued_at, id
"""


def pump(rt: Runtime, *, wait_seconds: float = 0.0, foreground: UUID | None = None) -> list[UUID]:
    """Mark lost runs, try failed ones again, then start queued ones while workers are free; returns what was started.

    Args:
        foreground: a run whose next attempt the caller will start, should it be tried again.

    Raises:
        Unavailable: the store is held by somebody else; what is queued stays queued.
    """
    reap()
    try:
        with flock(rt.yard.store / "queue.lock", verb="pump", wait_seconds=wait_seconds):
            rt.store.ingest(verb="pump", wait_seconds=5.0)
            rows = _active(rt)
            if lost := [row for row in rows if row["status"] == "running" and _is_lost(row)]:
                for row in lost:
                    seen = last_sign_us(rt.yard.run(row["id"]), row["started_at"])
                    rt.record(row["id"], "lost", attempt=row["attempt"], by=os.getpid(), last_seen=seen)
                rt.store.ingest(verb="pump", wait_seconds=5.0)
            if recover(rt, foreground=foreground) or lost:
                rt.store.ingest(verb="pump", wait_seconds=5.0)
                rows = _active(rt)
            ended = end_families(rt)  # after the failed ones of their runs were tried again
            busy = sum(row["status"] == "running" and row["launched_by"] != "sdk" for row in rows)
            waiting = [row for row in rows if row["status"] == "queued" and row["launched_by"] != "foreground"]
            started = [_start(rt, row) for row in waiting[: max(0, rt.settings.max_workers - busy)]]
            if started or ended:
                rt.store.ingest(verb="pump", wait_seconds=5.0)
            return started
    except Unavailable:
        if wait_seconds > 0:
            raise
        return []


def start_queued(rt: Runtime) -> None:
    """Pump for somebody who has just queued a run; while the store is held it stays queued, and whoever pumps next
    starts it. To say that it failed would have it launched twice.
    """
    with suppress(Unavailable):
        pump(rt, wait_seconds=5.0)


def _active(rt: Runtime) -> list[dict[str, Any]]:
    return rt.store.live(_ACTIVE).to_dicts()


def _start(rt: Runtime, row: dict[str, Any]) -> UUID:
    run_id, folder = UUID(row["id"]), rt.yard.run(row["id"])
    folder.path.mkdir(parents=True, exist_ok=True)
    if not folder.config.exists():
        write_whole(folder.config, yaml.safe_dump(row["config"]))
    run_supervised(rt, run_id, int(row["attempt"]), is_part=row["parent_run_id"] is not None)
    return run_id


def _is_lost(row: dict[str, Any]) -> bool:
    # The pump after a run has become of the shell that the run was known by until it said `started`; a script that logs
    # its own run may pump, too.
    is_ours = row["pid"] == os.getpid() and row["launched_by"] != "sdk"
    return is_ours or not is_alive(row["pid"], row["pid_created"], row["host"])


def main() -> None:
    """Pump the yard named on the command line, once, and keep its house: a run has just ended."""
    runtime = open_runtime(sys.argv[1])
    try:
        pump(runtime, wait_seconds=10.0)
        retention.tidy(runtime)
    except RunyardError as error:
        print(f"{now():%Y-%m-%dT%H:%M:%SZ} queue: {error.message} {error.hint}", file=sys.stderr)
    finally:
        runtime.close()


if __name__ == "__main__":
    main()
