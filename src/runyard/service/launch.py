"""Launching: a run is checked, then an event in the queue, then a process of its own that outlives whoever asked."""

from __future__ import annotations

import shutil
from pathlib import Path
from uuid import UUID

from runyard.config.run import RunConfig
from runyard.core.errors import Unavailable
from runyard.core.ids import new_id
from runyard.data.checks import check_data
from runyard.runtime import Runtime
from runyard.service import estimates
from runyard.service.models import pin_reward, pin_source
from runyard.service.pump import start_queued
from runyard.service.queueing import check_enabled, make_folder, queue, with_absolute_paths


def launch(
    rt: Runtime,
    config: RunConfig,
    *,
    launched_by: str,
    run_id: UUID | None = None,
    parent: UUID | None = None,
    preset: str | None = None,
    start: bool = True,
) -> UUID:
    """Queue a run and start it when a worker is free; returns its id.

    Args:
        run_id: an id made beforehand; launching it a second time does nothing, so that a double click launches once.
        parent: the sweep, test or cross-validation it belongs to.
        preset: the one it was started from: what was estimated is scored for each.
        start: False leaves starting it to the caller; the queue passes over runs launched by `foreground`.

    Raises:
        Denied: training is switched off.
        NotFound: the data, the base model or the model to start from is not there.
        Conflict: the run to start from has saved no model.
        Invalid: the data or the model to start from cannot be used.
        Unavailable: the yard cannot be written.
    """
    check_enabled(rt)
    config = with_absolute_paths(config, Path.cwd())
    if config.start_from is not None:
        config = pin_source(rt, config)
    if config.training_type == "reinforcement":
        config = pin_reward(rt, config)
    check_data(config, rt.yard)
    run_id = run_id or new_id()
    if not make_folder(rt, run_id):
        return run_id
    try:
        queue(rt, run_id, config, attempt=1, launched_by=launched_by, parent=parent)
        estimates.record(rt, run_id, estimates.estimate_of(rt, config), preset=preset)
    except Unavailable:
        shutil.rmtree(rt.yard.run(run_id).path, ignore_errors=True)  # or launching this id again would do nothing
        raise
    if start:
        start_queued(rt)
    return run_id
