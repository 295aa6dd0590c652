"""What a run will take, reckoned before it starts, and written down so that it can be held against what it took."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from runyard.config.run import RunConfig
from runyard.core.errors import RunyardError
from runyard.data.facts import DataFacts, read_data
from runyard.data.sources import find_model
from runyard.presets.estimate import Estimate, Pace, estimate
from runyard.presets.machine import CPU_ONLY, Machine, tier_of, used_for
from runyard.presets.model_facts import ModelFacts, read_model
from runyard.queries import pace
from runyard.runtime import Runtime
from runyard.service.machine import this_machine


@dataclass(frozen=True)
class Known:
    """What is known of a config's model and data before it starts; None where there is nothing to be read."""

    model: ModelFacts | None
    data: DataFacts | None


def known_of(rt: Runtime, config: RunConfig) -> Known:
    """Look at the model and the data of a config; what cannot be read is left to the preflight to name."""
    model = data = None
    base_model = getattr(config.model, "base_model", None)
    with suppress(RunyardError):
        if base_model is not None:
            model = read_model(find_model(base_model, rt.yard), base_model.rpartition("/")[2])
    with suppress(RunyardError):
        data = read_data(config.training_data, rt.yard)
    return Known(model, data)


def estimate_of(
    rt: Runtime, config: RunConfig, *, machine: Machine | None = None, known: Known | None = None
) -> Estimate:
    """Return what a run will take on this machine: by the yard's own runs like it, else by arithmetic."""
    machine, known = machine or this_machine(rt), known or known_of(rt, config)
    return estimate(config, machine, known.model, known.data, _paces(rt, config, machine, known))


def record(rt: Runtime, run_id: UUID, found: Estimate, *, preset: str | None = None) -> None:
    """Write an estimate down beside its run: an event, from which the view `estimate_scores` follows.

    Raises:
        Unavailable: the yard cannot be written.
    """
    rt.record(run_id, "estimated", preset=preset, **as_fields(found))


def as_fields(found: Estimate) -> dict[str, Any]:
    """Return an estimate as flat plain values."""
    memory = found.memory
    return {
        "memory_gb": memory.total,
        "memory_low_gb": memory.low,
        "memory_high_gb": memory.high,
        "seconds": found.seconds,
        "seconds_low": found.seconds_low,
        "seconds_high": found.seconds_high,
        "basis": found.basis,
        "runs": found.runs,
    }


def _paces(rt: Runtime, config: RunConfig, machine: Machine, known: Known) -> list[Pace]:
    on_gpu = tier_of(used_for(config.resources.device, machine)) is not CPU_ONLY
    query = pace.of_kind(
        model_type=config.model.model_type,
        base_model=getattr(config.model, "base_model", None),
        method=config.method,
        on_gpu=on_gpu,
    )
    try:
        rows = query.frame(rt).to_dicts()
    except RunyardError:  # a new yard has no snapshot; without its past the estimate is arithmetic, and says so
        return []
    unit = "samples_per_second" if known.model is None else "tokens_per_second"
    return [Pace(row[unit], row["overhead_seconds"] or 0.0) for row in rows if row[unit]]
