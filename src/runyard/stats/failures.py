"""Why a run failed, for people who do not read tracebacks: what happened, and what to do, step by step."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PlainFailure:
    """What happened in a sentence, and the steps out of it, the easiest first."""

    what: str
    steps: tuple[str, ...]


_OWN_HINT = "{hint}"
FAILURES: dict[str, PlainFailure] = {
    "out_of_memory": PlainFailure(
        "The training needed more memory than there is.",
        (
            "Halve the batch size and double the gradient accumulation: the result stays the same.",
            "Shorten the longest text, or switch gradient checkpointing on.",
            "Train adapters (LoRA) instead of all weights, or take a smaller model.",
            "Then resume the run: it goes on from its last checkpoint.",
        ),
    ),
    "diverged": PlainFailure(
        "The numbers of the training ran away: its loss is no number any more.",
        (
            "Resume it with a tenth of the learning rate.",
            "Switch gradient clipping on (1.0), or add warm-up steps.",
            "If it happens again, look for broken examples in the data.",
        ),
    ),
    "disk_full": PlainFailure(
        "The disk is full, so nothing could be saved any more.",
        (
            "Free some space: `runyard gc` deletes what is not needed any more.",
            "Then resume the run: it goes on from its last checkpoint.",
        ),
    ),
    "not_found": PlainFailure(
        "Something that the training needs is not there: a file, a model or a data set.",
        (_OWN_HINT, "Check the name for typing errors; names of the yard are listed on the Presets page."),
    ),
    "invalid": PlainFailure(
        "The settings or the data cannot be used as they are.",
        (_OWN_HINT, "Mend what is named below, then start the run again."),
    ),
    "corrupt": PlainFailure(
        "A file is damaged or was changed after it was saved.",
        (_OWN_HINT, "Start from another checkpoint or model; the damaged file is named below."),
    ),
    "lost": PlainFailure(
        "The training was cut off: its process is gone without a last word.",
        (
            "Resume it: it goes on from its last checkpoint, and nothing before that is lost.",
            "If it is cut off again at the same place, it probably ran out of memory: halve the batch size.",
        ),
    ),
    "exception": PlainFailure(
        "Something happened that Runyard does not know.",
        (
            "Resume it once: it may have been chance.",
            "If it fails again, the end of the log says where; the traceback is on the Log tab.",
        ),
    ),
}


def plain_failure(kind: str | None, hint: str | None = None) -> PlainFailure:
    """Return a failure in plain words; the run's own hint is the first step where it knows more."""
    found = FAILURES.get(kind or "", FAILURES["exception"])
    steps = tuple(hint or "" if step is _OWN_HINT else step for step in found.steps)
    if kind not in FAILURES and hint:
        steps = (hint, *steps)
    return PlainFailure(found.what, tuple(step for step in steps if step))
