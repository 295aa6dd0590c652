"""Launching: a run is an event first, then a process of its own that outlives whoever asked for it.

The queue holds what exceeds RUNYARD_MAX_WORKERS. It is pumped by every launch, by whoever ends a run, by the server's
tick and by each command, since a killed run ends nobody. Run as a program, this module pumps a yard once.
"""

from __future__ import annotations

import os
import platform
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import UUID

import yaml

from runyard.config.run import (
    RunConfig,
    canonical,
    digest,
    load_run_config,
    parse_run_config,
    replicate_group,
    to_yaml,
)
from runyard.core.clock import now
from runyard.core.errors import Denied, RunyardError, Unavailable
from runyard.core.ids import new_id
from runyard.core.paths import RunFolder, expanded
from runyard.core.provenance import git_state
from runyard.data.checks import check_data
from runyard.runtime import Runtime, open_runtime
from runyard.service import estimates, retention
from runyard.service.families import end_families
from runyard.service.liveness import created_at, is_alive, last_sign_us
from runyard.store.flock import flock

# The shell is the run's parent: whatever becomes of the run, the queue is pumped after it. A run that has not said
# `started` is known by the shell's pid, so a SIGTERM may come here: it is the run's affair.
_SUPERVISOR = 'trap : TERM; home=$1; shift; "$@"; exec "$1" -m runyard.service.launch "$home"'
_ACTIVE = """
SELECT id, status, attempt, host, pid, pid_created, launched_by, started_at, config, parent_run_id
FROM runs
WHERE status IN ('queued', 'running') AND kind = 'train'
ORDER BY queued_at, id
"""
_children: list[subprocess.Popen[bytes]] = []


def launch(
    rt: Runtime,
    config: RunConfig,
    *,
    launched_by: str,
    run_id: UUID | None = None,
    parent: UUID | None = None,
    preset: str | None = None,
    start: bool = True,
) -> UUID:
    """Queue a run and start it when a worker is free; returns its id.

    Args:
        run_id: an id made beforehand; launching it a second time does nothing, so that a double click launches once.
        parent: the sweep, test or cross-validation it belongs to.
        preset: the one it was started from: what was estimated is scored for each.
        start: False leaves starting it to the caller; the queue passes over runs launched by `foreground`.

    Raises:
        Denied: training is switched off.
        NotFound: the data, the base model or the model to start from is not there.
        Conflict: the run to start from has saved no model.
        Invalid: the data or the model to start from cannot be used.
        Unavailable: the yard cannot be written.
    """
    check_enabled(rt)
    config = with_absolute_paths(config, Path.cwd())
    if config.start_from is not None:
        from runyard.service.models import pin_source  # which names runs, and they are resumed by launching

        config = pin_source(rt, config)
    if config.training_type == "reinforcement":
        from runyard.service.models import pin_reward

        config = pin_reward(rt, config)
    check_data(config, rt.yard)
    run_id = run_id or new_id()
    if not make_folder(rt, run_id):
        return run_id
    try:
        queue(rt, run_id, config, attempt=1, launched_by=launched_by, parent=parent)
        estimates.record(rt, run_id, estimates.estimate_of(rt, config), preset=preset)
    except Unavailable:
        shutil.rmtree(rt.yard.run(run_id).path, ignore_errors=True)  # or launching this id again would do nothing
        raise
    if start:
        start_queued(rt)
    return run_id


def check_enabled(rt: Runtime) -> None:
    """Refuse to train where that is switched off.

    Raises:
        Denied: it is.
    """
    if not rt.settings.enabled:
        raise Denied("Training is switched off here.", hint="Unset RUNYARD_ENABLED to allow it.")


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


def pump(rt: Runtime, *, wait_seconds: float = 0.0, foreground: UUID | None = None) -> list[UUID]:
    """Mark lost runs, try failed ones again, then start queued ones while workers are free; returns what was started.

    Args:
        foreground: a run whose next attempt the caller will start, should it be tried again.

    Raises:
        Unavailable: the store is held by somebody else; what is queued stays queued.
    """
    from runyard.service.recovery import recover  # which queues runs

    for child in list(_children):
        if child.poll() is not None:
            _children.remove(child)
    try:
        with flock(rt.yard.store / "queue.lock", verb="pump", wait_seconds=wait_seconds):
            rt.store.ingest(verb="pump", wait_seconds=5.0)
            rows = _active(rt)
            if lost := [row for row in rows if row["status"] == "running" and _is_lost(row)]:
                for row in lost:
                    seen = last_sign_us(rt.yard.run(row["id"]), row["started_at"])
                    rt.record(row["id"], "lost", attempt=row["attempt"], by=os.getpid(), last_seen=seen)
                rt.store.ingest(verb="pump", wait_seconds=5.0)
            if recover(rt, foreground=foreground) or lost:
                rt.store.ingest(verb="pump", wait_seconds=5.0)
                rows = _active(rt)
            ended = end_families(rt)  # after the failed ones of their runs were tried again
            busy = sum(row["status"] == "running" and row["launched_by"] != "sdk" for row in rows)
            waiting = [row for row in rows if row["status"] == "queued" and row["launched_by"] != "foreground"]
            started = [_start(rt, row) for row in waiting[: max(0, rt.settings.max_workers - busy)]]
            if started or ended:
                rt.store.ingest(verb="pump", wait_seconds=5.0)
            return started
    except Unavailable:
        if wait_seconds > 0:
            raise
        return []


