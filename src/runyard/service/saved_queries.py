"""Queries that people keep: one `.sql` file each in the yard's folder `queries`, for the page and for any shell."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from runyard.core.errors import Invalid, NotFound, RunyardError, Unavailable
from runyard.core.paths import resource
from runyard.runtime import Runtime

NAME = r"^[A-Za-z0-9][A-Za-z0-9 _-]{0,59}$"
LONGEST_BYTES = 100_000


@dataclass(frozen=True)
class SavedQuery:
    """A statement with its name."""

    name: str
    statement: str


def examples() -> list[SavedQuery]:
    """Return the queries that come with Runyard; the comment on top of each is its name."""
    found = []
    for path in sorted((resource("sql") / "examples").glob("*.sql")):
        title, _, statement = path.read_text(encoding="utf-8").partition("\n")
        found.append(SavedQuery(title.removeprefix("--").strip(), statement.strip()))
    return found


def saved(rt: Runtime) -> list[SavedQuery]:
    """Return the queries that are kept in the yard, by name.

    Raises:
        Unavailable: the folder cannot be read.
    """
    try:
        paths = sorted(rt.yard.queries.glob("*.sql"))
        return [
            SavedQuery(path.stem, path.read_text(encoding="utf-8", errors="replace")[:LONGEST_BYTES])
            for path in paths
            if re.match(NAME, path.stem) and path.is_file()
        ]
    except OSError as error:
        raise _unavailable(rt, error) from error


def save(rt: Runtime, name: str, statement: str) -> None:
    """Keep a statement under a name; another one of that name is replaced.

    Raises:
        Invalid: the name or the statement cannot be used.
        Unavailable: the yard cannot be written.
    """
    path = _path(rt, name)
    text = statement.strip() + "\n"
    if not statement.strip():
        raise Invalid("There is no statement to save.", hint="Write one first.")
    if len(text.encode()) > LONGEST_BYTES:
        raise Invalid(f"The statement is longer than {LONGEST_BYTES:,} bytes.", hint="Keep it in a file of your own.")
    unfinished = path.with_name(f".{path.stem}-{os.urandom(4).hex()}")
    try:
        path.parent.mkdir(exist_ok=True)
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(path)
    except OSError as error:
        with suppress(OSError):
            unfinished.unlink()
        raise _unavailable(rt, error) from error


def delete(rt: Runtime, name: str) -> None:
    """Delete a saved query.

    Raises:
        NotFound: there is none of that name.
        Unavailable: the yard cannot be written.
    """
    try:
        _path(rt, name).unlink()
    except FileNotFoundError:
        raise NotFound(f"There is no saved query {name!r}.", hint="It may have been deleted elsewhere.") from None
    except OSError as error:
        raise _unavailable(rt, error) from error


def _path(rt: Runtime, name: str) -> Path:
    if not re.match(NAME, name) or name != name.strip():
        raise Invalid(
            f"The name {name!r} cannot be used.",
            hint="Letters, digits, blanks, - and _, at most 60, with a letter or digit first.",
        )
    return rt.yard.queries / f"{name}.sql"


def _unavailable(rt: Runtime, error: OSError) -> RunyardError:
    return Unavailable(
        f"The folder {rt.yard.queries} cannot be used: {error.strerror}.",
        hint="Check its owner, its mode and the free space of the disk.",
    )
