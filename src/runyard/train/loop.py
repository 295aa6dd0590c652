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
from runyard.train.optimizers import build_optimizers
from runyard.train.outcome import Cancelled, Diverged
from runyard.train.progress import EpochSums, Progress
from runyard.train.task import Batch, Task


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
    ) -> None:
        self.task, self.config, self.pen, self.progress = task, config, pen, progress
        self.model, self.device, self._autocast = model.to(device), device, autocast
        self._checkpoints, self._callbacks = checkpoints, callbacks
        hyper = config.hyperparameters
        self._parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
        self._optimizers = build_optimizers(
            config.optimization.optimizer, model, lr=hyper.learning_rate, weight_decay=hyper.weight_decay
        )
        self.steps_per_epoch = math.ceil(len(task.batches("train", 1)) / hyper.gradient_accumulation)
        self.total_steps = self.steps_per_epoch * hyper.epochs

    def resume(self) -> bool:
        """Take up the newest whole checkpoint, if there is one."""
        found = checkpoint.load_newest(
            self._checkpoints, lambda message: self.pen.emit("notice", level="warning", message=message, hint="")
        )
        if found is None:
            return False
        checkpoint.put_weights(self.model, found.weights)
        states = found.state.get("optimizers") or [found.state["optimizer"]]  # one alone, before there was Muon
        for optimizer, state in zip(self._optimizers, states, strict=True):
            optimizer.load_state_dict(state)
        for callback in self._callbacks:
            if state := found.state["callbacks"].get(type(callback).__name__):
                callback.restore(state)
        vars(self.progress).update(vars(Progress.of(found.state["progress"])))
        checkpoint.put_random_state(found.state["random"])
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
        if self.config.evaluation.save_best_model and progress.best_checkpoint:
            self._put_best_back()

    def _epoch(self) -> None:
        progress, began, cpu_began = self.progress, time.perf_counter(), time.process_time()
        seconds_before = progress.sums.seconds
        batches = self.task.batches("train", progress.epoch + 1)
        accumulation = self.config.hyperparameters.gradient_accumulation
        self.model.train()
        while progress.batch < len(batches):
            group = [batches[i].to(self.device) for i in _next(progress.batch, accumulation, len(batches))]
            self._step(group, len(batches))
            progress.sums.seconds = seconds_before + time.perf_counter() - began
            self._after_step(ended=progress.batch == len(batches))
        scores = self.validate()
        wall = max(1e-9, time.perf_counter() - began)
        cpu_share = (time.process_time() - cpu_began) / wall / self.config.resources.threads
        self._finish_epoch(scores, seconds_before + wall, min(1.0, cpu_share))

    def _step(self, group: Sequence[Batch], batches: int) -> None:
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
        loss_sum, count, small_norm = self._backward(group, measure=due and full)
        limit = config.optimization.gradient_clipping or math.inf
        norm = torch.nn.utils.clip_grad_norm_(self._parameters, limit).item()
        progress.step += 1
        progress.batch += len(group)
        progress.learning_rate = rate
        loss = loss_sum / count if count else math.nan
        if progress.step % config.monitoring.log_every_steps == 0 or not math.isfinite(loss + norm):
            values = {"train/loss": loss, "train/learning_rate": rate}
            if config.monitoring.track_gradients:
                values["train/gradient_norm"] = norm
            if small_norm is not None:
                values["train/gradient_norm_small"] = small_norm
            self.pen.metrics(progress.step, values, epoch=progress.epoch + progress.batch / batches)
        if not math.isfinite(loss + norm):
            raise self._diverged("loss" if not math.isfinite(loss) else "gradient norm", loss, norm)
        for optimizer in self._optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        sums = progress.sums
        sums.loss, sums.loss_count = sums.loss + loss_sum, sums.loss_count + count
        sums.norm, sums.norm_count = sums.norm + norm, sums.norm_count + 1
        sums.samples += sum(len(batch.labels) for batch in group)
        tokens = sum(batch.tokens for batch in group)
        sums.tokens, progress.tokens = sums.tokens + tokens, progress.tokens + tokens

    def _backward(self, group: Sequence[Batch], *, measure: bool) -> tuple[float, float, float | None]:
        """Leave the gradient of the mean over the whole group; return the sum and the count of its loss.

        Beside them, where it is measured, the norm of the gradient of the first batch alone: with that of the whole
        group it tells signal from noise.
        """
        totals, counts = [], []
        small_norm: float | None = None
        for batch in group:
            with self._autocast():
                loss = self.task.loss(self.model, batch)
            scaled = loss.total / loss.count if len(group) == 1 else loss.total
            scaled.backward()  # type: ignore[no-untyped-call]
            totals.append(loss.total.detach())
            counts.append(loss.count.detach())
            if measure and small_norm is None:
                gradients = [parameter.grad for parameter in self._parameters if parameter.grad is not None]
                small_norm = (torch.nn.utils.get_total_norm(gradients) / loss.count).item()
        total, count = float(sum(t.item() for t in totals)), float(sum(c.item() for c in counts))
        if len(group) > 1:
            for parameter in self._parameters:
                if parameter.grad is not None:
                    parameter.grad.div_(count)
        return total, count, small_norm

    def _after_step(self, *, ended: bool) -> None:
        due = Action.NOTHING
        for callback in self._callbacks:
            due |= callback.after_step(self.progress)
        if Action.VALIDATE in due and not ended:
            values = {f"validation/{name}": value for name, value in self.validate().items()}
            self.pen.metrics(self.progress.step, values, epoch=self.progress.step / self.steps_per_epoch)
            self.model.train()
        if Action.CANCEL in due:
            self._save()
            raise Cancelled
        if Action.CHECKPOINT in due and not ended:
            self._save()

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Return the loss and the scores on the validation examples; leaves the model in evaluation mode."""
        self.model.eval()
        total, count = 0.0, 0.0
        logits, labels = [], []
        for batch in self.task.batches("validation", 1):
            with self._autocast():
                loss = self.task.loss(self.model, batch.to(self.device))
            total, count = total + loss.total.item(), count + loss.count.item()
            logits.append(loss.logits.float().cpu())
            labels.append(batch.labels.cpu())
        scores = self.task.metrics(torch.cat(logits), torch.cat(labels))
        return {"val_loss": total / count if count else math.nan, **scores}

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
            cpu_utilization=cpu_share,
            metrics={name: value for name, value in scores.items() if name != "val_loss"},
        )
        progress.sums = EpochSums()
        if not math.isfinite(scores["val_loss"]):
            raise self._diverged("validation loss", scores["val_loss"], math.nan)
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
        self.pen.journal.sync()
        before, progress.cpu_seconds = progress.cpu_seconds, progress.cpu_seconds + time.process_time()
        state = {
            "progress": progress.state(),
            "optimizers": [optimizer.state_dict() for optimizer in self._optimizers],
            "callbacks": {type(callback).__name__: callback.state() for callback in self._callbacks},
            "random": checkpoint.random_state(),
        }
        progress.cpu_seconds = before
        saved = checkpoint.save_checkpoint(
            self._checkpoints,
            checkpoint.checkpoint_name(progress.step),
            checkpoint.trained_weights(self.model),
            state,
            best=progress.best_checkpoint,
            keep=self.config.optimization.keep_checkpoints,
        )
        self.pen.emit(
            "checkpoint",
            step=progress.step,
            epoch=progress.epoch,
            path=f"{self._checkpoints.name}/{saved.path.name}",
            bytes=saved.bytes,
            sha256=saved.sha256,
        )

    def _put_best_back(self) -> None:
        try:
            weights = checkpoint.load_weights(self._checkpoints, self.progress.best_checkpoint)
        except (OSError, ValueError) as error:
            message = f"The weights of the best epoch {self.progress.best_epoch} are lost ({error})."
            hint = "The model that is saved has the weights of the last epoch."
            self.pen.emit("notice", level="warning", message=message, hint=hint)
            return
        checkpoint.put_weights(self.model, weights)

    def _diverged(self, what: str, loss: float, norm: float) -> Diverged:
        progress, rate = self.progress, self.progress.learning_rate
        hyper, optimization = self.config.hyperparameters, self.config.optimization
        advice = [f"a learning rate of about {hyper.learning_rate / 10:.2g}"]
        if not hyper.warmup_steps:
            advice.append("some warm-up steps")
        if optimization.gradient_clipping is None:
            advice.append("gradient clipping at 1.0")
        if optimization.mixed_precision:
            advice.append("mixed precision off")
        # After an epoch its number is already counted, within one it is not.
        epoch = progress.epoch if what == "validation loss" else progress.epoch + 1
        return Diverged(
            f"The {what} is not finite at step {progress.step} of epoch {epoch} "
            f"(loss {loss:g}, gradient norm {norm:g}, learning rate {rate:.3g}).",
            hint=f"Try {', '.join(advice)}; and look for extreme values in the data.",
        )


def _next(start: int, count: int, end: int) -> range:
    return range(start, min(start + count, end))
