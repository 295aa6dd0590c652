"""Keras 3: each epoch of a fit."""

from __future__ import annotations

from typing import Any

from runyard.integrations.attached import Attached

_LOSSES = {"loss": "train_loss", "val_loss": "val_loss", "learning_rate": "learning_rate"}


class Hooks(Attached):
    """A Keras callback that logs to Runyard: each epoch, `loss` as train_loss, the others under their own names.

    `run` and options: as in `Attached`.
    """

    params: Any
    model: Any

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        config = {"epochs": self.params.get("epochs"), "steps_per_epoch": self.params.get("steps")}
        self._begin(config | {"learning_rate": self._learning_rate()})

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        run = self._open()
        if run is not None and run.should_stop:
            self.model.stop_training = True

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        run = self._open()
        if run is None:
            return
        rate = self._learning_rate()
        values = {_LOSSES.get(name, name): value for name, value in (logs or {}).items()}
        if rate is not None:
            values.setdefault("learning_rate", rate)
        run.log_epoch(epoch + 1, **values)

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        self._end()

    def _learning_rate(self) -> float | None:
        try:
            return float(self.model.optimizer.learning_rate)
        except (AttributeError, TypeError, ValueError):  # no optimizer, or a schedule without a value yet
            return None
