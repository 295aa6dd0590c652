"""A network from its config to its saved weights: the task, the loop, the best epoch."""

from pathlib import Path

import torch

from runyard.config.models import Cnn1d
from runyard.train import precision
from runyard.train.attempt import Attempt
from runyard.train.callbacks import usual_callbacks
from runyard.train.loop import Loop
from runyard.train.outcome import Outcome
from runyard.train.task import Task


def run_network(attempt: Attempt, model_folder: Path) -> Outcome:
    """Train the network of a config, resume it where it was, and save the model to `model_folder`.

    Raises:
        Cancelled, Diverged, RunyardError: see `Loop.run` and `Task.build`.
    """
    config, progress = attempt.config, attempt.progress
    device = precision.pick_device(config.resources, gpu_enabled=attempt.settings.gpu_enabled)
    precision.set_determinism(config.seed, config.resources.threads)
    task = _task(attempt, device)
    attempt.started(precision.device_name(device), accelerators=1)
    autocast = precision.autocast(device, config.optimization.mixed_precision, attempt.notice)
    built = task.build()
    loop = Loop(
        task,
        built.model,
        config,
        attempt.pen,
        checkpoints=attempt.folder.checkpoints,
        callbacks=usual_callbacks(config, attempt.interruption.signalled, attempt.folder.cancel),
        autocast=autocast,
        device=device,
        progress=progress,
    )
    parameters = list(built.model.parameters())
    attempt.pen.emit(
        "planned",
        total_epochs=config.hyperparameters.epochs,
        total_steps=loop.total_steps,
        parameters=sum(p.numel() for p in parameters),
        trainable_parameters=sum(p.numel() for p in parameters if p.requires_grad),
        **built.facts,
    )
    attempt.interruption.patient = True
    if loop.resume():
        attempt.notice("info", f"Resumed at step {progress.step}, epoch {progress.epoch + 1}.")
    loop.run()
    built.save(built.model.cpu().eval(), model_folder)
    return Outcome(steps=progress.step, tokens=progress.tokens)


def _task(attempt: Attempt, device: torch.device) -> Task:
    if isinstance(attempt.config.model, Cnn1d):
        from runyard.train.series import SeriesTask

        return SeriesTask(attempt.config, attempt.yard, attempt.notice)
    from runyard.train.text import TextTask

    return TextTask(attempt.config, attempt.yard, attempt.notice, device)
