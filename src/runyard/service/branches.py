"""Going back: a new run from a checkpoint of another (fork), or a new attempt from an earlier one (rewind)."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from runyard.config.run import RunConfig, with_changes
from runyard.core.errors import Invalid, NotFound, Problem, Unavailable
from runyard.core.ids import new_id
from runyard.runtime import Runtime
from runyard.service import checkpoints
from runyard.service.checkpoints import Checkpoint
from runyard.service.pump import start_queued
from runyard.service.queueing import check_enabled, queue
from runyard.service.runs import begin_next, broken_off, resolve, state

_PLACE = re.compile(r"\s*(?P<epoch>e|epoch[ :=]?)?\s*(?P<number>\d+)\s*")
_NO_NAME = re.compile(r"^@|[\x00-\x1f/]")  # what a run may be renamed to, and a config may not be called
_STEP_OF = "SELECT step FROM epochs WHERE session_id = $id AND epoch = $epoch"


def fork(
    rt: Runtime,
    ref: str,
    *,
    by: str,
    at: str | None = None,
    changes: Mapping[str, Any] | None = None,
    start: bool = True,
) -> UUID:
    """Queue a new run that starts from a checkpoint of another: its weights, its optimizer, its place in the data.

    Args:
        at: a step, or `e4` for the end of epoch 4; the newest checkpoint without it. The other run may still train.
        changes: sections of the config to change, such as `{"hyperparameters": {"learning_rate": 1e-4}}`.
        start: False leaves starting it to the caller.

    Raises:
        NotFound: there is no such run, or it has no checkpoints.
        Invalid: there is no checkpoint at that place, or the changed config cannot go on from it.
        Unavailable: the checkpoint cannot be copied, or the yard cannot be written.
    """
    check_enabled(rt)
    run = state(rt, resolve(rt, ref))
    source = rt.yard.run(run.id)
    chosen = checkpoints.at_step(source, _step(rt, run.id, at))
    before = checkpoints.config_of(source)
    after = with_changes(before, {"name": _NO_NAME.sub("-", f"{run.name or run.id} fork")[:120], **(changes or {})})
    _check(before, after, chosen)
    fork_id = new_id()
    folder = rt.yard.run(fork_id)
    try:
        checkpoints.copy_to(chosen, folder)
        queue(
            rt,
            fork_id,
            after,
            attempt=1,
            launched_by=by if start else "foreground",
            forked_from=str(run.id),
            forked_step=chosen.step,
            changes=dict(changes or {}),
            cause=f"attempt 1: forked from {run.name or run.id} at step {chosen.step}",
        )
    except Unavailable:
        shutil.rmtree(folder.path, ignore_errors=True)
        raise
    if start:
        start_queued(rt)
    return fork_id


def rewind(
    rt: Runtime, ref: str, *, by: str, to: str, changes: Mapping[str, Any] | None = None, start: bool = True
) -> UUID:
    """Queue a new attempt of an ended run from an earlier checkpoint; what came after it is kept, and abandoned.

    Args:
        to: a step, or `e4` for the end of epoch 4.
        changes, start: as of `fork`.

    Raises:
        NotFound, Invalid, Unavailable: as `fork`.
        Conflict: the run has not ended, is deleted, or belongs to a script of its own.
    """
    check_enabled(rt)
    run, before = broken_off(rt, ref)
    folder = rt.yard.run(run.id)
    chosen = checkpoints.at_step(folder, _step(rt, run.id, to))
    after = with_changes(before, dict(changes or {}))
    _check(before, after, chosen)
    cause = f"attempt {run.attempt + 1}: rewound to step {chosen.step} by {by}"
    about = {"changes": dict(changes or {}), "begun_by": "rewind", "cause": cause}
    return begin_next(rt, run, after, by=by, start=start, back_to=chosen.step, **about)


def _step(rt: Runtime, run_id: UUID, place: str | None) -> int | None:
    """Return the step that a place names.

    Raises:
        Invalid: it names none.
        NotFound: that epoch is not finished.
    """
    if place is None:
        return None
    found = _PLACE.fullmatch(place)
    if found is None:
        raise Invalid(
            f"{place!r} is no place of a run.", hint="Give a step, such as 120, or e4 for the end of epoch 4."
        )
    number = int(found["number"])
    if not found["epoch"]:
        return number
    steps = rt.store.live(_STEP_OF, {"id": str(run_id), "epoch": number})["step"].to_list()
    if not steps or steps[0] is None:
        raise NotFound(f"Epoch {number} is not among the finished ones.", hint="`runyard show` says how far it came.")
    return int(steps[0])


def _check(before: RunConfig, after: RunConfig, chosen: Checkpoint) -> None:
    """Refuse changes with which weights, optimizer or place in the data of the checkpoint would mean nothing.

    Raises:
        Invalid: with each of them.
    """
    problems = [
        Problem(name, "cannot differ from what the checkpoint was made with; launch a new run, or use start_from")
        for name, same in (
            ("model", before.model == after.model),
            ("method", before.method == after.method),
            ("start_from", before.start_from == after.start_from),
            (
                "optimization.optimizer.kind",
                before.optimization.optimizer.kind == after.optimization.optimizer.kind,
            ),
        )
        if not same
    ]
    if chosen.ends_epoch is False:
        problems += [
            Problem(name, f"cannot change within an epoch, and step {chosen.step} is none's end")
            for name, same in (
                ("hyperparameters.batch_size", before.hyperparameters.batch_size == after.hyperparameters.batch_size),
                ("seed", before.seed == after.seed),
                ("training_data", before.training_data == after.training_data),
            )
            if not same
        ]
    if problems:
        raise Invalid("The run cannot go on from this checkpoint.", problems=problems)
