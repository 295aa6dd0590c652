"""Asking somebody's SELECT of a database file: the child in `store.sandbox` runs it, this side judges how it ended."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow as pa

from runyard.core.errors import Denied, Invalid, NotFound, RunyardError, Unavailable
from runyard.store import sandbox
from runyard.store.sandbox import Request, Verdict

MEMORY_MB = 512
ANSWER_MB = 256
_STARTING_SECONDS = 30.0  # imports on a busy machine; the child's own alarm is the limit of the query
_PASSED_ON = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")


@dataclass(frozen=True)
class Selected:
    """The rows of a SELECT, and whether the limit left some out."""

    table: pa.Table
    cut: bool


def select(database: Path, statement: str, *, timeout_seconds: float, limit: int) -> Selected:
    """Run one SELECT on a database file that nobody writes to; `limit` 0 is no limit.

    Raises:
        Invalid: the statement cannot be understood, or names what is not there.
        Denied: it is no SELECT, or wants what is outside the file.
        Unavailable: it took too long, too much memory, or its answer is too large.
        NotFound: the file is gone.
    """
    request = Request(str(database), statement, timeout_seconds, limit, MEMORY_MB, ANSWER_MB)
    child = subprocess.Popen(
        [sys.executable, "-P", sandbox.__file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={name: os.environ[name] for name in _PASSED_ON if name in os.environ} | {"TZ": "UTC"},
        cwd="/",
    )
    try:
        rows, said = child.communicate(
            json.dumps(asdict(request)).encode(), timeout_seconds + sandbox.GRACE_SECONDS + _STARTING_SECONDS
        )
    except BaseException as error:
        child.kill()
        child.wait()
        if isinstance(error, subprocess.TimeoutExpired):
            raise _error(Verdict("time"), request) from None
        raise
    verdict = _verdict(child.returncode, said)
    if verdict.kind != "ok":
        raise _error(verdict, request)
    return Selected(pa.ipc.open_stream(rows).read_all(), verdict.cut)


def _verdict(code: int, said: bytes) -> Verdict:
    if code == -signal.SIGALRM:
        return Verdict("time")
    try:
        return Verdict(**json.loads(said.splitlines()[-1]))
    except (IndexError, ValueError, TypeError):
        if code < 0:  # killed by the kernel, or DuckDB gave up when an allocation failed
            return Verdict("memory", f"the process ended with signal {-code}")
        last = said.decode(errors="replace").strip().rpartition("\n")[2]
        return Verdict("broken", f"the sandbox ended with code {code}. {last}".strip())


def _error(verdict: Verdict, request: Request) -> RunyardError:
    match verdict.kind:
        case "time":
            return Unavailable(
                f"The query took longer than {request.timeout_seconds:g} s and was stopped.",
                hint="Ask for less, or give it more time (in a terminal: --timeout SECONDS).",
            )
        case "memory":
            detail = f" ({verdict.message})" if verdict.message else ""
            return Unavailable(
                f"The query needed more than {request.memory_mb} MB and was stopped{detail}.",
                hint="Filter or aggregate earlier, or open runyard.duckdb with DuckDB itself.",
            )
        case "size":
            return Unavailable(
                f"The answer is larger than {verdict.message}.",
                hint="Select fewer columns or rows, or open runyard.duckdb with DuckDB itself.",
            )
        case "denied":
            return Denied(
                f"The query was refused: {verdict.message}",
                hint="It may read tables and views of the yard, nothing else: no files, no changes, no settings.",
            )
        case "broken":
            return Unavailable(f"The query could not be run: {verdict.message}", hint="Look at `runyard doctor`.")
        case "gone":
            return NotFound(f"The snapshot cannot be read: {verdict.message}", hint="Try again.")
        case _:
            return Invalid(f"The query failed: {verdict.message}", hint="Check names and types: DESCRIBE runs")
