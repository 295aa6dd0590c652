"""`runyard.fit`: a torch module of one's own, trained by Runyard's loop in this process and written down as a run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any
from uuid import UUID

from runyard.config.own_module import FitConfig, parse_fit_config
from runyard.config.run import canonical, digest, replicate_group, to_yaml
from runyard.config.yaml_text import read_yaml
from runyard.core import provenance, usage
from runyard.core.errors import Conflict, Invalid, NotFound, Unavailable
from runyard.core.ids import new_id
from runyard.core.journal import Journal, RunJournal
from runyard.core.paths import RunFolder, Yard
from runyard.core.settings import Settings

if TYPE_CHECKING:
    import torch

    from runyard.train.fitted import Fitted
    from runyard.train.own_task import OwnTask
    from runyard.train.progress import Progress

_EPOCHS = """
SELECT
  epoch, step, train_loss, val_loss, val_metric, epoch_seconds, learning_rate, gradient_norm, samples, tokens,
  memory_gb, cpu_utilization
FROM epochs WHERE session_id = $id ORDER BY epoch
"""
_SCORES = """
SELECT m.epoch, m.name, m.value
FROM metric_points AS m JOIN epochs AS e ON e.session_id = m.session_id AND e.epoch = m.epoch
WHERE m.session_id = $id AND NOT contains(m.name, '/')
"""
Config = Mapping[str, Any] | str | Path | FitConfig | None


def fit(
    module: torch.nn.Module,
    data: Any,
    config: Config = None,
    *,
    loss: Callable[[torch.Tensor, torch.Tensor], torch.Tensor] | None = None,
    home: str | Path | None = None,
    resume: str | None = None,
) -> Fitted:
    """Train a module on arrays; see `runyard.fit`."""
    import torch

    if not isinstance(module, torch.nn.Module):
        raise Invalid(f"fit() trains a torch.nn.Module, not a {type(module).__name__}.", hint="Make an object of it.")
    settings = Settings.from_env(home)
    yard = settings.yard
    with _as_before():
        before = None if resume is None else _before(yard, resume)
        parsed = before[2] if before and config is None else _parsed(config, module)
        task, parsed = _task(module, data, parsed, loss)
        if before is None:
            run_id, attempt = new_id(), 1
        else:
            run_id, attempt = before[0], before[1] + 1
            if before[2].training_data.sha256 != parsed.training_data.sha256:
                raise Conflict(f"The data are not those of run {resume}.", hint="Give the same arrays, or start anew.")
        fitted = _trained(task, parsed, settings, yard, run_id, attempt)
    if before is not None:
        fitted.history = _with_earlier(before[3], fitted.history)
    return fitted


def _parsed(config: Config, module: torch.nn.Module) -> FitConfig:
    if isinstance(config, FitConfig):
        return config
    values = read_yaml(config) if isinstance(config, str | Path) else dict(config or {})
    if not isinstance(values, dict):
        raise Invalid("The configuration must be a mapping.", hint="See docs/own-modules.md.")
    name = type(module).__name__
    return parse_fit_config({"name": name, **values, "model": {"model_type": "own_module", "name": name}})


def _task(module: torch.nn.Module, data: Any, config: FitConfig, loss: Any) -> tuple[OwnTask, FitConfig]:
    """Check and split what was handed over, and put its sum into the config."""
    from runyard.train import own_data, own_task
    from runyard.train.task import Part

    pairs: list[Any] = list(data) if own_data.is_pair_of_pairs(data) else [data]
    if not all(isinstance(pair, tuple | list) and len(pair) == 2 for pair in pairs):
        raise Invalid("The data must be (X, y), or ((X, y), (X, y)) for training and validation.",
                      hint="X is an array of shape (examples, ...), y has a target for each.")  # fmt: skip
    x, y = pairs[0]
    inputs = own_data.as_inputs(x)
    own_data.same_length(inputs, y)
    outputs = own_task.probe(module, inputs)
    targets = own_data.targets_of(y, outputs)
    whole = own_data.Examples(inputs, own_data.as_targets(y, targets))
    if len(pairs) == 2:
        others = own_data.as_inputs(pairs[1][0], "the validation's X")
        own_data.same_length(others, pairs[1][1], "the validation's X")
        validation = own_data.Examples(others, own_data.as_targets(pairs[1][1], targets, "the validation's y"))
        parts: dict[Part, own_data.Examples] = {"train": whole, "validation": validation}
    else:
        parts = _split(whole, targets, config)
    if loss is None:
        own_task.check_outputs(module, parts["train"], targets)
    if not targets.is_classes and config.optimization.early_stopping.monitor != "val_loss":
        raise Invalid("Real numbers have no accuracy to monitor.", hint="Leave early_stopping.monitor at val_loss.")
    given = config.training_data.model_copy(
        update={"examples": sum(map(len, parts.values())), "sha256": own_data.sum_of(*parts.values())}
    )
    config = config.model_copy(update={"training_data": given})
    return own_task.OwnTask(module, parts, targets, config, loss), config


def _split(whole: Any, targets: Any, config: FitConfig) -> Any:
    from runyard.config.dataset import TrainingData
    from runyard.data.split import split, split_of_numbers
    from runyard.train.own_data import Examples

    given = config.training_data
    if targets.is_classes:
        labels = [targets.classes[number] for number in whole.y]
        rule = TrainingData(validation_split=given.validation_split, split_by=given.split_by)
        numbers = split(labels, None, None, rule)
    else:
        numbers = split_of_numbers(len(whole), given.validation_split)
    pieces = [
        Examples({name: tensor[members] for name, tensor in whole.inputs.items()}, whole.y[members])
        for members in numbers
    ]
    return dict(zip(("train", "validation"), pieces, strict=True))


def _trained(task: OwnTask, config: FitConfig, settings: Settings, yard: Yard, run_id: UUID, attempt: int) -> Fitted:
    from runyard.store.ingest import Ticker
    from runyard.train.fitted import Fitted, write_module
    from runyard.train.heartbeat import Heartbeat
    from runyard.train.outcome import Cancelled, failure_of
    from runyard.train.progress import Progress

    folder = yard.run(run_id)
    try:
        yard.create()
        folder.path.mkdir(exist_ok=True)
        folder.cancel.unlink(missing_ok=True)
        folder.config.write_text(to_yaml(config), "utf-8")
        pen = _Pen(Journal(folder.journal(attempt)), run_id, attempt)
    except OSError as error:
        raise Unavailable(
            f"The yard at {yard.home} cannot be written: {error.strerror}.",
            hint="Choose another with home= or RUNYARD_HOME, or mend its owner, mode or disk.",
        ) from error
    progress = Progress()
    ticker, heartbeat = Ticker(yard), Heartbeat(pen, progress)
    _begin(pen, config)
    ticker.start()
    heartbeat.start()
    ended: dict[str, Any] = {"status": "completed"}
    try:
        _loop(task, config, settings, folder, pen, progress)
        folder.model.mkdir(exist_ok=True)
        write_module(task, config, folder.model)
        ended |= _model_facts(folder)
    except Cancelled:
        ended = {"status": "cancelled"}
    except BaseException as error:
        failure = failure_of(error)
        ended = {"status": "failed", "error_kind": failure.kind, "error_message": failure.message,
                 "error_hint": failure.hint or None, "error_details": failure.details}  # fmt: skip
        if isinstance(error, KeyboardInterrupt):
            ended = {"status": "cancelled"}
        raise
    finally:
        heartbeat.stop()
        pen.emit(
            "ended",
            **ended,
            early_stopped=progress.stopped,
            memory_peak_gb=usage.memory_peak_gb(),
            cpu_seconds=progress.cpu_seconds + usage.cpu_seconds() - pen.cpu_seconds,
            energy_kwh=heartbeat.energy.kwh,
            energy_meters=heartbeat.energy.meters,
            steps=progress.step,
        )
        pen.journal.close()
        ticker.stop()
    best = progress.best_epoch or None
    return Fitted(task, config, run_id, history=pen.history(), status=str(ended["status"]), best_epoch=best)


def _loop(
    task: OwnTask, config: FitConfig, settings: Settings, folder: RunFolder, pen: _Pen, progress: Progress
) -> None:
    from runyard.train import precision
    from runyard.train.callbacks import usual_callbacks
    from runyard.train.network import assemble

    device = precision.pick_device(config.resources, gpu_enabled=settings.gpu_enabled)
    pen.emit(
        "started",
        device=precision.device_name(device),
        accelerators=1,
        threads=config.resources.threads,
        git=provenance.git_state(Path.cwd()),
        **provenance.process(),
    )
    network = assemble(
        config,
        task,
        pen,
        checkpoints=folder.checkpoints,
        callbacks=usual_callbacks(config, Event(), folder.cancel),
        device=device,
        progress=progress,
    )
    try:
        if network.loop.resume():
            message = f"Resumed at step {progress.step}, epoch {progress.epoch + 1}."
            pen.emit("notice", level="info", message=message, hint="")
    except (ValueError, RuntimeError) as error:
        raise Conflict(
            f"The checkpoint of run {folder.path.name} is of another module: {error}",
            hint="Resume with a module of the same layers, or start anew.",
        ) from error
    network.loop.run()
    task.module.eval()


def _begin(pen: _Pen, config: FitConfig) -> None:
    pen.emit(
        "queued",
        kind="train",
        name=config.name,
        agent=config.agent,
        workspace=config.workspace,
        tags=list(config.tags),
        config=canonical(config),
        digest=digest(config),
        group=replicate_group(config),
        seed=config.seed,
        launched_by="sdk",
    )


def _model_facts(folder: RunFolder) -> dict[str, Any]:
    from runyard.train.files import write_manifest

    sha256 = write_manifest(folder.model)
    size = sum(path.stat().st_size for path in folder.model.iterdir())
    return {"model_path": folder.model.name, "model_sha256": sha256, "model_bytes": size}


def _before(yard: Yard, ref: str) -> tuple[UUID, int, FitConfig, list[dict[str, Any]]]:
    """Return the run to go on with, the number of its last attempt, its config, and its epochs so far."""
    from runyard.runtime import open_runtime
    from runyard.service import runs

    rt = open_runtime(yard.home)
    try:
        state = runs.state(rt, runs.resolve(rt, ref))
        if runs.lost_if_gone(rt, state):  # a script that was killed could not say so
            rt.store.ingest(verb="resume", wait_seconds=5.0)
            state = runs.state(rt, state.id)
        epochs = rt.store.live(_EPOCHS, {"id": str(state.id)}).to_dicts()
        for row in rt.store.live(_SCORES, {"id": str(state.id)}).to_dicts():
            next(epoch for epoch in epochs if epoch["epoch"] == row["epoch"])[row["name"]] = row["value"]
    finally:
        rt.close()
    if state.config.get("model", {}).get("model_type") != "own_module":
        raise Conflict(f"Run {ref} is none of runyard.fit.", hint="Resume it with `runyard resume`.")
    if not state.has_ended:
        raise Conflict(f"Run {ref} is still {state.status}.", hint=f"Cancel it first: runyard cancel {state.id}")
    if state.status == "completed":
        raise Conflict(f"Run {ref} is {state.status}; there is nothing to resume.", hint="Call fit() without resume.")
    folder = yard.run(state.id)
    if not folder.checkpoints.is_dir():
        raise NotFound(f"Run {ref} has no checkpoint.", hint="Call fit() without resume.")
    return state.id, state.attempt, FitConfig.model_validate(state.config), epochs


def _with_earlier(epochs: list[dict[str, Any]], history: Any) -> Any:
    """Put the epochs of earlier attempts, which this one did not train again, before its own."""
    import polars as pl

    first = history["epoch"].min() if history.height else None
    earlier = [row for row in epochs if first is None or row["epoch"] < first]
    return pl.concat([pl.DataFrame(earlier, infer_schema_length=None), history], how="diagonal_relaxed")


class _Pen(RunJournal):
    """A journal that also remembers its epochs."""

    def __init__(self, journal: Journal, run_id: UUID, attempt: int) -> None:
        super().__init__(journal, run_id, attempt)
        self.cpu_seconds = usage.cpu_seconds()  # of the script so far: none of this run's
        self._epochs: list[dict[str, Any]] = []

    def epoch(self, epoch: int, /, *, metrics: Mapping[str, float] | None = None, **columns: Any) -> None:
        super().epoch(epoch, metrics=metrics, **columns)
        self._epochs.append({"epoch": epoch, **columns, **(metrics or {})})

    def history(self) -> Any:
        import polars as pl

        return pl.DataFrame(self._epochs, infer_schema_length=None)


@contextmanager
def _as_before() -> Iterator[None]:
    """Leave random numbers, threads and determinism of the calling script as they were."""
    import torch

    from runyard.train.checkpoint import put_random_state, random_state

    state, threads = random_state(), torch.get_num_threads()
    strict = torch.are_deterministic_algorithms_enabled()
    try:
        yield
    finally:
        put_random_state(state)
        torch.set_num_threads(threads)
        if torch.are_deterministic_algorithms_enabled() != strict:
            torch.use_deterministic_algorithms(strict)
