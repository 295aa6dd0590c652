"""What mends a failed run: pure decisions from the kind of error, the attempts so far and the config."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from runyard.config.combinations import BASELINE_USES, batch_unit, trains_inside
from runyard.config.nested import merged
from runyard.config.run import RunConfig

OUT_OF_MEMORY, DIVERGED, LOST = "out_of_memory", "diverged", "lost"
# What may pass by itself, in words.
_PASSING = {
    "disk_full": "the disk was full",
    "data_loader": "its data could not be read on",
    "io_error": "a file could not be read or written",
    "worker_lost": "one of its processes was killed",
    LOST: "its process was killed",
}
_MOST_ACCUMULATION = 4096
_NO_REMEDY = "no remedy is known for this; the traceback is in the log."
_CLIPPING = 1.0
_SKIPPED = 10
# Rates of the first, second and further attempts after a divergence, as shares of the one before: half, then a tenth.
_SHARES = (0.5, 0.2)


@dataclass(frozen=True)
class Failed:
    """An attempt that failed.

    Args:
        kind: the error kind of its end.
        step: optimizer steps of the run when it ended; None is not known.
        begun_by: `recovery` or `fallback` where Runyard began it.
    """

    attempt: int
    kind: str
    step: int | None = None
    begun_by: str | None = None


@dataclass(frozen=True)
class Remedy:
    """One more attempt: sections of the config to change, why in words, and whether it leaves newer checkpoints.

    `same_experiment`: what is changed gives the same gradients, so the run stays a replicate of the others.
    """

    changes: dict[str, Any]
    words: str
    goes_back: bool = False
    anew: bool = False
    same_experiment: bool = True
    begun_by: str = "recovery"


@dataclass(frozen=True)
class GiveUp:
    """No further attempt, and why in words."""

    words: str


def decide(config: RunConfig, failed: Sequence[Failed]) -> Remedy | GiveUp:
    """Return what to do after the last of these attempts.

    Args:
        config: that of the last attempt.
        failed: the attempts since somebody last launched or resumed the run, oldest first; at least one.
    """
    policy, last = config.recovery, failed[-1]
    if last.begun_by == "fallback":
        return GiveUp(f"The fallback configuration failed, too: {_said(last.kind)}.")
    remedy = _remedy(config, failed)
    if isinstance(remedy, Remedy) and len(failed) < policy.max_attempts:
        return _counted(remedy, last.attempt + 1, failed[0].attempt + policy.max_attempts - 1)
    why = f"{len(failed)} attempts failed" if isinstance(remedy, Remedy) else remedy.words
    if policy.fallback:
        words = f"the fallback configuration, since {why}".rstrip(".")
        # Another model has no use for the checkpoints of this one.
        back = Remedy(policy.fallback, words, anew=True, same_experiment=False, begun_by="fallback")
        return _counted(back, last.attempt + 1, None)
    if isinstance(remedy, Remedy):
        return GiveUp(f"Not tried again: {why}, the last since {_said(last.kind)}.")
    return GiveUp(f"Not tried again: {why}")


def _counted(remedy: Remedy, attempt: int, most: int | None) -> Remedy:
    of = "" if most is None else f" of {most}"
    return replace(remedy, words=f"attempt {attempt}{of}: {remedy.words}")


def _remedy(config: RunConfig, failed: Sequence[Failed]) -> Remedy | GiveUp:
    last = failed[-1]
    before = failed[-2] if len(failed) > 1 else None
    if last.kind == OUT_OF_MEMORY:
        return _less_memory(config, "after running out of memory")
    if last.kind == DIVERGED:
        return _tamed(config, failed)
    if last.kind == LOST and before is not None and before.kind == LOST and (last.step or 0) <= (before.step or 0):
        # The kernel kills what outgrows the memory, and leaves no word.
        remedy = _less_memory(config, "after it was killed twice at the same place, as happens when memory runs out")
        if isinstance(remedy, Remedy):
            return remedy
    if last.kind in _PASSING:
        return Remedy({}, f"resumed after {_PASSING[last.kind]}")
    if last.kind in ("invalid", "not_found", "corrupt"):
        return GiveUp("it would fail in the same way again.")
    return GiveUp(_NO_REMEDY)


def _less_memory(config: RunConfig, why: str) -> Remedy | GiveUp:
    """Cut the batch and accumulate as much more, so that the effective batch stays; then recompute activations."""
    hyper = config.hyperparameters
    uses = BASELINE_USES.get(type(config.model))
    if uses is None or "batch_size" in uses:
        unit = batch_unit(config)
        parts = range(hyper.batch_size // 2 // unit * unit, 0, -unit)
        size = next((part for part in parts if hyper.batch_size % part == 0), 0)
        times = hyper.batch_size // size if size else 1
        steps = hyper.gradient_accumulation * times
        if size and uses is not None:
            words = f"batch {'halved' if times == 2 else 'cut'} ({hyper.batch_size} to {size}) {why}"
            return Remedy({"hyperparameters": {"batch_size": size}}, words)
        if size and steps <= _MOST_ACCUMULATION:
            words = (
                f"batch {'halved' if times == 2 else 'cut'} {why} (batch {hyper.batch_size} to {size}, "
                f"accumulation {hyper.gradient_accumulation} to {steps})"
            )
            return Remedy({"hyperparameters": {"batch_size": size, "gradient_accumulation": steps}}, words)
    if hasattr(config.model, "base_model") and trains_inside(config) and not config.resources.gradient_checkpointing:
        changes = {"resources": {"gradient_checkpointing": True}}
        return Remedy(changes, f"activations are computed again instead of kept, {why}")
    return GiveUp("nothing is left that would need less memory; shorten the inputs or take a smaller model.")


def _tamed(config: RunConfig, failed: Sequence[Failed]) -> Remedy | GiveUp:
    """Go back to the last good checkpoint with a lower rate and clipping; the same step twice is the data's fault."""
    optimization, rate = config.optimization, config.hyperparameters.learning_rate
    if type(config.model) in BASELINE_USES:
        return GiveUp(_NO_REMEDY)
    earlier = [attempt for attempt in failed[:-1] if attempt.kind == DIVERGED]
    same_place = earlier and failed[-1].step and earlier[-1].step == failed[-1].step
    can_skip = config.training_type != "reinforcement"  # whose loop is TRL's
    if same_place and can_skip and not optimization.skip_nonfinite_steps:
        changes: dict[str, Any] = {"optimization": {"skip_nonfinite_steps": _SKIPPED}}
        words = (
            f"steps without a finite loss are left out, since step {failed[-1].step} had none at a lower rate either"
        )
        return Remedy(changes, words, goes_back=True, same_experiment=False)
    lower = rate * _SHARES[min(len(earlier), len(_SHARES) - 1)]
    changes = {"hyperparameters": {"learning_rate": lower}}
    words = f"learning rate lowered ({rate:g} to {lower:g})"
    if optimization.gradient_clipping is None or optimization.gradient_clipping > _CLIPPING:
        changes["optimization"] = {"gradient_clipping": _CLIPPING}
        words += f" and gradients clipped at {_CLIPPING:g}"
    if (least := getattr(optimization.schedule, "min_lr", 0.0)) > lower:
        changes = merged(changes, {"optimization": {"schedule": {"min_lr": least * lower / rate}}})
    return Remedy(changes, f"{words} after it diverged", goes_back=True, same_experiment=False)


def _said(kind: str) -> str:
    return {OUT_OF_MEMORY: "memory ran out", DIVERGED: "it diverged", **_PASSING}.get(kind, f"of {kind}")
