"""transformers: what a Trainer logs, under its own names, and its epochs."""

from __future__ import annotations

import math
from typing import Any

from runyard.integrations.attached import Attached


class Hooks(Attached):
    """A TrainerCallback that logs to Runyard: losses, rates and evaluations as they come, and each epoch.

    An epoch's `train_loss` is the mean of the losses logged in it, by steps; its `val_loss` the last `eval_loss`. A
    last epoch that `max_steps` cut short counts as one. `run` and options: as in `Attached`.
    """

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if not state.is_world_process_zero:
            return
        monitor = args.metric_for_best_model
        watched = {} if monitor in (None, "loss", "eval_loss") else {
            "monitor": monitor if monitor.startswith("eval_") else f"eval_{monitor}",
            "mode": "max" if args.greater_is_better else "min",
        }  # fmt: skip
        config = {
            "learning_rate": args.learning_rate,
            "batch_size": args.per_device_train_batch_size,
            "gradient_accumulation": args.gradient_accumulation_steps,
            "epochs": math.ceil(state.num_train_epochs or args.num_train_epochs),
            "weight_decay": args.weight_decay,
            "seed": args.seed,
        }
        self._begin(config, name=getattr(args, "run_name", None) or None, training_type="fine_tuning", **watched)
        self._clear(state.global_step)

    def _clear(self, step: int) -> None:
        self._loss_steps, self._loss_sum, self._logged_step = 0, 0.0, step
        self._evaluated: dict[str, float] = {}
        self._newest: dict[str, float] = {}

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **_: Any) -> None:
        run = self._open()
        if run is None or not logs:
            return
        is_summary = "train_runtime" in logs  # of the whole training; its train_loss is no epoch's
        numbers = {
            name: value
            for name, value in logs.items()
            if name != "epoch" and isinstance(value, int | float) and not (is_summary and name == "train_loss")
        }
        run.log(numbers, step=max(1, state.global_step), epoch=state.epoch)
        if "loss" in numbers and state.global_step > self._logged_step:
            steps = state.global_step - self._logged_step
            self._loss_sum += numbers["loss"] * steps
            self._loss_steps += steps
            self._logged_step = state.global_step
        self._evaluated |= {name: value for name, value in numbers.items() if name.startswith("eval_")}
        self._newest |= {name: numbers[name] for name in ("learning_rate", "grad_norm") if name in numbers}

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> Any:
        run = self._open()
        if run is not None and run.should_stop:
            control.should_training_stop = True
        return control

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        # The evaluation of an epoch comes after its end.
        self._end_epoch(state)

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._end_epoch(state)
        self._end()

    def _end_epoch(self, state: Any) -> None:
        run = self._open()
        if run is None or not (self._loss_steps or self._evaluated):
            return
        columns = {
            "train_loss": self._loss_sum / self._loss_steps if self._loss_steps else None,
            "val_loss": self._evaluated.pop("eval_loss", None),
            "learning_rate": self._newest.get("learning_rate"),
            "gradient_norm": self._newest.get("grad_norm"),
        }
        known = {name: value for name, value in columns.items() if value is not None}
        number = max(1, math.ceil(round(state.epoch or 0, 6)))
        run.log_epoch(number, step=max(1, state.global_step), **known, **self._scores())
        self._clear(state.global_step)

    def _scores(self) -> dict[str, float]:
        """Return the epoch's own scores; how long the evaluation took is in the metrics already."""
        ends = ("_runtime", "_per_second")
        return {name: value for name, value in self._evaluated.items() if not name.endswith(ends)}
