"""A run in plain language: its stage, the time left, how its loss goes, what to worry about, and what came of it.

A pure function of the row that experts read as numbers; the thresholds behind its words are in macros.sql.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from runyard.stats.failures import plain_failure

Row = Mapping[str, Any]
# How far off a remaining time may be, by what it is reckoned from.
_BY_EPOCHS, _BY_ONE_EPOCH, _BY_STEPS = 1.15, 1.4, 1.8
_LATE_SHARE = 0.7  # a best epoch before that much of the run: the rest brought nothing (as in waste_label)


@dataclass(frozen=True)
class Worry:
    """Something to look at, and what to do about it."""

    kind: str
    message: str
    advice: str


@dataclass(frozen=True)
class Plain:
    """A run in words. `remaining_seconds` is a range, None where nothing can be said; `result` is there at the end."""

    stage: str
    status: str
    progress: float
    elapsed_seconds: float | None
    remaining_seconds: tuple[float, float] | None
    remaining: str
    loss: str
    worries: tuple[Worry, ...]
    result: str
    steps: tuple[str, ...] = ()


def in_plain_words(row: Row, moment: datetime, *, memory_limit_gb: float | None = None) -> Plain:
    """Return a run in words.

    Args:
        row: of the view `run_situation`.
        moment: the present, UTC.
        memory_limit_gb: what runs may take where the configuration sets no limit of its own.
    """
    stage = _stage(row)
    left = _remaining(row, stage, moment)
    failure = plain_failure(row["error_kind"], row["error_hint"]) if stage == "failed" else None
    return Plain(
        stage=stage,
        status=_status(row, stage),
        progress=_progress(row, stage),
        elapsed_seconds=_seconds(row["started_at"], row["ended_at"] or moment),
        remaining_seconds=left,
        remaining="" if left is None else f"{_range(*left)} left",
        loss=_loss(row),
        worries=tuple(_worries(row, stage, moment, memory_limit_gb)),
        result=_result(row, stage),
        steps=failure.steps if failure else (),
    )


def _stage(row: Row) -> str:
    status, done, planned = row["status"], row["completed_epochs"] or 0, row["total_epochs"]
    if status in ("completed", "failed", "cancelled"):
        return {"completed": "done"}.get(status, str(status))
    if status != "running":
        return "waiting"
    if row["cancel_requested_at"] is not None:
        return "stopping"
    if row["early_stopping_triggered"] or (planned and done >= planned):
        return "saving"
    if not row["step"] or row["last_progress_at"] is None:  # a later attempt that still loads
        return "preparing"
    if planned and row["total_steps"] and row["step"] >= (done + 1) * row["total_steps"] / planned:
        return "checking"
    return "training"


def _status(row: Row, stage: str) -> str:
    epoch, planned = (row["completed_epochs"] or 0) + 1, row["total_epochs"]
    of = f"epoch {epoch} of {planned}" if planned else f"epoch {epoch}"
    if stage == "failed":
        return plain_failure(row["error_kind"]).what
    return {
        "waiting": "Waiting for a free worker.",
        "preparing": "Preparing: loading the model and the data.",
        "training": f"Training, {of}.",
        "checking": f"Checking {of} on examples it has not learned from.",
        "saving": "Saving the best model.",
        "stopping": "Stopping: it finishes its step and keeps a checkpoint.",
        "done": "Done.",
        "cancelled": "Cancelled; it can be resumed where it stopped.",
    }[stage]


def _progress(row: Row, stage: str) -> float:
    if stage == "done":
        return 1.0
    for done, planned in ((row["step"], row["total_steps"]), (row["completed_epochs"], row["total_epochs"])):
        if done is not None and planned:
            return float(min(1.0, done / planned))
    return 0.0


def _remaining(row: Row, stage: str, moment: datetime) -> tuple[float, float] | None:
    """Return the least and the most seconds left: by its own epochs, else its steps, else the estimate before it."""
    if stage not in ("waiting", "preparing", "training", "checking"):
        return None
    done, planned = row["completed_epochs"] or 0, row["total_epochs"]
    if done and planned and row["usual_epoch_seconds"] is not None:
        into = (_progress(row, stage) * planned - done) if row["total_steps"] else 0.0
        epochs = max(0.0, planned - done - max(0.0, into))
        wide = _BY_EPOCHS if done > 1 else _BY_ONE_EPOCH
        return epochs * row["fastest_epoch_seconds"] / wide, epochs * row["slowest_epoch_seconds"] * wide
    began, share = row["first_step_at"], _progress(row, stage)
    if began is not None and 0 < share < 1 and (spent := _seconds(began, row["last_progress_at"])):
        whole = spent * (1 - share) / share
        return whole / _BY_STEPS, whole * _BY_STEPS
    if row["low_seconds"] is not None:
        spent = _seconds(row["started_at"], moment) or 0.0
        return max(0.0, row["low_seconds"] - spent), max(0.0, row["high_seconds"] - spent)
    return None


def _loss(row: Row) -> str:
    """Say where the loss is, and where it was best."""
    name = _metric(row)
    if row["best_value"] is None:
        now = row["training_loss"]
        return "" if now is None else f"The training loss is {now:.3g}; it has not been checked yet."
    best = f"The best {name} so far is {row['best_value']:.3g} (epoch {row['best_epoch']})"
    if row["last_value"] is None or row["evals_since_best"] == 0:
        return f"{best}, and it is the newest one."
    return f"{best}; now it is {row['last_value']:.3g}."


def _worries(row: Row, stage: str, moment: datetime, limit_gb: float | None) -> Iterator[Worry]:
    if stage not in ("training", "checking", "saving", "stopping"):
        return
    if stage in ("training", "checking"):
        silent = _seconds(row["last_progress_at"], moment)
        if silent is not None and silent > row["stalled_after_seconds"]:
            yield Worry(
                "stalled",
                f"Nothing has moved for {duration(silent)}.",
                "Look at the log and at what else runs on this machine; cancel and resume it if it stays so.",
            )
    tight = row["memory_course"] == "tight"
    if row["memory_course"] == "unknown" and row["memory_gb"] is not None and limit_gb:
        tight = row["memory_gb"] > row["memory_tight_share"] * limit_gb
    if tight:
        yield Worry(
            "memory",
            f"Memory is nearly used up: {row['memory_gb']:.1f} GB.",
            "Next time halve the batch size and double the accumulation; end other programs now.",
        )
    name, since = _metric(row), row["evals_since_best"] or 0
    match row["loss_course"]:
        case "not_falling":
            yield Worry(
                "not_falling",
                f"The {name} has not become better in the last {since} checks.",
                "It may be as good as it gets: early stopping would end it, a lower rate may get it on.",
            )
        case "getting_worse":
            yield Worry(
                "getting_worse",
                f"The {name} is getting worse: it learns its examples by heart.",
                f"Stop it: the model of epoch {row['best_epoch']} is kept. More data or dropout help the next time.",
            )
        case "unusable":
            yield Worry(
                "unusable",
                f"The {name} is no number any more.",
                "Cancel it, and start again with a tenth of the learning rate.",
            )


def _result(row: Row, stage: str) -> str:
    """Say what came of an ended run."""
    took = _seconds(row["started_at"], row["ended_at"])
    after = f" after {duration(took)}" if took is not None else ""
    if stage == "failed":
        return f"It failed{after}. {plain_failure(row['error_kind']).what}"
    if stage == "cancelled":
        kept = f" The best {_metric(row)} until then was {row['best_value']:.3g}." if row["best_value"] else ""
        return f"It was cancelled{after}.{kept}"
    if stage != "done":
        return ""
    said = [f"It is done{after}."]
    best, first, epochs = row["best_value"], row["first_value"], row["completed_epochs"] or 0
    if best is not None:
        said.append(f"The best {_metric(row)} was {best:.3g}, in epoch {row['best_epoch']} of {epochs}.")
    before = row["untrained_value"]
    if best is not None and before is not None:
        helped = best > before if row["monitor_mode"] == "max" else best < before
        said.append(
            f"Before its training it was {before:.3g}: {'it has learned' if helped else 'training did not help'}."
        )
    if best is not None and first and row["best_epoch"] != 1 and abs(first) > 1e-9:
        share = abs(best - first) / abs(first)
        said.append(f"That is {100 * share:.0f} % better than after the first check.")
    if row["best_epoch"] == 1 and epochs > 2:
        said.append("It was never better than after its first epoch: try a lower learning rate.")
    elif row["best_epoch"] and row["best_epoch"] < _LATE_SHARE * epochs:
        said.append(f"The last {epochs - row['best_epoch']} epochs brought nothing: fewer are enough next time.")
    elif row["best_epoch"] and row["best_epoch"] == epochs and epochs > 1 and not row["early_stopping_triggered"]:
        said.append("It was still getting better at the end: more epochs may help.")
    if row["early_stopping_triggered"]:
        said.append("It stopped early, as it did not get better any more.")
    return " ".join(said)


def _metric(row: Row) -> str:
    name = row["monitor_metric"] or "val_loss"
    return "validation loss" if name == "val_loss" else str(name).replace("_", " ")


def _seconds(since: datetime | None, until: datetime | None) -> float | None:
    return None if since is None or until is None else max(0.0, (until - since).total_seconds())


def duration(seconds: float) -> str:
    """Return a duration as people say it: seconds, minutes, hours or days, rounded."""
    for unit, size, up_to in (("second", 1, 90), ("minute", 60, 90 * 60), ("hour", 3600, 48 * 3600)):
        if seconds < up_to:
            return _counted(max(1, round(seconds / size)), unit)
    return _counted(round(seconds / 86400), "day")


def _counted(count: int, unit: str) -> str:
    return f"{count} {unit}" if count == 1 else f"{count} {unit}s"


def _range(low: float, high: float) -> str:
    """Return a range in one unit where that goes: about 5 to 8 minutes."""
    if high < 20:
        return "less than 20 seconds"
    one, other = duration(low), duration(high)
    if one == other:
        return f"about {one}"
    same = one.split()[1].rstrip("s") == other.split()[1].rstrip("s")
    return f"{one.split()[0]} to {other}" if same else f"{one} to {other}"
