"""A run in Weights & Biases too: offline, in the folder of the run, unless WANDB_MODE says otherwise."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from runyard.config.run import RunConfig, canonical
from runyard.train.mirrors import Event, values_of


class WeightsAndBiases:
    """One W&B run of the same id; `wandb sync` sends what lies in its folder `wandb`."""

    def __init__(self, folder: Path, config: RunConfig) -> None:
        os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
        import wandb

        self._run: Any = wandb.init(
            mode=os.environ.get("WANDB_MODE", "offline"),  # type: ignore[arg-type]
            dir=folder,
            project=os.environ.get("WANDB_PROJECT", "runyard"),
            id=folder.name,
            resume="allow",
            name=config.name,
            group=config.agent,
            tags=config.tags,
            config=canonical(config),
            settings=wandb.Settings(console="off", silent=True, x_disable_stats=True, disable_git=True),
        )
        self._run.define_metric("*", step_metric="step")
        self._exit_code = 0

    def log(self, events: Sequence[Event]) -> None:
        for event in events:
            if values := values_of(event):
                self._run.log({"step": event.get("step") or 0, **values})
            if event["k"] == "ended":
                self._exit_code = 0 if event["status"] == "completed" else 1

    def close(self) -> None:
        self._run.finish(exit_code=self._exit_code)
