"""The callback that writes the journal of a run whose loop is TRL's: steps, epochs, checkpoints, cancelling."""

import math
import time
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from runyard.core import usage
from runyard.train.attempt import Attempt
from runyard.train.callbacks import Action, CancelWatch
from runyard.train.files import sha256_of, write_manifest
from runyard.train.outcome import Diverged

# What TRL calls the numbers that every algorithm has, and what they are here.
NAMES = {
    "loss": "loss",
    "reward": "reward",
    "reward_std": "reward_std",
    "kl": "kl",
    "entropy": "entropy",
    "grad_norm": "gradient_norm",
    "learning_rate": "learning_rate",
    "completions/mean_length": "completion_length",
    "completions/clipped_ratio": "completions_cut",
    "rewards/accuracies": "reward_accuracy",
    "rewards/margins": "reward_margin",
    "rewards/chosen": "reward_chosen",
    "rewards/rejected": "reward_rejected",
    "mean_token_accuracy": "token_accuracy",
}
_OF_AN_EPOCH = ("reward", "kl", "completion_length", "entropy", "reward_accuracy", "reward_margin")


class TrlJournal(TrainerCallback):
    """Writes what a trainer logs; `best` and `last` are rewards of the epochs so far."""

    def __init__(self, attempt: Attempt, facts: dict[str, Any]) -> None:
        self._attempt, self._pen, self._progress, self._facts = attempt, attempt.pen, attempt.progress, facts
        self._watch = CancelWatch(attempt.interruption.signalled, attempt.folder.cancel)
        self._began = time.perf_counter()
        self._losses: list[float] = []
        self._norms: list[float] = []
        self._means: dict[str, list[float]] = {}
        self.cancelled, self.tokens = False, 0
        self.best: float | None = None
        self.last: float | None = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        epochs = self._attempt.config.hyperparameters.epochs
        self._pen.emit("planned", total_epochs=epochs, total_steps=state.max_steps, **self._facts)
        if state.global_step:
            message = f"Resumed at step {state.global_step}, epoch {math.floor(state.epoch) + 1}."
            self._pen.emit("notice", level="info", message=message, hint="")
            if self._attempt.config.optimization.early_stopping.enabled:
                # A checkpoint of before it was switched on has no place for its state, and saving would fail.
                state.stateful_callbacks.setdefault("EarlyStoppingCallback", {})
            rewards = [entry["eval_reward"] for entry in state.log_history if "eval_reward" in entry]
            self.best = max(rewards, default=None)

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **_: Any) -> None:
        numbers = {key: float(value) for key, value in (logs or {}).items() if isinstance(value, int | float)}
        if "loss" not in numbers:
            return
        self.tokens = int(numbers.get("num_tokens", self.tokens))
        named = {NAMES[key]: value for key, value in numbers.items() if key in NAMES}
        self._pen.metrics(state.global_step, {f"train/{k}": v for k, v in named.items()}, epoch=state.epoch)
        self._losses.append(named["loss"])
        self._norms.append(named.get("gradient_norm", math.nan))
        self._progress.learning_rate = named.get("learning_rate", self._progress.learning_rate)
        for name in _OF_AN_EPOCH:
            if name in named:
                self._means.setdefault(name, []).append(named[name])
        if not math.isfinite(named["loss"] + named.get("gradient_norm", 0.0)):
            raise Diverged(
                f"The loss or the gradient norm is not finite at step {state.global_step}.",
                hint="Try a tenth of the learning rate, a larger reinforcement.beta, or gradient clipping at 1.0.",
            )

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._progress.step = int(state.global_step)
        if Action.CANCEL in self._watch.after_step(self._progress):
            self.cancelled = True
            control.should_training_stop = control.should_save = True
        every = self._attempt.config.optimization.checkpoint_frequency
        if every and self._progress.step % every == 0:
            control.should_save = True

    def on_evaluate(
        self, args: Any, state: Any, control: Any, metrics: dict[str, float] | None = None, **_: Any
    ) -> None:
        if self.cancelled:
            return
        found = {key.removeprefix("eval_"): float(value) for key, value in (metrics or {}).items()}
        held_out = {NAMES[key]: value for key, value in found.items() if key in NAMES}
        monitor = self._attempt.config.optimization.early_stopping.monitor
        reward = held_out.get("reward")
        self.last = reward
        if reward is not None and (self.best is None or reward > self.best):
            self.best = reward
        self._progress.epoch = round(state.epoch)
        trained = {f"train_{name}": sum(values) / len(values) for name, values in self._means.items()}
        scores = {name: value for name, value in held_out.items() if name in _OF_AN_EPOCH} | trained
        norms = [norm for norm in self._norms if math.isfinite(norm)]
        self._pen.epoch(
            self._progress.epoch,
            step=state.global_step,
            train_loss=sum(self._losses) / len(self._losses) if self._losses else None,
            val_loss=held_out.get("loss") if monitor == "val_loss" else None,
            val_metric=reward if monitor == "reward" else None,
            epoch_seconds=time.perf_counter() - self._began,
            learning_rate=self._progress.learning_rate,
            gradient_norm=sum(norms) / len(norms) if norms else None,
            samples=len(self._losses) * args.per_device_train_batch_size * args.gradient_accumulation_steps,
            memory_gb=usage.memory_gb(),
            metrics={name: value for name, value in scores.items() if math.isfinite(value)},
        )
        self._began, self._losses, self._norms, self._means = time.perf_counter(), [], [], {}

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        folder = Path(args.output_dir) / f"checkpoint-{state.global_step}"
        write_manifest(folder)  # before the journal says that it is there
        files = [path for path in folder.rglob("*") if path.is_file()]
        weights = next((path for path in files if path.suffix == ".safetensors"), None)
        self._pen.journal.sync()
        self._pen.emit(
            "checkpoint",
            step=state.global_step,
            epoch=round(state.epoch),
            path=f"{folder.parent.parent.name}/{folder.parent.name}/{folder.name}",
            bytes=sum(path.stat().st_size for path in files),
            sha256=sha256_of(weights) if weights else None,
        )

    def say_early_stop(self, state: Any) -> None:
        """Journal that the run ended before its last epoch, if it did."""
        if self._progress.epoch < self._attempt.config.hyperparameters.epochs:
            self._progress.stopped = True
            best, planned = state.best_global_step, self._attempt.config.hyperparameters.epochs
            patience = self._attempt.config.optimization.early_stopping.patience
            epoch = math.ceil(best * planned / state.max_steps) if best else None
            self._pen.emit("early_stop", epoch=self._progress.epoch, best_epoch=epoch, patience=patience)
