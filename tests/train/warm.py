"""Runs attempts in processes forked from one that has imported the training libraries: the same runner, seconds sooner.

Libraries that start threads when they are imported are not among them: threads do not survive a fork.
"""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from multiprocessing.context import ForkServerContext
from pathlib import Path
from types import MappingProxyType, ModuleType

LIBRARIES = [
    "warm",
    "torch",
    "torch._dynamo",
    "transformers.models.bert.modeling_bert",
    "peft",
    "sklearn.ensemble",
    "sklearn.svm",
    "skops.io",
]


@cache
def _server() -> ForkServerContext:
    server = multiprocessing.get_context("forkserver")
    server.set_forkserver_preload(LIBRARIES)
    return server


class WarmRunner:
    """A forked attempt, with what tests use of `subprocess.Popen`; all have the environment of the first.

    `fault` names what of `faults` is put into its way, `environment` is added to the first one's.
    """

    def __init__(
        self,
        arguments: list[str],
        *,
        log: Path,
        cwd: Path,
        fault: str = "",
        environment: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._process = _server().Process(target=_run, args=(arguments, log, cwd, fault, dict(environment)))
        # A forked process would first import the main module anew: for a test that came before, a page.
        main = sys.modules["__main__"]
        sys.modules["__main__"] = ModuleType("__main__")
        try:
            self._process.start()
        finally:
            sys.modules["__main__"] = main

    @property
    def pid(self) -> int | None:
        return self._process.pid

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired("runyard.train", timeout or 0.0)
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        if self._process.pid is not None and self.poll() is None:
            os.kill(self._process.pid, number)


def _run(arguments: list[str], log: Path, cwd: Path, fault: str, environment: dict[str, str]) -> None:
    """Be the runner: a session, a folder and a log of its own, as its launcher gives it."""
    os.setsid()
    os.environ.update(environment)
    os.chdir(cwd)
    said = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.dup2(said, 1)
    os.dup2(said, 2)
    if fault:
        import faults

        getattr(faults, fault)(Path(arguments[0]), int(arguments[2]))
    from runyard.train.__main__ import main

    sys.exit(main(arguments))
