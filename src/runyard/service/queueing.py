"""Putting a run into the queue: its folder, its config in it, and the event that says so."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import UUID

from runyard.config.run import RunConfig, canonical, digest, parse_run_config, replicate_group, to_yaml
from runyard.core.errors import Denied, Unavailable
from runyard.core.paths import expanded
from runyard.core.provenance import git_state
from runyard.runtime import Runtime


def check_enabled(rt: Runtime) -> None:
    """Refuse to train where that is switched off.

    Raises:
        Denied: it is.
    """
    if not rt.settings.enabled:
        raise Denied("Training is switched off here.", hint="Unset RUNYARD_ENABLED to allow it.")


def with_absolute_paths(config: RunConfig, base: Path) -> RunConfig:
    """Return the config with its paths made absolute, since a run has a working folder of its own."""
    values = canonical(config)
    data, model = values.get("training_data", {}), values.get("model", {})
    changed = False
    if (path := data.get("path")) and not Path(path).is_absolute():
        data["path"], changed = str((base / expanded(path)).resolve()), True
    if (name := model.get("base_model")) and (base / name / "config.json").is_file() and not Path(name).is_absolute():
        model["base_model"], changed = str((base / name).resolve()), True
    return parse_run_config(values) if changed else config


def make_folder(rt: Runtime, run_id: UUID) -> bool:
    """Make the folder of a run; returns False where it is there: somebody launches that run already.

    Raises:
        Unavailable: it cannot be made.
    """
    folder = rt.yard.run(run_id)
    try:
        folder.path.mkdir(parents=True)
    except FileExistsError:
        return False
    except OSError as error:
        raise Unavailable(f"{folder.path} cannot be made: {error.strerror}.", hint="Free some space.") from error
    return True


def queue(
    rt: Runtime,
    run_id: UUID,
    config: RunConfig,
    *,
    attempt: int,
    launched_by: str,
    group: str | None = None,
    **extra: Any,
) -> None:
    """Write the config into the run's folder, then the event that puts it in the queue.

    Args:
        group: the replicate group, where a change of the config leaves the experiment as it is.
    """
    folder = rt.yard.run(run_id)
    with _written(folder.config, to_yaml(config)):
        rt.record(
            run_id,
            "queued",
            attempt=attempt,
            kind="train",
            name=config.name,
            agent=config.agent,
            workspace=config.workspace,
            tags=list(config.tags),
            config=canonical(config),
            digest=digest(config),
            group=group or replicate_group(config),
            seed=config.seed,
            launched_by=launched_by,
            command=shlex.join(["runyard", "--yard", str(rt.yard.home), "train", str(folder.config)]),
            git=git_state(Path.cwd()),  # of the launcher: the run works in its own folder
            **{name: value for name, value in extra.items() if value},
        )


@contextmanager
def _written(path: Path, text: str) -> Iterator[None]:
    """Write a file, and what it held before once more where what is done inside fails."""
    before = path.read_text(encoding="utf-8") if path.is_file() else None
    write_whole(path, text)
    try:
        yield
    except Unavailable:
        if before is not None:
            with suppress(Unavailable):
                write_whole(path, before)
        raise


def write_whole(path: Path, text: str) -> None:
    """Write a file so that it is there whole or not at all.

    Raises:
        Unavailable: it cannot be written.
    """
    temporary = path.with_name(path.name + ".tmp")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        raise Unavailable(f"{path} cannot be written: {error.strerror}.", hint="Free some space.") from error
