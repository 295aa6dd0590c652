"""How a run can end, and what an exception means to the person who reads it."""

import errno
import traceback
from dataclasses import dataclass, field

from runyard.config.run import RunConfig
from runyard.core.errors import Corrupt, Invalid, NotFound, RunyardError
from runyard.train.progress import Progress


class Cancelled(Exception):
    """Somebody asked the run to end; what can be saved was saved."""


class DataUnreadable(RunyardError):
    """A batch could not be made."""


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
_NO_MEMORY = (
    *("out of memory", "can't allocate memory", "Cannot allocate memory", "failed to map segment"),
    *("bad_alloc", "Unable to allocate", "ALLOC_FAILED", "could not create a primitive", "could not create a memory"),
)


def is_no_memory(error: BaseException) -> bool:
    """Return whether an exception says that memory ran out."""
    return isinstance(error, MemoryError) or any(sign in str(error) for sign in _NO_MEMORY)


def diverged(config: RunConfig, progress: Progress, what: str, loss: float, norm: float) -> Diverged:
    """Return the error of a run whose loss or gradient is not finite, with what might help."""
    hyper, optimization = config.hyperparameters, config.optimization
    advice = [f"a learning rate of about {hyper.learning_rate / 10:.2g}"]
    if not hyper.warmup_steps:
        advice.append("some warm-up steps")
    if optimization.gradient_clipping is None:
        advice.append("gradient clipping at 1.0")
    if optimization.mixed_precision:
        advice.append("mixed precision off")
    # After an epoch its number is already counted, within one it is not.
    epoch = progress.epoch if what == "validation loss" else progress.epoch + 1
    return Diverged(
        f"The {what} is not finite at step {progress.step} of epoch {epoch} "
        f"(loss {loss:g}, gradient norm {norm:g}, learning rate {progress.learning_rate:.3g}).",
        hint=f"Try {', '.join(advice)}; and look for extreme values in the data.",
    )


def failure_of(error: BaseException) -> Failure:
    """Say what happened, how to mend it, and keep the traceback."""
    details = "".join(traceback.format_exception(error))
    text = str(error)
    if is_no_memory(error):
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
        kinds = {
            Diverged: "diverged",
            DataUnreadable: "data_loader",
            NotFound: "not_found",
            Invalid: "invalid",
            Corrupt: "corrupt",
        }
        kind = next((word for leaf, word in kinds.items() if isinstance(error, leaf)), "exception")
        return Failure(kind, error.message + problems, error.hint, details)
    hint = "The traceback is in the log of the run."
    if isinstance(error, OSError) and not isinstance(error, FileNotFoundError | PermissionError):
        return Failure("io_error", f"{type(error).__name__}: {text}", hint, details)
    return Failure("exception", f"{type(error).__name__}: {text}" if text else type(error).__name__, hint, details)
