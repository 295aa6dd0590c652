"""Fitting a training to a machine: smaller batches of the same sum, precision, checkpointing, length; and why.

A pure function: the same config and machine give the same answer, and what is fitted once is left alone.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from runyard.config.combinations import batch_unit, trains_inside
from runyard.config.models import EncoderLogreg, TfidfLogreg
from runyard.config.run import RunConfig
from runyard.data.facts import DataFacts
from runyard.presets.machine import CPU_ONLY, Machine, Tier, budget_gb, tier_of, used_for
from runyard.presets.memory import Memory, memory_of
from runyard.presets.model_facts import ModelFacts

SHORTEST = 64  # tokens: shorter texts would say nothing
_MOST_ACCUMULATION = 4096
_GOOD_BATCH = 8  # down to it a smaller batch costs less time than computing layers twice
_LONG_ON_CPU = 100_000_000  # weights: above it a CPU takes days where a GPU takes hours


@dataclass(frozen=True)
class Change:
    """One setting that was changed: its path, both values, and the reason for people."""

    setting: str
    before: Any
    after: Any
    why: str


@dataclass(frozen=True)
class Fitted:
    """A config that goes with a machine, what was changed for that, and whether it is enough."""

    config: RunConfig
    tier: Tier
    changes: tuple[Change, ...]
    memory: Memory
    budget_gb: float
    hints: tuple[str, ...] = ()

    @property
    def fits(self) -> bool:
        return self.memory.total <= self.budget_gb


def fit(config: RunConfig, machine: Machine, model: ModelFacts | None, data: DataFacts | None = None) -> Fitted:
    """Return the config as this machine can train it, with every change and its reason.

    The effective batch (batch size times accumulation) stays exactly as it was. Nothing is ever made larger.
    """
    used = used_for(config.resources.device, machine)
    tier, budget = tier_of(used), budget_gb(used)
    changes: list[Change] = []

    def changed(setting: str, value: Any, why: str) -> None:
        nonlocal config
        section, name = setting.split(".")
        part = getattr(config, section)
        before = getattr(part, name)
        if before != value:
            config = config.model_copy(update={section: part.model_copy(update={name: value})})
            changes.append(Change(setting, before, value, why))

    def reckoned() -> Memory:
        return memory_of(config, model, data, on_gpu=tier is not CPU_ONLY)

    if tier is CPU_ONLY and machine.has_gpu:
        changed("resources.device", "cpu", f"the GPU has {machine.gpu_memory_gb:.0f} GB, which is too little")
    is_baseline = isinstance(config.model, TfidfLogreg | EncoderLogreg)
    if model is not None and not is_baseline:
        _to_the_rules(lambda: config, changed, tier, used, model)
    for setting, value, why in _smaller(lambda: config, model):
        if is_baseline or reckoned().total <= budget:
            break
        if setting == "batch":
            _with_batch(config, changed, value, f"{why} {budget:.1f} GB")
        else:
            changed(setting, value, f"{why} {budget:.1f} GB")
    memory = reckoned()
    hints = [*_hints(config, tier, machine, model, memory, budget)]
    if config.optimization.mixed_precision and model is not None and not is_baseline:
        full = config.optimization.model_copy(update={"mixed_precision": False})
        config_in_full = config.model_copy(update={"optimization": full})
        saved = memory_of(config_in_full, model, data, on_gpu=tier is not CPU_ONLY).total - memory.total
        hints.append(f"bfloat16 saves about {1000 * saved:,.0f} MB of memory, as was measured with small encoders.")
    return Fitted(config, tier, tuple(_merged(changes)), memory, budget, tuple(hints))


Changed = Callable[[str, Any, str], None]


def _to_the_rules(
    now: Callable[[], RunConfig], changed: Changed, tier: Tier, machine: Machine, model: ModelFacts
) -> None:
    """Apply what does not depend on how much memory is needed: the model's limit, the tier's rule, the precision."""
    place = "a CPU" if tier is CPU_ONLY else f"a GPU of {tier.name}"
    if now().hyperparameters.max_length > model.max_length:
        changed("hyperparameters.max_length", model.max_length, f"{model.name} reads {model.max_length} tokens at most")
    if tier.max_length is not None and now().hyperparameters.max_length > tier.max_length:
        changed("hyperparameters.max_length", tier.max_length, f"texts of {tier.max_length} tokens at most on {place}")
    if tier.batch_size is not None:
        _with_batch(now(), changed, tier.batch_size, f"batches of {tier.batch_size} at most on {place}")
    if tier.gradient_checkpointing and _can_checkpoint(now(), model):
        changed("resources.gradient_checkpointing", True, f"layers are computed twice instead of kept on {place}")
    if machine.has_bfloat16:
        what = "the CPU" if tier is CPU_ONLY else "the GPU"
        changed("optimization.mixed_precision", True, f"{what} computes in bfloat16: faster, and less memory")
    else:
        changed("optimization.mixed_precision", False, f"there is no bfloat16 on {place}: float32 it is")


def _smaller(now: Callable[[], RunConfig], model: ModelFacts | None) -> Iterator[tuple[str, Any, str]]:
    """Yield the next step that takes less memory, the one that costs least first, until there is none."""
    yield from _smaller_batches(now, _GOOD_BATCH)
    if model is not None and _can_checkpoint(now(), model):
        yield "resources.gradient_checkpointing", True, "layers are computed twice instead of kept, to stay within"
    yield from _smaller_batches(now, 1)
    while model is not None and (length := now().hyperparameters.max_length) > SHORTEST:
        yield "hyperparameters.max_length", max(SHORTEST, length // 2), "shorter texts take less memory:"


def _smaller_batches(now: Callable[[], RunConfig], least: int) -> Iterator[tuple[str, Any, str]]:
    """Yield half the batch and so on down to the least; one less where half of it does not divide the effective one."""
    while (batch := now().hyperparameters.batch_size) > least:
        for most in (batch // 2, batch - 1):
            if now().hyperparameters.batch_size == batch:
                yield "batch", most, "smaller batches take less memory:"
        if now().hyperparameters.batch_size == batch:
            return


def _with_batch(config: RunConfig, changed: Changed, most: int, why: str) -> None:
    """Make the batch the largest divisor of the effective one that is allowed, and accumulate the rest."""
    batch, accumulation = config.hyperparameters.batch_size, config.hyperparameters.gradient_accumulation
    whole = batch * accumulation
    parts = range(unit := batch_unit(config), min(most, batch) + 1, unit)
    allowed = [n for n in parts if whole % n == 0 and whole // n <= _MOST_ACCUMULATION]
    if not allowed or allowed[-1] == batch:
        return
    changed("hyperparameters.batch_size", allowed[-1], why)
    changed(
        "hyperparameters.gradient_accumulation", whole // allowed[-1], f"so that a step still sees {whole} examples"
    )


def _can_checkpoint(config: RunConfig, model: ModelFacts) -> bool:
    return trains_inside(config) and model.supports_checkpointing and not config.resources.gradient_checkpointing


def _merged(changes: list[Change]) -> Iterator[Change]:
    """Yield one change a setting: the first value, the last one and the last reason; nothing where it came back."""
    for setting in dict.fromkeys(change.setting for change in changes):
        own = [change for change in changes if change.setting == setting]
        if own[0].before != own[-1].after:
            yield Change(setting, own[0].before, own[-1].after, own[-1].why)


def _hints(
    config: RunConfig, tier: Tier, machine: Machine, model: ModelFacts | None, memory: Memory, budget: float
) -> Iterator[str]:
    """Yield advice of three kinds: parameters, hardware, another strategy."""
    if memory.total > budget:
        yield (
            f"It needs about {memory.total:.1f} GB and may take {budget:.1f} GB: take a smaller model or a machine "
            f"with {memory.total / 0.8:.0f} GB."
        )
        if config.method == "full" and model is not None:
            yield "Train adapters (LoRA) instead of all weights: no gradients and no optimizer state for the rest."
    if tier is CPU_ONLY and model is not None and model.parameters > _LONG_ON_CPU:
        yield "A GPU would help: this model learns tens of times faster on one."
