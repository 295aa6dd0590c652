"""How a run can end, and what an exception means to the person who reads it."""

import errno
import traceback
from dataclasses import dataclass, field

from runyard.core.errors import Corrupt, Invalid, NotFound, RunyardError


class Cancelled(Exception):
    """Somebody asked the run to end; what can be saved was saved."""


class Diverged(RunyardError):
    """The loss or the gradients are not finite any more."""


@dataclass(frozen=True)
class Outcome:
    """What a finished run adds to its `ended` event."""

    steps: int = 0
    tokens: int = 0
    model_path: str | None = None
    model_sha256: str | None = None
    model_bytes: int | None = None


@dataclass(frozen=True)
class Failure:
    """An exception in the words of the `ended` event."""

    kind: str
    message: str
    hint: str = ""
    details: str = field(default="", repr=False)


# The last one is a library that could not be loaded under the run's memory limit.
_NO_MEMORY = ("out of memory", "can't allocate memory", "Cannot allocate memory", "failed to map segment")


def failure_of(error: BaseException) -> Failure:
    """Say what happened, how to mend it, and keep the traceback."""
    details = "".join(traceback.format_exception(error))
    text = str(error)
    if isinstance(error, MemoryError) or any(sign in text for sign in _NO_MEMORY):
        hint = (
            "Halve hyperparameters.batch_size and double gradient_accumulation, shorten max_length, "
            "train with LoRA, or raise resources.memory_limit_gb; then resume the run."
        )
        return Failure("out_of_memory", f"The run ran out of memory. {text}".strip(), hint, details)
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        hint = "Free some space, then resume the run: it continues from its last checkpoint."
        return Failure("disk_full", f"The disk is full: {text}", hint, details)
    if isinstance(error, RunyardError):
        problems = "".join(f"\n{problem}" for problem in getattr(error, "problems", ()))
        kinds = {Diverged: "diverged", NotFound: "not_found", Invalid: "invalid", Corrupt: "corrupt"}
        kind = next((word for leaf, word in kinds.items() if isinstance(error, leaf)), "exception")
        return Failure(kind, error.message + problems, error.hint, details)
    hint = "The traceback is in the log of the run."
    return Failure("exception", f"{type(error).__name__}: {text}" if text else type(error).__name__, hint, details)