def start_queued(rt: Runtime) -> None:
    """Pump for somebody who has just queued a run; while the store is held it stays queued, and whoever pumps next
    starts it. To say that it failed would have it launched twice.
    """
    with suppress(Unavailable):
        pump(rt, wait_seconds=5.0)


def runner_command(rt: Runtime, run_id: UUID | str, attempt: int, *, is_part: bool = False) -> list[str]:
    """Return the command line of the process that trains a run; `is_part` of another run: a trial, a fold, an arm."""
    folder = rt.yard.run(run_id)
    command = ["-m", "runyard.train", str(folder.path), "--attempt", str(attempt), *(["--part"] if is_part else [])]
    if (devices := _devices(folder)) == 1:
        return [sys.executable, *command]
    together = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(devices)]
    return [sys.executable, *together, *command, "--together"]


def _devices(folder: RunFolder) -> int:
    try:
        return load_run_config(folder.config).resources.devices
    except RunyardError:
        return 1  # the attempt reads it again, and journals what is wrong with it


def apply_model(rt: Runtime, arguments: Sequence[str]) -> tuple[int, str]:
    """Let a process of its own apply a saved model; returns its exit code and what it said."""
    command = [sys.executable, "-m", "runyard.train.apply", *arguments]
    done = subprocess.run(
        command, env=runner_environment(rt), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stderr


def runner_environment(rt: Runtime) -> dict[str, str]:
    """Return the environment of a runner: ours, with this yard, and nothing fetched from outside."""
    return {**os.environ, "RUNYARD_HOME": str(rt.yard.home), "HF_HUB_OFFLINE": "1", "PYTHONUNBUFFERED": "1"}


def run_in_foreground(rt: Runtime, run_id: UUID, attempt: int = 1) -> subprocess.Popen[bytes]:
    """Start a queued run as a child of this process; its log goes to its folder all the same."""
    with rt.yard.run(run_id).log.open("ab") as log:
        child = subprocess.Popen(
            runner_command(rt, run_id, attempt),
            env=runner_environment(rt),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    _record_spawned(rt, run_id, attempt, child)
    return child


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


def _active(rt: Runtime) -> list[dict[str, Any]]:
    return rt.store.live(_ACTIVE).to_dicts()


def _start(rt: Runtime, row: dict[str, Any]) -> UUID:
    run_id, attempt = UUID(row["id"]), int(row["attempt"])
    folder = rt.yard.run(run_id)
    folder.path.mkdir(parents=True, exist_ok=True)
    if not folder.config.exists():
        _write(folder.config, yaml.safe_dump(row["config"]))
    runner = runner_command(rt, run_id, attempt, is_part=row["parent_run_id"] is not None)
    command = ["/bin/sh", "-c", _SUPERVISOR, "runyard", str(rt.yard.home), *runner]
    with folder.log.open("ab") as log:
        child = subprocess.Popen(
            command,
            cwd=folder.path,
            env=runner_environment(rt),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    _children.append(child)
    _record_spawned(rt, run_id, attempt, child)
    return run_id


def _record_spawned(rt: Runtime, run_id: UUID, attempt: int, child: subprocess.Popen[bytes]) -> None:
    created = created_at(child.pid)
    rt.record(run_id, "spawned", attempt=attempt, pid=child.pid, pid_created=created, host=platform.node())


def _is_lost(row: dict[str, Any]) -> bool:
    # The pump after a run has become of the shell that the run was known by until it said `started`; a script that logs
    # its own run may pump, too.
    is_ours = row["pid"] == os.getpid() and row["launched_by"] != "sdk"
    return is_ours or not is_alive(row["pid"], row["pid_created"], row["host"])


@contextmanager
def _written(path: Path, text: str) -> Iterator[None]:
    """Write a file, and what it held before once more where what is done inside fails."""
    before = path.read_text(encoding="utf-8") if path.is_file() else None
    _write(path, text)
    try:
        yield
    except Unavailable:
        if before is not None:
            with suppress(Unavailable):
                _write(path, before)
        raise


def _write(path: Path, text: str) -> None:
    temporary = path.with_name(path.name + ".tmp")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        raise Unavailable(f"{path} cannot be written: {error.strerror}.", hint="Free some space.") from error


def main() -> None:
    """Pump the yard named on the command line, once, and keep its house: a run has just ended."""
    runtime = open_runtime(sys.argv[1])
    try:
        pump(runtime, wait_seconds=10.0)
        retention.tidy(runtime)
    except RunyardError as error:
        print(f"{now():%Y-%m-%dT%H:%M:%SZ} queue: {error.message} {error.hint}", file=sys.stderr)
    finally:
        runtime.close()


if __name__ == "__main__":
    main()
