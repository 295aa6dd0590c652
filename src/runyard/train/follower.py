"""The other processes of a run of several: they train along and say nothing, but why they broke off."""

import json
import time
import traceback
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from runyard.config.run import load_run_config
from runyard.core.journal import Journal, RunJournal
from runyard.core.paths import RunFolder
from runyard.core.settings import Settings
from runyard.train.attempt import Attempt
from runyard.train.interruption import Interruption
from runyard.train.outcome import Cancelled, Failure, failure_of
from runyard.train.progress import Progress

_SAID, _WAIT_SECONDS = "failure-*.json", 3.0
# What a process is told when another one breaks off is no reason of its own.
_UNKNOWN = ("exception", "io_error")


class SilentJournal(Journal):
    """A journal that keeps nothing: the first process of the run writes for all."""

    def __init__(self) -> None:
        pass

    def write(self, event: Mapping[str, Any]) -> None:
        pass

    def sync(self) -> None:
        pass

    def close(self) -> None:
        pass


def follow(folder: RunFolder, attempt: int, rank: int, interruption: Interruption) -> int:
    """Be one of the processes that the first one leads; return the exit code: 0, or 1 when it broke off."""
    from runyard.train.network import run_network

    settings = Settings.from_env(folder.path.parent.parent)
    pen = RunJournal(SilentJournal(), folder.path.name, attempt)
    try:
        interruption.impatient()
        config = load_run_config(folder.config)
        run_network(Attempt(folder, settings.yard, config, settings, pen, interruption, Progress(), True), folder.path)
    except Cancelled:
        return 1
    except BaseException as error:  # noqa: BLE001 - the edge of the process
        traceback.print_exception(error)
        failure = failure_of(error)
        if failure.kind not in _UNKNOWN:
            (folder.path / _SAID.replace("*", str(rank))).write_text(json.dumps(asdict(failure)), "utf-8")
        return 1
    return 0


def what_others_said(folder: RunFolder, failure: Failure) -> Failure:
    """Return why the run broke off, from the process that knows; one that says nothing was killed."""
    if failure.kind not in _UNKNOWN:
        return failure
    deadline = time.monotonic() + _WAIT_SECONDS
    while not (said := sorted(folder.path.glob(_SAID))) and time.monotonic() < deadline:
        time.sleep(0.1)
    if said:
        return Failure(**json.loads(said[0].read_text("utf-8")))
    if "connection" in failure.message.lower() or failure.message == Cancelled.__name__:
        hint = "It was killed, or ran out of memory. Resume the run from its last checkpoint."
        return Failure("worker_lost", "A process of the run is gone without a last word.", hint, failure.details)
    return failure


def forget_what_others_said(folder: RunFolder) -> None:
    """Clear what processes of an earlier attempt left."""
    for path in folder.path.glob(_SAID):
        path.unlink(missing_ok=True)
