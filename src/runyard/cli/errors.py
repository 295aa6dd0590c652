"""Errors on the command line: one table from class to exit code, and how they are shown."""

from __future__ import annotations

import os
import sys

from runyard.cli.output import plain
from runyard.core.errors import Conflict, Corrupt, Denied, Invalid, NotFound, Problem, RunyardError, Unavailable

DONE, FAILED, WRONG_USAGE, INTERRUPTED = 0, 1, 2, 130
EXIT_CODES: dict[type[RunyardError], int] = {
    Invalid: WRONG_USAGE,
    NotFound: FAILED,
    Conflict: FAILED,
    Denied: FAILED,
    Unavailable: FAILED,
    Corrupt: FAILED,
}


def exit_code(error: RunyardError) -> int:
    """Return the exit code for an error: that of its nearest class in the table."""
    return next((EXIT_CODES[leaf] for leaf in type(error).__mro__ if leaf in EXIT_CODES), FAILED)


def show_error(error: RunyardError) -> None:
    """Write an error to stderr: what happened, every single mistake, how to mend it."""
    red, bold, end = ("\033[31m", "\033[1m", "\033[0m") if _is_coloured() else ("", "", "")
    lines = [f"{red}Error:{end} {plain(error.message, keep_lines=True)}"]
    lines += [f"  {bold}{plain(found.path)}{end}: {plain(_what(found))}" for found in getattr(error, "problems", ())]
    if error.hint:
        lines.append(f"Hint: {plain(error.hint, keep_lines=True)}")
    print("\n".join(lines), file=sys.stderr)


def _what(found: Problem) -> str:
    return f"{found.message} (allowed: {', '.join(found.allowed)})" if found.allowed else found.message


def _is_coloured() -> bool:
    return sys.stderr.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
