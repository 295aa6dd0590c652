"""The sandbox: somebody's SELECT on one database file, in a locked-down process of its own.

Run as a program by `store.untrusted`, never imported for its work. The request is JSON on stdin, the rows leave as an
Arrow stream on stdout, the verdict is one line of JSON on stderr. DuckDB's settings are the boundary for files and
settings, the kernel's limits are the boundary for time and memory; the look at the statement is a courtesy.
"""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import sys
import threading
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any, NoReturn

import duckdb
import pyarrow as pa

GRACE_SECONDS = 2.0  # between asking DuckDB to stop and the kernel's alarm
_ROWS_PER_BATCH = 2048 * 8
_BEYOND_DUCKDB_BYTES = 1 << 30  # Arrow, Python and what malloc keeps, beside DuckDB's own limit
_SETTINGS = (
    "SET python_enable_replacements = false",
    "SET temp_directory = ''",
    "SET enable_external_access = false",
    "SET autoinstall_known_extensions = false",
    "SET autoload_known_extensions = false",
    "SET threads = 1",
    "SET max_temp_directory_size = '0KB'",
    "SET TimeZone = 'UTC'",
)
_EXPLAIN = re.compile(r"(\s|--[^\n]*\n|/\*.*?\*/)*EXPLAIN\b", re.IGNORECASE | re.DOTALL)
_DENIALS = (
    "disabled by configuration",
    "disabled through configuration",
    "read-only mode",
    "configuration has been locked",
    "File system",
    "external access",
)


@dataclass(frozen=True)
class Request:
    """What to ask, and how much it may take."""

    database: str
    statement: str
    timeout_seconds: float
    limit: int
    memory_mb: int
    answer_mb: int


@dataclass(frozen=True)
class Verdict:
    """How it went: `kind` is ok, wrong, denied, memory, size, time or gone; `cut` says that `limit` left rows out."""

    kind: str
    message: str = ""
    cut: bool = False


class _Refused(Exception):
    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.verdict = Verdict(kind, message)


def main() -> NoReturn:
    """Answer the request on stdin and end, without a shutdown: DuckDB does not survive one while threads are about."""
    verdict = _verdict_of(Request(**json.load(sys.stdin)))
    sys.stdout.flush()
    print(json.dumps(asdict(verdict)), file=sys.stderr, flush=True)
    os._exit(0 if verdict.kind == "ok" else 1)


def _verdict_of(request: Request) -> Verdict:
    try:
        connection = duckdb.connect(request.database, read_only=True)
    except duckdb.Error as error:
        return Verdict("gone", str(error))
    for setting in (f"SET memory_limit = '{int(request.memory_mb)}MB'", *_SETTINGS, "SET lock_configuration = true"):
        connection.execute(setting)
    _limit_process(request)
    timer = threading.Timer(request.timeout_seconds, connection.interrupt)
    timer.daemon = True
    timer.start()
    try:
        return Verdict("ok", cut=_answer(connection, request))
    except _Refused as refusal:
        return refusal.verdict
    except MemoryError:
        return Verdict("memory")
    except (duckdb.Error, pa.ArrowException, RuntimeError) as error:
        return _translated(error)
    finally:
        timer.cancel()


def _limit_process(request: Request) -> None:
    """Ask the kernel to hold this process to its memory and time, to write no file and to leave no core."""
    used = 0
    with suppress(OSError), open("/proc/self/statm", "rb") as statm:
        used = int(statm.read().split()[0]) * resource.getpagesize()
    most = used + (request.memory_mb << 20) + _BEYOND_DUCKDB_BYTES
    limits = [(resource.RLIMIT_FSIZE, 0), (resource.RLIMIT_CORE, 0)]
    if used:  # where there is no /proc (macOS) the kernel does not hold RLIMIT_AS either
        limits.append((resource.RLIMIT_AS, most))
    for kind, value in limits:
        with suppress(ValueError, OSError):
            resource.setrlimit(kind, (value, value))
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, request.timeout_seconds + GRACE_SECONDS)


def _answer(connection: duckdb.DuckDBPyConnection, request: Request) -> bool:
    """Write the rows to stdout; return whether the limit left some out."""
    rows = connection.sql(_only_select(request.statement))
    if request.limit:
        rows = rows.limit(request.limit + 1)
    reader = rows.to_arrow_reader(_ROWS_PER_BATCH)
    schema = _with_distinct_names(reader.schema)
    left, size = request.limit or sys.maxsize, 0
    with pa.ipc.new_stream(sys.stdout.buffer, schema) as stream:
        for batch in reader:
            part = batch.slice(0, left)
            size += part.nbytes
            if size > request.answer_mb << 20:
                raise _Refused("size", f"{request.answer_mb} MB")
            stream.write_batch(pa.RecordBatch.from_arrays(part.columns, schema=schema))
            if part.num_rows < batch.num_rows:
                return True
            left -= part.num_rows
    return False


def _only_select(text: str) -> Any:
    statements = duckdb.extract_statements(text)
    kinds = [statement.type.name for statement in statements]
    if kinds == ["SELECT"]:
        return statements[0]
    if kinds == ["EXPLAIN"]:
        return _only_explain(statements[0].query)
    if not kinds:
        raise _Refused("wrong", "There is no statement.")
    if len(kinds) > 1:
        raise _Refused("denied", f"There are {len(kinds)} statements; one SELECT is allowed.")
    if kinds == ["MULTI"]:
        raise _Refused("denied", "PIVOT needs its values here: PIVOT ... ON column IN (...).")
    raise _Refused("denied", f"{kinds[0]} is not allowed; one SELECT is.")


def _only_explain(text: str) -> str:
    """Return the EXPLAIN of one SELECT anew, so that what was looked at is what runs: ANALYZE would run the SELECT."""
    explained = _EXPLAIN.match(text)
    with suppress(duckdb.Error):
        inner = duckdb.extract_statements(text[explained.end() :]) if explained else []
        if [statement.type.name for statement in inner] == ["SELECT"]:
            return f"EXPLAIN {inner[0].query}"
    raise _Refused("denied", "EXPLAIN is allowed of one SELECT alone, without ANALYZE or other options.")


def _with_distinct_names(schema: pa.Schema) -> pa.Schema:
    """Return the schema with `_1`, `_2` ... behind repeated names: rows become objects later."""
    taken: set[str] = set()
    fields = []
    for field in schema:
        name, number = field.name, 0
        while name in taken:
            number += 1
            name = f"{field.name}_{number}"
        taken.add(name)
        fields.append(field.with_name(name))
    return pa.schema(fields)


def _translated(error: Exception) -> Verdict:
    text = str(error).strip()
    if isinstance(error, duckdb.InterruptException) or "INTERRUPT" in text:
        return Verdict("time")
    if isinstance(error, duckdb.OutOfMemoryException) or "Out of Memory" in text or "bad_alloc" in text:
        return Verdict("memory")
    if isinstance(error, duckdb.PermissionException) or any(words in text for words in _DENIALS):
        return Verdict("denied", text)
    return Verdict("wrong", text)


if __name__ == "__main__":
    main()
