"""The checkpoints of a run as files: which are there, and putting aside those that a run goes back behind."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from runyard.config.run import RunConfig, load_run_config
from runyard.core.errors import Invalid, NotFound, Unavailable
from runyard.core.paths import RunFolder


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint on disk: its step, the checkpoint of the best epoch that it names, and where it lies.

    `ends_epoch` is None for one of an older version, which does not say.
    """

    step: int
    best: str
    path: Path
    ends_epoch: bool | None


def on_disk(folder: RunFolder) -> list[Checkpoint]:
    """Return the checkpoints that a run could go on from, oldest first; damaged ones are left out."""
    found = []
    for path in sorted(folder.checkpoints.glob("step-*")):
        try:
            about = json.loads((path / "manifest.json").read_text("utf-8"))
            found.append(Checkpoint(int(path.name[5:]), about["best"], path, about.get("ends_epoch")))
        except (OSError, ValueError, KeyError):
            continue
    return found


def steps_to_go_back_to(folder: RunFolder) -> list[int]:
    """Return the steps of the checkpoints that a new attempt could go on from, those of reinforcement among them."""
    return [*(checkpoint.step for checkpoint in on_disk(folder)), *(int(path.name[11:]) for path in _of_trl(folder))]


def at_step(folder: RunFolder, step: int | None) -> Checkpoint:
    """Return the checkpoint of a step; the newest one without a step.

    Raises:
        NotFound: it is not there.
        Invalid: there is none of this step; says which there are.
    """
    found = on_disk(folder)
    if not found:
        raise NotFound(f"Run {folder.path.name} has no checkpoints.", hint="Launch its config again.")
    if step is None:
        return found[-1]
    chosen = next((checkpoint for checkpoint in found if checkpoint.step == step), None)
    if chosen is None:
        there = ", ".join(str(checkpoint.step) for checkpoint in found)
        raise Invalid(f"There is no checkpoint at step {step}.", hint=f"There are those of steps {there}.")
    return chosen


def config_of(folder: RunFolder) -> RunConfig:
    """Return the config that a run's checkpoints were made with.

    Raises:
        NotFound: the folder of the run is gone.
    """
    if not folder.config.is_file():
        raise NotFound(f"The folder of run {folder.path.name} is gone.", hint="Launch its config again.")
    return load_run_config(folder.config)


@contextmanager
def gone_back(folder: RunFolder, step: int | None, attempt: int) -> Iterator[None]:
    """Put the checkpoints after a step aside while a new attempt is queued that goes on from that step.

    They come back where it cannot be queued: nothing would say that they were abandoned.

    Args:
        step: -1 is the very start; None puts nothing aside.
        attempt: the attempt whose tail they are; they are kept in a folder of its number.

    Raises:
        Unavailable: they cannot be moved.
    """
    aside = folder.checkpoints / f"abandoned-{attempt}"
    moved: list[tuple[Path, Path]] = []
    try:
        for path in _after(folder, step):
            target = aside / path.relative_to(folder.checkpoints)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.rmtree(target, ignore_errors=True)
            path.rename(target)
            moved.append((path, target))
        yield
    except Exception as error:
        with suppress(OSError):
            for path, target in moved:
                target.rename(path)
            for emptied in sorted({target.parent for _, target in moved}, reverse=True):
                emptied.rmdir()
        if isinstance(error, OSError):
            raise Unavailable(f"{folder.checkpoints} cannot be written: {error.strerror}.") from error
        raise


def _after(folder: RunFolder, step: int | None) -> list[Path]:
    if step is None:
        return []
    ours = [path for path in folder.checkpoints.glob("step-*") if int(path.name[5:].removesuffix(".tmp")) > step]
    return sorted([*ours, *(path for path in _of_trl(folder) if int(path.name[11:]) > step)])


def _of_trl(folder: RunFolder) -> list[Path]:
    return [path for path in folder.checkpoints.glob("trl/checkpoint-*") if path.name[11:].isdecimal()]


def abandoned_steps(folder: RunFolder) -> set[int]:
    """Return the steps of the checkpoints that were put aside."""
    return {int(path.name[5:].removesuffix(".tmp")) for path in folder.checkpoints.glob("abandoned-*/step-*")}


def copy_to(source: Checkpoint, folder: RunFolder) -> None:
    """Copy a checkpoint, and the best one that it names, to where another run will look for its own.

    Raises:
        Unavailable: the disk is full.
    """
    paths = {source.path, source.path.parent / (source.best or source.path.name)}
    try:
        for path in sorted(paths):
            shutil.copytree(path, folder.checkpoints / path.name)
    except OSError as error:
        raise Unavailable(
            f"{folder.checkpoints} cannot be written: {error.strerror}.", hint="Free some space."
        ) from error
