"""A network from its config to its saved weights: the task, the loop, the best epoch."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import torch

from runyard.config.models import SERIES_NETS, CausalLm
from runyard.config.run import RunConfig
from runyard.core.journal import RunJournal
from runyard.core.paths import Yard
from runyard.train import precision
from runyard.train.activations import recompute_activations
from runyard.train.attempt import Attempt
from runyard.train.benchmark import score_rows
from runyard.train.callbacks import Callback, usual_callbacks
from runyard.train.loop import Loop
from runyard.train.outcome import Outcome
from runyard.train.parallel import Team, join
from runyard.train.patience import with_room
from runyard.train.progress import Progress
from runyard.train.suites import held_out
from runyard.train.task import Built, Task
from runyard.train.transfer import Transferred


@dataclass(frozen=True)
class Network:
    """A model with its data, and the loop that is ready to train it."""

    built: Built
    loop: Loop


def run_network(attempt: Attempt, model_folder: Path) -> Outcome:
    """Train the network of a config, resume it where it was, and save the model to `model_folder`.

    Raises:
        Cancelled, Diverged, RunyardError: see `Loop.run` and `Task.build`.
    """
    config, progress = attempt.config, attempt.progress
    device = precision.pick_device(config.resources, gpu_enabled=attempt.settings.gpu_enabled)
    task_of = task_maker(config)
    team = join(attempt.together, device)
    attempt.started(precision.device_name(device), accelerators=team.world if device.type == "cuda" else 1)
    network = assemble(
        config,
        task_of(config, attempt.yard, attempt.notice, device),
        attempt.pen,
        checkpoints=attempt.folder.checkpoints,
        callbacks=usual_callbacks(config, attempt.interruption.signalled, attempt.folder.cancel),
        device=device,
        progress=progress,
        team=team,
    )
    team.scatter_seeds(config.seed)
    attempt.interruption.patient()
    if network.loop.resume():
        attempt.notice("info", f"Resumed at step {progress.step}, epoch {progress.epoch + 1}.")
    else:
        if network.built.transferred is not None:
            _judge_before(attempt, network.loop, network.built.transferred)
        if network.built.samples is not None and config.training_type != "from_scratch":
            network.loop.journal_validation()  # what the training has to beat
        journal_samples(attempt.pen, network, "before")
    network.loop.run()
    if team.rank == 0:
        journal_samples(attempt.pen, network, "after")
    if team.rank == 0:
        with_room(lambda: network.built.save(network.built.model.cpu().eval(), model_folder), model_folder)
    return Outcome(steps=progress.step, tokens=progress.tokens)


def journal_samples(pen: RunJournal, network: Network, moment: Literal["before", "after"]) -> None:
    """Journal what a language model answers to some held-out prompts; other models answer nothing."""
    if network.built.samples is not None and (samples := network.built.samples(network.built.model)):
        step = network.loop.progress.step
        pen.emit("samples", moment=moment, step=step, samples=[asdict(sample) for sample in samples])


def _judge_before(attempt: Attempt, loop: Loop, transferred: Transferred) -> None:
    """Journal what was transferred, and how it scores before the first step: as benchmarks of the source's version."""
    metrics = attempt.config.evaluation.metrics
    measured = loop.validate()
    scores: dict[str, float] = {name: measured[name] for name in metrics}
    rows = score_rows(held_out(attempt.config, attempt.yard), scores, transferred.source_run)
    attempt.pen.emit("transferred", **asdict(transferred), metric=next(iter(metrics), None), benchmarks=rows)


def assemble(
    config: RunConfig,
    task: Task,
    pen: RunJournal,
    *,
    checkpoints: Path,
    callbacks: Sequence[Callback],
    device: torch.device,
    progress: Progress,
    team: Team | None = None,
) -> Network:
    """Seed everything, build data and model, and journal what is planned."""
    precision.set_determinism(config.seed, config.resources.threads, device)
    built = task.build()
    if config.resources.gradient_checkpointing:
        recompute_activations(built.model)
    autocast = precision.autocast(
        device,
        config.optimization.mixed_precision,
        lambda level, message, hint: pen.emit("notice", level=level, message=message, hint=hint),
    )
    loop = Loop(
        task,
        built.model,
        config,
        pen,
        checkpoints=checkpoints,
        callbacks=callbacks,
        autocast=autocast,
        device=device,
        progress=progress,
        team=team,
    )
    parameters = list(built.model.parameters())
    pen.emit(
        "planned",
        total_epochs=config.hyperparameters.epochs,
        total_steps=loop.total_steps,
        parameters=sum(p.numel() for p in parameters),
        trainable_parameters=sum(p.numel() for p in parameters if p.requires_grad),
        **built.facts,
    )
    return Network(built, loop)


TaskMaker = Callable[[RunConfig, Yard, Callable[[str, str, str], None], torch.device], Task]


def task_maker(config: RunConfig) -> TaskMaker:
    """Return the task of a config's model; imports what that family needs and no more."""
    if isinstance(config.model, SERIES_NETS):
        from runyard.train.series import SeriesTask

        return SeriesTask
    if isinstance(config.model, CausalLm):
        from runyard.train.language import LanguageTask

        return LanguageTask
    from runyard.train.text import TextTask

    return TextTask
