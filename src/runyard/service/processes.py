"""The processes that train and apply models: their command lines, their environment, how they are started."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from uuid import UUID

from runyard.config.run import load_run_config
from runyard.core.errors import RunyardError
from runyard.core.paths import RunFolder
from runyard.runtime import Runtime
from runyard.service.liveness import created_at

# The shell is the run's parent: whatever becomes of the run, the queue is pumped after it. A run that has not said
# `started` is known by the shell's pid, so a SIGTERM may come here: it is the run's affair.
_SUPERVISOR = 'trap : TERM; home=$1; shift; "$@"; exec "$1" -m runyard.service.pump "$home"'
_children: list[subprocess.Popen[bytes]] = []


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


def run_supervised(rt: Runtime, run_id: UUID, attempt: int, *, is_part: bool) -> None:
    """Start a queued run as a process that outlives this one; when it has ended, the queue is pumped."""
    folder = rt.yard.run(run_id)
    command = ["/bin/sh", "-c", _SUPERVISOR, "runyard", str(rt.yard.home)]
    with folder.log.open("ab") as log:
        child = subprocess.Popen(
            [*command, *runner_command(rt, run_id, attempt, is_part=is_part)],
            cwd=folder.path,
            env=runner_environment(rt),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    _children.append(child)
    _record_spawned(rt, run_id, attempt, child)


def reap() -> None:
    """Take leave of those supervised processes of ours that have ended."""
    for child in list(_children):
        if child.poll() is not None:
            _children.remove(child)


def apply_model(rt: Runtime, arguments: Sequence[str]) -> tuple[int, str]:
    """Let a process of its own apply a saved model; returns its exit code and what it said."""
    command = [sys.executable, "-m", "runyard.train.apply", *arguments]
    done = subprocess.run(
        command, env=runner_environment(rt), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stderr


def runner_command(rt: Runtime, run_id: UUID | str, attempt: int, *, is_part: bool = False) -> list[str]:
    """Return the command line of the process that trains a run; `is_part` of another run: a trial, a fold, an arm."""
    folder = rt.yard.run(run_id)
    command = ["-m", "runyard.train", str(folder.path), "--attempt", str(attempt), *(["--part"] if is_part else [])]
    if (devices := _devices(folder)) == 1:
        return [sys.executable, *command]
    together = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(devices)]
    return [sys.executable, *together, *command, "--together"]


def runner_environment(rt: Runtime) -> dict[str, str]:
    """Return the environment of a runner: ours, with this yard, and nothing fetched from outside."""
    return {**os.environ, "RUNYARD_HOME": str(rt.yard.home), "HF_HUB_OFFLINE": "1", "PYTHONUNBUFFERED": "1"}


def _devices(folder: RunFolder) -> int:
    try:
        return load_run_config(folder.config).resources.devices
    except RunyardError:
        return 1  # the attempt reads it again, and journals what is wrong with it


def _record_spawned(rt: Runtime, run_id: UUID, attempt: int, child: subprocess.Popen[bytes]) -> None:
    created = created_at(child.pid)
    rt.record(run_id, "spawned", attempt=attempt, pid=child.pid, pid_created=created, host=platform.node())
