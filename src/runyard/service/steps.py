"""How many optimizer steps a run will take, as far as that is known before it reads its data."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

from runyard.config.combinations import BASELINE_USES
from runyard.config.dataset import TrainingData
from runyard.config.models import SERIES_NETS, TextEncoder
from runyard.config.run import RunConfig
from runyard.config.schedules import lr_at
from runyard.core.errors import RunyardError
from runyard.data.series import read_series
from runyard.data.sources import Source, find_source
from runyard.data.tables import read_table
from runyard.runtime import Runtime

_READ_BYTES = 16_000_000
_STAND_IN_STEPS = 1000


@dataclass(frozen=True)
class Rates:
    """The learning rate at some 0-based steps of a run of `total` steps; `known` is False where that is a stand-in."""

    total: int
    per_epoch: int
    known: bool
    points: tuple[tuple[int, float], ...]


def planned_rates(rt: Runtime, config: RunConfig, *, points: int = 300) -> Rates | None:
    """Return the learning rate over a run as its loop will set it; None for models that are fitted in one go."""
    if type(config.model) in BASELINE_USES:
        return None
    hyper = config.hyperparameters
    examples = training_examples(rt, config)
    if examples is None:
        total, per_epoch = _STAND_IN_STEPS, max(1, _STAND_IN_STEPS // hyper.epochs)
    else:
        per_epoch = math.ceil(math.ceil(examples / hyper.batch_size) / hyper.gradient_accumulation)
        total = per_epoch * hyper.epochs
    stride = max(1, total // points)
    # Each step of the warm-up's end and the last one: where the curve bends.
    steps = sorted({*range(0, total, stride), min(hyper.warmup_steps, total - 1), total - 1})
    found = tuple(
        (
            step,
            lr_at(config.optimization.schedule, step, base=hyper.learning_rate, warmup=hyper.warmup_steps, total=total),
        )
        for step in steps
    )
    return Rates(total, per_epoch, examples is not None, found)


def training_examples(rt: Runtime, config: RunConfig) -> int | None:
    """Return about how many examples a run will train on; None where only reading much data would tell."""
    if not isinstance(config.model, (TextEncoder, *SERIES_NETS)):
        return None
    data = config.training_data
    try:
        source = find_source(data, rt.yard)
        if source.path is None and not isinstance(config.model, SERIES_NETS):
            return None  # scikit-learn's digits are no texts
        stat = source.path.stat() if source.path else None
        if stat and stat.st_size > _READ_BYTES:
            return None
        lengths = _lengths(source, data, isinstance(config.model, SERIES_NETS), stat.st_mtime_ns if stat else 0)
    except (RunyardError, OSError):
        return None
    share = min(1.0, (data.max_examples or len(lengths)) / max(1, len(lengths))) * (1 - data.validation_split)
    return max(1, round(share * sum(lengths)))


@lru_cache(maxsize=16)
def _lengths(source: Source, data: TrainingData, is_series: bool, _modified_ns: int) -> tuple[int, ...]:
    """Return how many examples each row of a small file gives: 1, or the windows of a series."""
    if not is_series:
        return (1,) * len(read_table(source, data).texts)
    lengths = [len(series) for series in read_series(source, data).series]
    window = min(data.window, lengths[0]) if len(set(lengths)) == 1 else data.window
    return tuple(max(0, (length - window) // data.stride + 1) for length in lengths)
