"""Lightning: what modules log, under its own names, and the epochs."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from runyard.integrations.attached import Attached
from runyard.logged_run import Run, Status

_TRAIN = ("train_loss_epoch", "train/loss_epoch", "train_loss", "train/loss")
_VAL = ("val_loss_epoch", "val/loss_epoch", "val_loss", "val/loss", "valid_loss", "valid/loss")
_STATES: dict[str, Status] = {"failed": "failed", "interrupted": "cancelled"}


class Hooks(Attached):
    """A Lightning logger that logs to Runyard: everything that is logged, and each epoch with its losses.

    `train_loss` and `val_loss` of an epoch are those logged under such names, such as `val/loss`; of one that is logged
    at steps alone the mean. `run` and options: as in `Attached`.
    """

    _epoch: int | None = None
    _losses: dict[str, list[float]]

    @property
    def name(self) -> str | None:
        return self._run.name if self._run else None

    @property
    def version(self) -> str | None:
        return str(self._run.id) if self._run else None

    @property
    def experiment(self) -> Run:
        """The run itself."""
        return self._started({})

    def log_hyperparams(self, params: Any, *_: Any, **__: Any) -> None:
        if self._is_first():
            values = vars(params) if isinstance(params, Namespace) else dict(params or {})
            self._started(values)

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        if not self._is_first():
            return
        run = self._started({})
        numbers = dict(metrics)
        epoch = numbers.pop("epoch", None)
        if epoch is not None and epoch != self._epoch:
            self._end_epoch()
            self._epoch = int(epoch)
        for column, names in (("train_loss", _TRAIN), ("val_loss", _VAL)):
            for name in names:
                if name in numbers:
                    self._losses.setdefault(f"{column} {name}", []).append(float(numbers[name]))
        if numbers and not run.has_ended:
            run.log(numbers, step=None if step is None else step + 1, epoch=None if epoch is None else epoch + 1)

    def finalize(self, status: str) -> None:
        if self._run is not None and self._is_first():
            self._end_epoch()
            self._end(_STATES.get(status, "completed"))

    def _started(self, config: Mapping[str, Any]) -> Run:
        if self._run is None:
            self._losses = {}
            return self._begin(config)
        return self._run

    def _is_first(self) -> bool:
        """Return whether this is the process that logs; the others of a distributed training do not."""
        ranked = import_module("lightning_utilities.core.rank_zero").rank_zero_only
        return getattr(ranked, "rank", 0) in (0, None)

    def _end_epoch(self) -> None:
        run, losses = self._open(), self._losses
        if run is not None and self._epoch is not None and losses:
            found: dict[str, float] = {}
            for column, names in (("train_loss", _TRAIN), ("val_loss", _VAL)):
                values = next((seen for name in names if (seen := losses.get(f"{column} {name}"))), None)
                if values:
                    # Lightning has averaged what it logs once an epoch; the mean of one is itself.
                    found[column] = sum(values) / len(values)
            run.log_epoch(self._epoch + 1, **found)
        self._losses = {}
