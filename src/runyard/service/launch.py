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
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import UUID

import yaml

from runyard.config.preflight import check_data
from runyard.config.run import RunConfig, canonical, digest, parse_run_config, replicate_group, to_yaml
from runyard.core.clock import now
from runyard.core.errors import Denied, RunyardError, Unavailable
from runyard.core.ids import new_id
from runyard.core.provenance import git_state
from runyard.runtime import Runtime, open_runtime
from runyard.service.liveness import created_at, is_alive, last_sign_us
from runyard.store.flock import flock

# The shell is the run's parent: whatever becomes of the run, the queue is pumped after it. A run that has not said
# `started` is known by the shell's pid, so a SIGTERM may come here: it is the run's affair.
_SUPERVISOR = 'trap : TERM; home=$1; shift; "$@"; exec "$1" -m runyard.service.launch "$home"'
_ACTIVE = """
SELECT id, status, attempt, host, pid, pid_created, launched_by, started_at, config, parent_run_id
FROM runs
WHERE status IN ('queued', 'running')
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
    start: bool = True,
) -> UUID:
    """Queue a run and start it when a worker is free; returns its id.

    Args:
        run_id: an id made beforehand; launching it a second time does nothing, so that a double click launches once.
        parent: the sweep, test or cross-validation it belongs to.
        start: False leaves starting it to the caller; the queue passes over runs launched by `foreground`.

    Raises:
        Denied: training is switched off.
        NotFound: the data, the base model or the model to start from is not there.
        Conflict: the run to start from has saved no model.
        Invalid: the data or the model to start from cannot be used.
        Unavailable: the yard cannot be written.
    """
    if not rt.settings.enabled:
        raise Denied("Training is switched off here.", hint="Unset RUNYARD_ENABLED to allow it.")
    config = with_absolute_paths(config, Path.cwd())
    if config.start_from is not None:
        from runyard.service.models import pin_source  # which names runs, and they are resumed by launching

        config = pin_source(rt, config)
    check_data(config, rt.yard)
    run_id = run_id or new_id()
    folder = rt.yard.run(run_id)
    try:
        folder.path.mkdir(parents=True)
    except FileExistsError:
        return run_id
    except OSError as error:
        raise Unavailable(f"{folder.path} cannot be made: {error.strerror}.", hint="Free some space.") from error
    try:
        queue(rt, run_id, config, attempt=1, launched_by=launched_by, parent=parent)
    except Unavailable:
        shutil.rmtree(folder.path, ignore_errors=True)  # or launching this id again would do nothing
        raise
    if start:
        start_queued(rt)
    return run_id


def queue(rt: Runtime, run_id: UUID, config: RunConfig, *, attempt: int, launched_by: str, **extra: Any) -> None:
    """Write the config into the run's folder, then the event that puts it in the queue."""
    folder = rt.yard.run(run_id)
    _write(folder.config, to_yaml(config))
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
        group=replicate_group(config),
        seed=config.seed,
        launched_by=launched_by,
        command=shlex.join(["runyard", "--yard", str(rt.yard.home), "train", str(folder.config)]),
        git=git_state(Path.cwd()),  # of the launcher: the run works in its own folder
        **{name: value for name, value in extra.items() if value},
    )


def pump(rt: Runtime, *, wait_seconds: float = 0.0) -> list[UUID]:
    """Mark lost runs, then start queued ones while workers are free; returns what was started.

    Raises:
        Unavailable: the store is held by somebody else; what is queued stays queued.
    """
    for child in list(_children):
        if child.poll() is not None:
            _children.remove(child)
    try:
        with flock(rt.yard.store / "queue.lock", verb="pump", wait_seconds=wait_seconds):
            rt.store.ingest(verb="pump", wait_seconds=5.0)
            rows = rt.store.live(_ACTIVE).to_dicts()
            if not rows:
                return []
            lost = [row for row in rows if row["status"] == "running" and _is_lost(row)]
            for row in lost:
                seen = last_sign_us(rt.yard.run(row["id"]), row["started_at"])
                rt.record(row["id"], "lost", attempt=row["attempt"], by=os.getpid(), last_seen=seen)
            busy = sum(row["status"] == "running" and row["launched_by"] != "sdk" for row in rows) - len(lost)
            waiting = [row for row in rows if row["status"] == "queued" and row["launched_by"] != "foreground"]
            started = [_start(rt, row) for row in waiting[: max(0, rt.settings.max_workers - busy)]]
            if lost or started:
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
    folder = rt.yard.run(run_id).path
    command = [sys.executable, "-m", "runyard.train", str(folder), "--attempt", str(attempt)]
    return [*command, "--part"] if is_part else command


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
        data["path"], changed = str((base / path).resolve()), True
    if (name := model.get("base_model")) and (base / name / "config.json").is_file() and not Path(name).is_absolute():
        model["base_model"], changed = str((base / name).resolve()), True
    return parse_run_config(values) if changed else config


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
    # The pump after a run has become of the shell that the run was known by until it said `started`.
    return row["pid"] == os.getpid() or not is_alive(row["pid"], row["pid_created"], row["host"])


def _write(path: Path, text: str) -> None:
    temporary = path.with_name(path.name + ".tmp")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        raise Unavailable(f"{path} cannot be written: {error.strerror}.", hint="Free some space.") from error


def main() -> None:
    """Pump the yard named on the command line, once."""
    runtime = open_runtime(sys.argv[1])
    try:
        pump(runtime, wait_seconds=10.0)
    except RunyardError as error:
        print(f"{now():%Y-%m-%dT%H:%M:%SZ} queue: {error.message} {error.hint}", file=sys.stderr)
    finally:
        runtime.close()


if __name__ == "__main__":
    main()
