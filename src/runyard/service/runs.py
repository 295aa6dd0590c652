"""What one does with a run that is there: name it, cancel it, resume it."""

from __future__ import annotations

import os
import platform
import signal
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
import psutil

from runyard.config.nested import merged
from runyard.config.run import RunConfig, load_run_config, parse_run_config
from runyard.core.clock import now_us
from runyard.core.errors import Conflict, Invalid, NotFound, Problem, Unavailable
from runyard.data.sources import find_source
from runyard.data.version import check_held, version_of
from runyard.runtime import Runtime
from runyard.service import checkpoints
from runyard.service.families import open_children
from runyard.service.liveness import is_alive, last_sign_us
from runyard.service.pump import pump, start_queued
from runyard.service.queueing import check_enabled, queue

_BY_NAME = "SELECT id FROM runs WHERE name = $ref ORDER BY deleted_at IS NOT NULL, queued_at DESC"
_BY_PREFIX = "SELECT id FROM runs WHERE starts_with(CAST(id AS VARCHAR), $ref) ORDER BY id"
_LATEST = "SELECT id FROM runs WHERE deleted_at IS NULL ORDER BY queued_at DESC LIMIT 1"
_BEST_LOSS = """
SELECT id FROM training_sessions
WHERE isfinite(best_validation_loss) AND id NOT IN (SELECT id FROM runs WHERE deleted_at IS NOT NULL)
ORDER BY best_validation_loss, id LIMIT 1
"""
_BEST_METRIC = """
SELECT session_id AS id FROM metric_summary
WHERE name = $metric AND finite_points > 0 AND session_id NOT IN (SELECT id FROM runs WHERE deleted_at IS NOT NULL)
ORDER BY CASE WHEN goal = 'min' THEN min_value ELSE -max_value END, id LIMIT 1
"""
_STATE = """
SELECT id, kind, name, status, attempt, host, pid, pid_created, launched_by, started_at, ended_at, deleted_at, config,
  config_digest
FROM runs WHERE id = $id
"""


@dataclass(frozen=True)
class RunState:
    """How a run stands, from the store itself."""

    id: UUID
    kind: str
    name: str | None
    status: str
    attempt: int
    host: str | None
    pid: int | None
    pid_created: float | None
    launched_by: str | None
    started_at: datetime | None
    ended_at: datetime | None
    deleted_at: datetime | None
    config: dict[str, Any]
    config_digest: str | None

    @property
    def has_ended(self) -> bool:
        return self.status not in ("queued", "running")


def resolve(rt: Runtime, ref: str) -> UUID:
    """Return the run that a reference names: an id, a unique prefix of one, a name, `@latest` or `@best:METRIC`.

    Of several runs with one name it is the newest; deleted ones come last, and only a name or an id finds them.
    `@best:val_loss` is the smallest, any other metric the largest unless its goal is `min`.

    Raises:
        NotFound: nothing is named so.
        Conflict: a prefix names several runs.
    """
    rt.store.ingest(verb="look", wait_seconds=2.0)
    found = _candidates(rt, ref)
    if not found:
        raise NotFound(f"There is no run {ref!r}.", hint="`runyard runs` lists them; @latest is the newest.")
    if len(found) > 1 and len(ref) < 36:
        raise Conflict(f"{ref!r} is the beginning of {len(found)} ids.", hint=f"Such as {found[0]} and {found[1]}.")
    return UUID(found[0])


def _candidates(rt: Runtime, ref: str) -> list[str]:
    if ref == "@latest":
        return _ids(rt, _LATEST)
    if ref.startswith("@best:"):
        metric = ref.removeprefix("@best:")
        return _ids(rt, _BEST_LOSS) if metric == "val_loss" else _ids(rt, _BEST_METRIC, metric=metric)
    if ref.startswith("@"):
        raise Invalid(f"{ref!r} names nothing.", problems=[Problem("run", ref, ("@latest", "@best:METRIC"))])
    return _ids(rt, _BY_NAME, ref=ref)[:1] or (_ids(rt, _BY_PREFIX, ref=ref.lower()) if len(ref) >= 4 else [])


def _ids(rt: Runtime, sql: str, **parameters: str) -> list[str]:
    return [str(value) for value in rt.store.live(sql, parameters or None)["id"].to_list()]


def state(rt: Runtime, run_id: UUID) -> RunState:
    """Return how a run stands now.

    Raises:
        NotFound: there is no such run.
    """
    rows = rt.store.live(_STATE, {"id": str(run_id)}).to_dicts()
    if not rows:
        raise NotFound(f"There is no run {run_id}.", hint="`runyard runs` lists them.")
    row = rows[0]
    return RunState(**{**row, "id": run_id, "config": orjson.loads(row["config"] or "{}")})


