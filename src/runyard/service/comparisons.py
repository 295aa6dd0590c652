"""Comparing models: a parent without a process of its own, and a child for each model and seed in the queue."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from uuid import UUID

from runyard.config.comparison import Comparison, compare
from runyard.config.run import RunConfig
from runyard.core.errors import Unavailable
from runyard.core.ids import new_id
from runyard.data.checks import check_data
from runyard.runtime import Runtime
from runyard.service.models import pin_reward, pin_source
from runyard.service.pump import start_queued
from runyard.service.queueing import check_enabled, make_folder, queue, with_absolute_paths

_ATTEMPTS = "SELECT attempt FROM runs WHERE id = $id"


def start(rt: Runtime, comparison: Comparison, *, launched_by: str, run_id: UUID | None = None) -> UUID:
    """Queue every run of a comparison and start as many as there are workers; returns the parent's id.

    Args:
        run_id: an id made beforehand; starting it a second time does nothing, unless the first time failed.

    Raises:
        Denied: training is switched off.
        NotFound, Conflict, Invalid: as `launch`; nothing is queued then.
        Unavailable: the yard cannot be written; what was queued is cancelled then.
    """
    check_enabled(rt)
    runs = [with_absolute_paths(config, Path.cwd()) for config in comparison.runs()]
    runs = [pin_reward(rt, config if config.start_from is None else pin_source(rt, config)) for config in runs]
    for config in runs[: len(comparison.candidates) + len(comparison.baselines)]:
        check_data(config, rt.yard)
    parent = run_id or new_id()
    if not make_folder(rt, parent):
        return parent
    _queue_all(
        rt, parent, comparison, runs, launched_by=launched_by, attempt=1 if run_id is None else _next(rt, run_id)
    )
    start_queued(rt)
    return parent


def _next(rt: Runtime, parent: UUID) -> int:
    """Return the attempt that an id made beforehand stands at: the second where queueing its runs failed once."""
    with suppress(Unavailable):
        rt.store.ingest(verb="compare", wait_seconds=2.0)
    return 1 + max(rt.store.live(_ATTEMPTS, {"id": str(parent)})["attempt"].to_list(), default=0)


def _queue_all(
    rt: Runtime, parent: UUID, comparison: Comparison, runs: Sequence[RunConfig], *, launched_by: str, attempt: int
) -> None:
    """Queue the parent and all of its children, or none of them."""
    first = comparison.candidates[0]
    queued: list[UUID] = []
    child = parent
    try:
        rt.record(
            parent,
            "queued",
            attempt=attempt,
            kind="compare",
            name=comparison.name,
            agent=first.agent,
            workspace=first.workspace,
            tags=list(first.tags),
            config=comparison.described(),
            launched_by=launched_by,
        )
        queued.append(parent)
        rt.record(parent, "started", attempt=attempt)
        for config in runs:
            child = new_id()
            make_folder(rt, child)
            queue(rt, child, config, attempt=1, launched_by=launched_by, parent=parent)
            queued.append(child)
    except Unavailable as error:
        # The folders first: what they held is room for the events. Without its own the parent can be started again.
        for run_id in {parent, child} - {*queued[1:]}:
            shutil.rmtree(rt.yard.run(run_id).path, ignore_errors=True)
        _take_back(rt, queued, attempt, error)
        raise


def _take_back(rt: Runtime, queued: Sequence[UUID], attempt: int, why: Unavailable) -> None:
    """Cancel the children that were queued, and end their parent, which comes first."""
    for child in queued[1:]:
        with suppress(OSError):
            rt.yard.run(child).cancel.touch()  # should a worker have taken it already
        with suppress(Unavailable):
            rt.record(child, "ended", attempt=1, status="cancelled")
    for parent in queued[:1]:
        about = {"error_kind": "queueing", "error_message": why.message, "error_hint": why.hint}
        with suppress(Unavailable):
            rt.record(parent, "ended", attempt=attempt, status="failed", **about)


def draws_of(config: RunConfig) -> Comparison | None:
    """Return the repeats of a few-shot training, a run with other examples each; None for one that is a single run."""
    if config.training_type != "few_shot" or config.few_shot.draws == 1:
        return None
    return compare([config], seeds=config.few_shot.draws, name=config.name)
