"""Runs that failed are tried again: whoever pumps the queue looks for them and queues one more attempt.

A new attempt is a new process. One that ran out of memory, lost a GPU or was killed leaves nothing behind that a next
attempt could trip over, and a run whose process is gone has nobody else to act for it.
"""

from __future__ import annotations

import platform
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from runyard.config.run import RunConfig, load_run_config, replicate_group, with_changes
from runyard.core.errors import Invalid
from runyard.runtime import Runtime
from runyard.service import checkpoints
from runyard.service.queueing import queue
from runyard.service.remedies import Failed, GiveUp, Remedy, decide

# A run of before there was recovery says nothing of it in its config, and is left as it is.
_UNDECIDED = """
SELECT r.id, r.attempt, r.launched_by, r.parent_run_id, r.replicate_group
FROM runs AS r
JOIN run_attempts AS a ON a.run_id = r.id AND a.attempt = r.attempt
WHERE r.status = 'failed'
  AND a.verdict IS NULL
  AND r.deleted_at IS NULL
  AND r.kind = 'train'
  AND r.launched_by NOT IN ('sdk', 'import')
  AND coalesce(r.host, $host) = $host
  AND coalesce(TRY_CAST(r.config ->> '$.recovery.enabled' AS BOOLEAN), false)
ORDER BY r.queued_at, r.id
"""
_SERIES = """
SELECT a.attempt, coalesce(a.reason, 'exception') AS kind, coalesce(a.steps, m.step) AS step, a.begun_by
FROM run_attempts AS a
LEFT JOIN (SELECT attempt, max(step) AS step FROM metrics WHERE session_id = $id GROUP BY attempt) AS m
  ON m.attempt = a.attempt
WHERE a.run_id = $id
ORDER BY a.attempt DESC
"""
_GOOD = "SELECT step, loss FROM epochs WHERE session_id = $id AND loss IS NOT NULL AND step IS NOT NULL"


def recover(rt: Runtime, *, foreground: UUID | None = None) -> list[UUID]:
    """Queue one more attempt of each run that failed and can be mended, and note why others cannot; returns them all.

    Only for who holds the queue's lock, or a run might get two attempts.

    Args:
        foreground: a run whose terminal is there to start its next attempt; that of others is started by the queue.

    Raises:
        Unavailable: the store or the yard cannot be had.
    """
    decided = []
    for row in rt.store.live(_UNDECIDED, {"host": platform.node()}).to_dicts():
        run_id = UUID(row["id"])
        folder = rt.yard.run(run_id)
        if folder.cancel.exists() or not folder.config.is_file():
            continue
        try:
            config = load_run_config(folder.config)
            decision = decide(config, _series(rt, run_id))
            if isinstance(decision, Remedy):
                _begin(rt, row, config, decision, is_ours=run_id == foreground)
        except Invalid as error:
            decision = GiveUp(f"Not tried again: {error.message}")
        if isinstance(decision, GiveUp):
            rt.record(run_id, "gave_up", attempt=row["attempt"], verdict=decision.words)
        decided.append(run_id)
    return decided


def _series(rt: Runtime, run_id: UUID) -> Sequence[Failed]:
    """Return the attempts since somebody last launched or resumed the run, oldest first."""
    found: list[Failed] = []
    for row in rt.store.live(_SERIES, {"id": str(run_id)}).to_dicts():
        found.append(Failed(**row))
        if row["begun_by"] not in ("recovery", "fallback"):
            break
    return found[::-1]


def _begin(rt: Runtime, row: dict[str, Any], before: RunConfig, remedy: Remedy, *, is_ours: bool) -> None:
    run_id, attempt = UUID(row["id"]), int(row["attempt"])
    folder = rt.yard.run(run_id)
    config = with_changes(before, remedy.changes)
    back_to = -1 if remedy.anew else _last_good(rt, run_id) if remedy.goes_back else None
    by = row["launched_by"] or "recovery"
    with checkpoints.gone_back(folder, back_to, attempt):
        queue(
            rt,
            run_id,
            config,
            attempt=attempt + 1,
            launched_by=by if is_ours or by != "foreground" else "recovery",
            parent=row["parent_run_id"],
            group=row["replicate_group"] if remedy.same_experiment else replicate_group(config),
            changes=remedy.changes,
            begun_by=remedy.begun_by,
            cause=remedy.words,
        )


def _last_good(rt: Runtime, run_id: UUID) -> int:
    """Return the step of the newest checkpoint at the end of an epoch that was still good; -1 without one."""
    losses = dict(rt.store.live(_GOOD, {"id": str(run_id)}).rows())
    if not losses:
        return -1
    best = min(losses.values())
    steps = checkpoints.steps_to_go_back_to(rt.yard.run(run_id))
    return max((step for step in steps if losses.get(step, float("inf")) <= best + abs(best)), default=-1)


def attempt_words(rt: Runtime, run_id: UUID) -> str | None:
    """Return why the present attempt of a run was begun, in words; None of a first one."""
    sql = "SELECT cause FROM run_attempts WHERE run_id = $id ORDER BY attempt DESC LIMIT 1"
    rows = rt.store.live(sql, {"id": str(run_id)})
    return None if rows.is_empty() else rows["cause"][0]
