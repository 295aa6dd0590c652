"""The checkpoints that TRL writes: which one a next attempt goes on from, and how long it had waited for a gain."""

import json
from pathlib import Path
from typing import Any

from runyard.config.run import RunConfig
from runyard.train.files import sums_agree


def newest_checkpoint(folder: Path) -> str | None:
    """Return the newest whole checkpoint: a process may have been killed while it wrote one."""
    found = {int(path.name[11:]): path for path in folder.glob("checkpoint-*") if path.name[11:].isdecimal()}
    return next((str(found[step]) for step in sorted(found, reverse=True) if _is_whole(found[step])), None)


def stopping_rule(config: RunConfig, checkpoint: str | None) -> Any:
    """Return what stops early by the rule of now; of a checkpoint, it has waited as long as that says."""
    from transformers import EarlyStoppingCallback

    rule = config.optimization.early_stopping
    stopping = EarlyStoppingCallback(rule.patience, rule.threshold)
    if checkpoint is not None:
        # Not by restore_callback_states_from_checkpoint, which would bring the patience of the attempt before, too.
        state = json.loads((Path(checkpoint) / "trainer_state.json").read_text("utf-8"))
        before = state.get("stateful_callbacks", {}).get("EarlyStoppingCallback", {})
        waited = before.get("attributes", {}).get("early_stopping_patience_counter", 0)
        stopping.early_stopping_patience_counter = waited
    return stopping


def _is_whole(checkpoint: Path) -> bool:
    try:
        json.loads((checkpoint / "trainer_state.json").read_text("utf-8"))  # TRL writes it last
    except (OSError, ValueError):
        return False
    there = any(checkpoint.glob("*model*.safetensors")) and (checkpoint / "optimizer.pt").is_file()
    return there and sums_agree(checkpoint)