def cancel(rt: Runtime, ref: str, *, by: str, force: bool = False) -> RunState:
    """Ask a run to stop at its next step and keep its checkpoint; a queued one is taken out of the queue.

    Args:
        force: kill the process instead of asking it.

    Raises:
        NotFound: there is no such run.
        Conflict: it has ended already, or its process belongs to another host.
    """
    run = state(rt, resolve(rt, ref))
    if run.has_ended:
        raise Conflict(f"Run {run.name or run.id} is {run.status} already.", hint="Nothing was changed.")
    if run.status == "running" and run.host and run.host != platform.node():
        raise Conflict(f"Run {run.name or run.id} runs on {run.host}, not here.", hint="Cancel it on that machine.")
    folder = rt.yard.run(run.id)
    try:
        folder.path.mkdir(parents=True, exist_ok=True)
        folder.cancel.touch()
    except OSError as error:
        raise Unavailable(f"{folder.cancel} cannot be written: {error.strerror}.") from error
    rt.record(run.id, "cancel_requested", attempt=run.attempt, by=by)
    if run.kind == "compare":
        rt.record(run.id, "ended", attempt=run.attempt, status="cancelled")
        for child in open_children(rt, run.id):
            with suppress(Conflict):  # it ended in the meantime
                cancel(rt, str(child), by=by, force=force)
        rt.store.ingest(verb="cancel", wait_seconds=5.0)
        return state(rt, run.id)
    if run.status == "queued":
        rt.record(run.id, "ended", attempt=run.attempt, status="cancelled")
    elif force:
        _signal(run, signal.SIGKILL)
        rt.record(run.id, "lost", attempt=run.attempt, by=os.getpid(), last_seen=now_us())
    elif run.launched_by != "sdk":  # somebody's own script asks `run.should_stop` instead
        _signal(run, signal.SIGTERM)
    rt.store.ingest(verb="cancel", wait_seconds=5.0)
    pump(rt)
    return state(rt, run.id)


def _signal(run: RunState, number: signal.Signals) -> None:
    """Send a signal to the process that trains; the supervising shell stays, to pump the queue after it."""
    if not (run.pid and is_alive(run.pid, run.pid_created, run.host)):
        return
    with suppress(psutil.Error):
        process = psutil.Process(run.pid)
        family = [process, *process.children(recursive=True)]
        if number == signal.SIGKILL:  # a run may have children of its own
            targets = family
        else:
            # torchrun starts its own as `python -u -m runyard.train`; its own words are further to the right.
            targets = [member for member in family if "runyard.train" in member.cmdline()[:4]]
        for target in targets:
            with suppress(psutil.NoSuchProcess):
                target.send_signal(number)


def resume(rt: Runtime, ref: str, *, by: str, changes: Mapping[str, Any] | None = None, start: bool = True) -> UUID:
    """Queue the next attempt of a failed or cancelled run; it goes on from its newest whole checkpoint.

    Args:
        changes: sections of the config to change, such as `{"hyperparameters": {"learning_rate": 1e-4}}`.
        start: False leaves starting it to the caller.

    Raises:
        NotFound: there is no such run, or its folder is gone.
        Conflict: it has not ended, it is completed or deleted, or it belongs to a script of its own.
        Invalid: the changed config cannot be used, or the data changed since the last attempt.
        Denied: training is switched off.
    """
    check_enabled(rt)
    run, config = broken_off(rt, ref, or_completed=False)
    if changes:
        config = parse_run_config(merged(run.config, dict(changes)))
    cause = f"attempt {run.attempt + 1}: resumed by {by}"
    return begin_next(rt, run, config, by=by, start=start, changes=dict(changes or {}), cause=cause)


def broken_off(rt: Runtime, ref: str, *, or_completed: bool = True) -> tuple[RunState, RunConfig]:
    """Return a run that has ended and could have another attempt, with its config; one whose process is gone is lost.

    Raises:
        NotFound: there is no such run, or its folder is gone.
        Conflict: it has not ended, it is deleted or, unless wanted, completed, or it belongs to a script of its own.
    """
    run = state(rt, resolve(rt, ref))
    name = run.name or str(run.id)
    if not run.has_ended and not lost_if_gone(rt, run):
        raise Conflict(f"Run {name} is {run.status}.", hint=f"Cancel it first: runyard cancel {run.id}")
    if run.deleted_at:
        raise Conflict(f"Run {name} is deleted.", hint=f"First: runyard undelete {run.id}")
    if run.kind == "compare":
        raise Conflict(f"{name} is a comparison.", hint="Resume those of its runs that failed, or start it again.")
    if run.status == "completed" and not or_completed:
        raise Conflict(f"Run {name} is completed; there is nothing to resume.", hint="Launch its config again.")
    if run.launched_by == "sdk":
        raise Conflict(f"Run {name} was logged by a script of its own.", hint="Start that script again.")
    folder = rt.yard.run(run.id)
    if not folder.config.exists():
        raise NotFound(f"The folder of run {name} is gone.", hint="Launch its config again.")
    return run, load_run_config(folder.config)


def lost_if_gone(rt: Runtime, run: RunState) -> bool:
    """Record that a running run is lost if its process is gone; return whether it was."""
    if run.status != "running" or not run.pid or is_alive(run.pid, run.pid_created, run.host):
        return False
    seen = last_sign_us(rt.yard.run(run.id), run.started_at)
    rt.record(run.id, "lost", attempt=run.attempt, by=os.getpid(), last_seen=seen)
    return True


def begin_next(
    rt: Runtime,
    run: RunState,
    config: RunConfig,
    *,
    by: str,
    start: bool,
    back_to: int | None = None,
    **about: Any,
) -> UUID:
    """Queue the next attempt of a run; returns its id.

    Args:
        start: False leaves starting it to the caller.
        back_to: the step behind which its checkpoints are put aside; where this fails, they stay.
        about: what else the attempt's row says.

    Raises:
        NotFound: the data are gone.
        Invalid: the data changed since the last attempt.
        Unavailable: the yard cannot be written.
    """
    folder = rt.yard.run(run.id)
    if version := version_of(find_source(config.training_data, rt.yard)):
        check_held(folder, version)
    with checkpoints.gone_back(folder, back_to, run.attempt):
        folder.cancel.unlink(missing_ok=True)
        queue(rt, run.id, config, attempt=run.attempt + 1, launched_by=by if start else "foreground", **about)
    if start:
        start_queued(rt)
    else:
        rt.store.ingest(verb="resume", wait_seconds=5.0)
    return run.id
