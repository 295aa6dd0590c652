"""The errors of Runyard: few, chosen by what the caller can do about them, each with a way to mend it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class RunyardError(Exception):
    """Root of all expected errors: `message` says what happened (with the value), `hint` how to mend it."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


@dataclass(frozen=True)
class Problem:
    """One mistake in an input: where it is, what is wrong and, if it is a choice, what is allowed."""

    path: str
    message: str
    allowed: tuple[str, ...] = ()

    def __str__(self) -> str:
        text = f"{self.path}: {self.message}" if self.path else self.message
        return f"{text} (allowed: {', '.join(self.allowed)})" if self.allowed else text


class NotFound(RunyardError):
    """The named thing does not exist."""


class Invalid(RunyardError):
    """The input cannot be used; `problems` lists every mistake at once."""

    def __init__(self, message: str, *, hint: str = "", problems: Sequence[Problem] = ()) -> None:
        super().__init__(message, hint=hint)
        self.problems = tuple(problems)


class Conflict(RunyardError):
    """The request is fine, but the present state forbids it."""


class Denied(RunyardError):
    """The caller may not do this."""


class Unavailable(RunyardError):
    """Something needed is busy, full or out of reach; trying again later may work."""


class Corrupt(RunyardError):
    """Stored data cannot be trusted: damaged, or written by a newer version."""
