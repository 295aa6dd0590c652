"""Mistakes that no field shows alone: settings that contradict each other, or that would be ignored."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from runyard.config.models import SERIES_NETS, EncoderLogreg, TextEncoder, TfidfLogreg
from runyard.config.optimizers import Sgd
from runyard.config.part import Part
from runyard.config.training import Hyperparameters, Optimization
from runyard.core.errors import Problem

if TYPE_CHECKING:
    from runyard.config.run import RunConfig

METHODS: dict[type[Part], tuple[str, ...]] = {
    TextEncoder: ("lora", "full", "frozen"),
    **dict.fromkeys(SERIES_NETS, ("full",)),
    TfidfLogreg: ("full",),
    EncoderLogreg: ("frozen",),
}
TYPES: dict[type[Part], tuple[str, ...]] = {
    TextEncoder: ("fine_tuning", "transfer_learning"),
    **dict.fromkeys(SERIES_NETS, ("from_scratch", "transfer_learning")),
    TfidfLogreg: ("from_scratch",),
    EncoderLogreg: ("fine_tuning",),
}
BASELINE_USES: dict[type[Part], frozenset[str]] = {
    TfidfLogreg: frozenset(),
    EncoderLogreg: frozenset({"max_length", "batch_size"}),
}


def contradictions(config: "RunConfig") -> Iterator[Problem]:
    """Yield every contradiction of a config whose fields are valid one by one."""
    kind, data = config.model.model_type, config.training_data
    for key, given, allowed in (
        ("method", config.method, METHODS[type(config.model)]),
        ("training_type", config.training_type, TYPES[type(config.model)]),
    ):
        if given not in allowed:
            yield Problem(key, f"{given!r} does not go with a model of type {kind}", allowed)
    is_transfer = config.training_type == "transfer_learning"
    if is_transfer and config.start_from is None:
        yield Problem("start_from", "a transfer starts from a saved model: a run, AGENT@VERSION or AGENT@latest")
    if config.start_from is not None and not is_transfer:
        yield Problem("start_from", "goes with training_type transfer_learning alone")
    if (data.source is None) == (data.path is None):
        what = "name a data set (source) or a file (path)" if data.source is None else "give source or path, not both"
        yield Problem("training_data", what)
    if data.split_by == "group" and data.group_column is None and not isinstance(config.model, SERIES_NETS):
        yield Problem("training_data.group_column", "is needed to split by group")
    if isinstance(config.model, SERIES_NETS) and data.split_by == "column":
        yield Problem("training_data.split_by", "series have no split column", ("random", "stratified", "group"))
    yield from _of_optimization(config)
    if isinstance(config.model, TfidfLogreg | EncoderLogreg):
        yield from _without_effect(config)


def _of_optimization(config: "RunConfig") -> Iterator[Problem]:
    hyper, optimization = config.hyperparameters, config.optimization
    optimizer, stopping = optimization.optimizer, optimization.early_stopping
    if isinstance(optimizer, Sgd) and optimizer.nesterov and optimizer.momentum == 0:
        yield Problem("optimization.optimizer.momentum", "must be above 0 with nesterov")
    if getattr(optimization.schedule, "min_lr", 0.0) > hyper.learning_rate:
        yield Problem("optimization.schedule.min_lr", f"is above the learning rate {hyper.learning_rate:g}")
    plateau = optimization.reduce_on_plateau
    if plateau.enabled and plateau.monitor not in ("val_loss", *config.evaluation.metrics):
        yield Problem("optimization.reduce_on_plateau.monitor", f"{plateau.monitor} is not among evaluation.metrics")
    right = "min" if stopping.monitor == "val_loss" else "max"
    if stopping.mode != right:
        yield Problem("optimization.early_stopping.mode", f"the best {stopping.monitor} is the {right} one", (right,))
    if stopping.monitor != "val_loss" and stopping.monitor not in config.evaluation.metrics:
        yield Problem("optimization.early_stopping.monitor", f"{stopping.monitor} is not among evaluation.metrics")


def _without_effect(config: "RunConfig") -> Iterator[Problem]:
    """A baseline is fitted in one go: what only a training loop would read is refused, not ignored."""
    used = BASELINE_USES[type(config.model)]
    sections: tuple[tuple[str, Part, Part], ...] = (
        ("hyperparameters", config.hyperparameters, Hyperparameters()),
        ("optimization", config.optimization, Optimization()),
    )
    for section, given, default in sections:
        for name in type(given).model_fields:
            if name not in used and getattr(given, name) != getattr(default, name):
                yield Problem(f"{section}.{name}", f"has no effect on a model of type {config.model.model_type}")
