"""What a checkpoint says of the config it was made under, and what of its progress holds under another."""

from typing import Any

from runyard.config.run import RunConfig
from runyard.train.progress import Progress


def order(config: RunConfig) -> dict[str, int]:
    """Return what the order of the batches within an epoch follows from."""
    return {"batch_size": config.hyperparameters.batch_size, "seed": config.seed}


def judged(config: RunConfig) -> dict[str, Any]:
    """Return what the values of epochs follow from: only those of the same may be compared."""
    rule, loss = config.optimization.early_stopping, config.optimization.loss
    data = config.training_data.model_dump(mode="json")
    return {"monitor": rule.monitor, "mode": rule.mode, "loss": loss.model_dump(mode="json"), "data": data}


def made_under(config: RunConfig, run_id: str) -> dict[str, Any]:
    """Return what a checkpoint keeps of its config and its run."""
    return {"order": order(config), "judged": judged(config), "stopping": _stopping(config), "run": run_id}


def is_judged_alike(state: dict[str, Any], config: RunConfig) -> bool:
    """Return whether what was the best when a checkpoint was written may be compared with what comes."""
    return bool(state.get("judged", judged(config)) == judged(config))


def taken_up(state: dict[str, Any], config: RunConfig, run_id: str) -> Progress:
    """Return the progress of a checkpoint as far as it is that of this run under this config."""
    progress, is_ours = Progress.of(state["progress"]), state.get("run", run_id) == run_id
    is_alike = is_judged_alike(state, config)
    if not is_alike:  # what was the best by another measure, or on other data, is not to be beaten
        progress.best_epoch, progress.best_checkpoint, progress.ranked = 0, "", []
    if not is_ours:  # a fork: what that run spent is not ours
        progress.cpu_seconds, progress.tokens = 0.0, 0
    if not (is_ours and is_alike and state.get("stopping", _stopping(config)) == _stopping(config)):
        progress.stopped = False  # whoever forks a run that stopped early, or changes the rule, wants it to go on
    return progress


def without_best(state: dict[str, Any]) -> dict[str, Any]:
    """Return a state whose best epoch is forgotten, as its weights are lost; how long it waited for a gain stays."""
    progress = {**state.get("progress", {}), "best_epoch": 0, "best_checkpoint": "", "ranked": []}
    callbacks = {name: kept for name, kept in state.get("callbacks", {}).items() if name != "Best"}
    return {**state, "progress": progress, "callbacks": callbacks}


def _stopping(config: RunConfig) -> dict[str, Any]:
    return config.optimization.early_stopping.model_dump(mode="json")
