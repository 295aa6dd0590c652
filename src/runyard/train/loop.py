"""The one training loop: steps, validation, checkpoints, resume. Its journal is its only output."""

import math
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import torch

from runyard.config.run import RunConfig
from runyard.config.schedules import lr_at
from runyard.core import usage
from runyard.core.journal import RunJournal
from runyard.train import checkpoint
from runyard.train.callbacks import Action, Callback
from runyard.train.continuity import is_judged_alike, made_under, order, taken_up
from runyard.train.ema import Average
from runyard.train.freezing import Thaw, freeze
from runyard.train.gradients import Pass, backward, backward_together
from runyard.train.layer_watch import LayerWatch
from runyard.train.optimizers import build_optimizers, put_state
from runyard.train.outcome import Cancelled, diverged
from runyard.train.parallel import Team
from runyard.train.patience import with_room
from runyard.train.progress import EpochSums, Progress
from runyard.train.task import Batch, Task, fetched
from runyard.train.validation import validated


class Loop:
    """One run of a task: its model, its optimizer and where it stands."""

    def __init__(
        self,
        task: Task,
        model: torch.nn.Module,
        config: RunConfig,
        pen: RunJournal,
        *,
        checkpoints: Path,
        callbacks: Sequence[Callback],
        autocast: Callable[[], AbstractContextManager[object]],
        device: torch.device,
        progress: Progress,
        team: Team | None = None,
    ) -> None:
        self.team = team or Team()
        self.task, self.config, self.pen, self.progress = task, config, pen, progress
        self.model, self.device, self._autocast = model.to(device), device, autocast
        self._checkpoints, self._callbacks = checkpoints, callbacks
        hyper = config.hyperparameters
        freezing = config.optimization.freezing
        self._thaw = freeze(model, freezing) if freezing.enabled else Thaw([], 1)
        self._trained = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
        self._average = Average(model, config.optimization.ema)
        self._layers = LayerWatch(model, config.monitoring, pen)
        self._parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
        self._optimizers = build_optimizers(
            config.optimization.optimizer, model, lr=hyper.learning_rate, weight_decay=hyper.weight_decay
        )
        self._batches_a_step = hyper.gradient_accumulation * self.team.world
        self.steps_per_epoch = math.ceil(len(task.batches("train", 1)) / self._batches_a_step)
        self.total_steps = self.steps_per_epoch * hyper.epochs

    def resume(self) -> bool:
        """Take up the newest whole checkpoint, if there is one."""
        found = checkpoint.load_newest(
            self._checkpoints,
            lambda message: self.pen.emit("notice", level="warning", message=message, hint=""),
            lambda state: checkpoint.is_in_order(state, order(self.config)),
        )
        if found is None:
            return False
        checkpoint.put_weights(self.model, found.weights, self._trained)
        self._average.restore(found.state.get("ema", {}))
        states = found.state.get("optimizers") or [found.state["optimizer"]]  # one alone, before there was Muon
        for optimizer, state in zip(self._optimizers, states, strict=True):
            put_state(optimizer, state)
        is_alike = is_judged_alike(found.state, self.config)
        for callback in self._callbacks:
            if (is_alike or not callback.judges) and (state := found.state["callbacks"].get(type(callback).__name__)):
                callback.restore(state)
        vars(self.progress).update(vars(taken_up(found.state, self.config, self.pen.run_id)))
        states = found.state.get("random_of_ranks", [found.state["random"]])
        if self.team.rank < len(states):
            checkpoint.put_random_state(states[self.team.rank])
        return True

    def run(self) -> None:
        """Train to the last epoch or to an early stop, then put the weights of the best epoch back.

        Raises:
            Cancelled: after the step and a checkpoint.
            Diverged: the loss or the gradients are not finite; the weights of that step were not touched.
        """
        progress = self.progress
        while progress.epoch < self.config.hyperparameters.epochs and not progress.stopped:
            self._epoch()
        if progress.stopped:
            patience = self.config.optimization.early_stopping.patience
            self.pen.emit("early_stop", epoch=progress.epoch, best_epoch=progress.best_epoch or None, patience=patience)
        self._average.settle()
        if self.config.evaluation.save_best_model and progress.best_checkpoint:
            self._put_best_back()

    def _epoch(self) -> None:
        progress, began, cpu_began = self.progress, time.perf_counter(), time.process_time()
        seconds_before = progress.sums.seconds
        batches = self.task.batches("train", progress.epoch + 1)
        thawed = self._thaw.before_epoch(progress.epoch + 1)
        if thawed and progress.epoch:
            self.pen.emit(
                "notice", level="info", message=f"From this epoch on {', '.join(thawed)} is trained.", hint=""
            )
        self.model.train()
        while progress.batch < len(batches):
            numbers = _next(progress.batch, self._batches_a_step, len(batches))
            self._step(fetched(batches, self.team.share(numbers) or numbers[:1], self.device), numbers, len(batches))
            progress.sums.seconds = seconds_before + time.perf_counter() - began
            self._after_step(ended=progress.batch == len(batches))
        scores = self.validate()
        wall = max(1e-9, time.perf_counter() - began)
        cpu_share = (time.process_time() - cpu_began) / wall / self.config.resources.threads
        self._finish_epoch(scores, seconds_before + wall, min(1.0, cpu_share))

    def _step(self, group: Sequence[Batch], numbers: Sequence[int], batches: int) -> None:
        config, progress = self.config, self.progress
        rate = progress.rate_scale * lr_at(
            config.optimization.schedule,
            progress.step,
            base=config.hyperparameters.learning_rate,
            warmup=config.hyperparameters.warmup_steps,
            total=self.total_steps,
        )
        for parameters in (group for optimizer in self._optimizers for group in optimizer.param_groups):
            parameters["lr"] = rate
        due = config.monitoring.track_gradients and (progress.step + 1) % config.monitoring.log_every_steps == 0
        full = len(group) == config.hyperparameters.gradient_accumulation > 1
        self._layers.before(progress.step + 1)
        done = self._backward(group, numbers, measure=due and full)
        loss_sum, count, small_norm = done.total, done.count, done.small_norm
        self._layers.after(progress.step + 1, progress.epoch + (progress.batch + len(numbers)) / batches)
        limit = config.optimization.gradient_clipping or math.inf
        norm = torch.nn.utils.clip_grad_norm_(self._parameters, limit).item()
        progress.step += 1
        progress.batch += len(numbers)
        progress.learning_rate = rate
        loss = loss_sum / count if count else math.nan
        if progress.step % config.monitoring.log_every_steps == 0 or not math.isfinite(loss + norm):
            values = {"train/loss": loss, "train/learning_rate": rate}
            if config.monitoring.track_gradients:
                values["train/gradient_norm"] = norm
            if small_norm is not None:
                values["train/gradient_norm_small"] = small_norm
            self.pen.metrics(progress.step, values, epoch=progress.epoch + progress.batch / batches)
        sums, is_finite = progress.sums, math.isfinite(loss + norm)
        if not is_finite:
            sums.skipped += 1
            if sums.skipped > config.optimization.skip_nonfinite_steps:
                raise diverged(config, progress, "gradient norm" if math.isfinite(loss) else "loss", loss, norm)
        for optimizer in self._optimizers:
            if is_finite:
                optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        if not is_finite:
            return
        self._average.update()
        sums.loss, sums.loss_count = sums.loss + loss_sum, sums.loss_count + count
        sums.norm, sums.norm_count = sums.norm + norm, sums.norm_count + 1
        sums.samples, progress.samples_here = sums.samples + done.samples, progress.samples_here + done.samples
        sums.tokens, progress.tokens = sums.tokens + done.tokens, progress.tokens + done.tokens
        progress.tokens_here += done.tokens

    def _backward(self, group: Sequence[Batch], numbers: Sequence[int], *, measure: bool) -> Pass:
        if self.team.world > 1:
            idle = not self.team.share(numbers)
            return backward_together(
                self.team, self.task, self.model, group, self._autocast, idle=idle, measure=measure
            )
        return backward(self.task, self.model, group, self._autocast, self._parameters, measure=measure)

    def _after_step(self, *, ended: bool) -> None:
        due = Action.NOTHING
        for callback in self._callbacks:
            due |= callback.after_step(self.progress)
        due = self.team.agreed(due)
        if Action.VALIDATE in due and not ended:
            self.journal_validation()
            self.model.train()
        if Action.CANCEL in due:
            self._save()
            raise Cancelled
        if Action.CHECKPOINT in due and not ended:
            self._save()

    def journal_validation(self) -> None:
        """Journal the loss and the scores on the validation examples, between epochs."""
        values = {f"validation/{name}": value for name, value in self.validate().items()}
        self.pen.metrics(self.progress.step, values, epoch=self.progress.step / self.steps_per_epoch)

    def validate(self) -> dict[str, float]:
        """Return the loss and the scores on the validation examples; leaves the model in evaluation mode."""
        with self._average.in_place():
            return validated(self.task, self.model, self._autocast, self.device, self.team)

    def _finish_epoch(self, scores: dict[str, float], seconds: float, cpu_share: float) -> None:
        progress, sums = self.progress, self.progress.sums
        monitor = self.config.optimization.early_stopping.monitor
        progress.epoch, progress.batch = progress.epoch + 1, 0
        self.pen.epoch(
            progress.epoch,
            step=progress.step,
            train_loss=sums.train_loss,
            val_loss=scores["val_loss"],
            val_metric=scores[monitor] if monitor != "val_loss" else None,
            epoch_seconds=seconds,
            learning_rate=progress.learning_rate,
            gradient_norm=sums.gradient_norm,
            samples=sums.samples,
            tokens=sums.tokens or None,
            memory_gb=usage.memory_gb(),
            gpu_utilization=sums.gpu_utilization,
            cpu_utilization=cpu_share,
            metrics={name: value for name, value in scores.items() if name != "val_loss"},
        )
        progress.sums = EpochSums()
        if not math.isfinite(scores["val_loss"]):
            raise diverged(self.config, progress, "validation loss", scores["val_loss"], math.nan)
        due = Action.NOTHING
        for callback in self._callbacks:
            due |= callback.after_epoch(progress, scores)
        if Action.BEST in due:
            progress.best_epoch = progress.epoch
            progress.best_checkpoint = checkpoint.checkpoint_name(progress.step)
        progress.stopped = Action.STOP in due and progress.epoch < self.config.hyperparameters.epochs
        self._save()

    def _save(self) -> None:
        """Write a checkpoint; the journal is synced first, so that no event of the past can be lost after it."""
        progress = self.progress
        random_states = self.team.gathered(checkpoint.random_state())
        progress.cpu_beside = sum(self.team.gathered(time.process_time())[1:])
        if self.team.rank:
            self.team.gathered(None)  # the first one has written it
            return
        self.pen.journal.sync()
        before = progress.cpu_seconds
        progress.cpu_seconds += time.process_time() + progress.cpu_beside
        state = {
            "progress": progress.state(),
            "optimizers": [optimizer.state_dict() for optimizer in self._optimizers],
            "callbacks": {type(callback).__name__: callback.state() for callback in self._callbacks},
            "random": random_states[0],
            **({"random_of_ranks": random_states} if self.team.world > 1 else {}),
            "ema": self._average.state(),
            **made_under(self.config, self.pen.run_id),
        }
        progress.cpu_seconds = before
        weights = checkpoint.trained_weights(self.model, self._trained)
        saved = with_room(
            lambda: checkpoint.save_checkpoint(
                self._checkpoints,
                checkpoint.checkpoint_name(progress.step),
                weights,
                state,
                best=progress.best_checkpoint,
                ranked=[name for _, name in progress.ranked],
                keep=self.config.optimization.keep_checkpoints,
            ),
            self._checkpoints,
        )
        self.pen.emit(
            "checkpoint",
            step=progress.step,
            epoch=progress.epoch,
            path=f"{self._checkpoints.name}/{saved.path.name}",
            bytes=saved.bytes,
            sha256=saved.sha256,
        )
        self.team.gathered(None)

    def _put_best_back(self) -> None:
        try:
            weights = checkpoint.load_weights(self._checkpoints, self.progress.best_checkpoint)
            mean = checkpoint.load_state(self._checkpoints, self.progress.best_checkpoint).get("ema", {})
        except (OSError, ValueError) as error:
            message = f"The weights of the best epoch {self.progress.best_epoch} are lost ({error})."
            hint = "The model that is saved has the weights of the last epoch."
            self.pen.emit("notice", level="warning", message=message, hint=hint)
            return
        checkpoint.put_weights(self.model, weights, self._trained)
        self._average.put(mean)


def _next(start: int, count: int, end: int) -> range:
    return range(start, min(start + count, end))
