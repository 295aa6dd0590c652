"""A run in plain language: each stage, each worry with its advice, each end, and every kind of failure."""

from __future__ import annotations

import errno
from datetime import datetime, timedelta
from typing import Any

import pytest

from runyard.stats.failures import FAILURES, plain_failure
from runyard.stats.plain import Plain, duration, in_plain_words

NOW = datetime(2026, 4, 1, 12)


def ago(**spans: float) -> datetime:
    return NOW - timedelta(**spans)


def row(**columns: Any) -> dict[str, Any]:
    """Return a run in its third epoch of ten, two minutes an epoch, twenty steps each."""
    return {
        "status": "running", "total_epochs": 10, "completed_epochs": 2, "total_steps": 200, "step": 50,
        "queued_at": ago(minutes=6), "started_at": ago(minutes=5), "ended_at": None, "first_step_at": ago(minutes=5),
        "last_progress_at": ago(seconds=2), "stalled_after_seconds": 300.0, "n_evals": 2, "monitor_metric": "val_loss",
        "monitor_mode": "min", "untrained_value": None,
        "first_value": 1.0, "best_value": 0.5, "best_epoch": 2, "last_value": 0.5, "training_loss": 0.4,
        "evals_since_best": 0, "loss_course": "falling", "memory_gb": 1.0, "memory_course": "unknown",
        "memory_tight_share": 0.9, "fastest_epoch_seconds": 110.0, "usual_epoch_seconds": 120.0,
        "slowest_epoch_seconds": 130.0, "early_stopping_triggered": False, "cancel_requested_at": None,
        "error_kind": None, "error_hint": None, "low_seconds": None, "high_seconds": None, **columns,
    }  # fmt: skip


def told(**columns: Any) -> Plain:
    return in_plain_words(row(**columns), NOW)


@pytest.mark.parametrize(
    ("columns", "stage", "says"),
    [
        ({"status": "queued"}, "waiting", "free worker"),
        ({"step": None, "completed_epochs": 0}, "preparing", "loading"),
        ({"last_progress_at": None}, "preparing", "loading"),
        ({}, "training", "epoch 3 of 10"),
        ({"step": 60}, "checking", "epoch 3 of 10"),
        ({"completed_epochs": 10, "step": 200}, "saving", "best model"),
        ({"early_stopping_triggered": True}, "saving", "best model"),
        ({"cancel_requested_at": NOW}, "stopping", "checkpoint"),
        ({"status": "completed", "ended_at": NOW}, "done", "Done"),
        ({"status": "failed", "error_kind": "lost"}, "failed", "cut off"),
        ({"status": "cancelled"}, "cancelled", "resumed"),
    ],
)
def test_each_stage_has_its_sentence(columns: dict[str, Any], stage: str, says: str) -> None:
    found = told(**columns)
    assert found.stage == stage
    assert says in found.status


def test_the_time_left_is_a_range_around_the_epochs_so_far() -> None:
    found = told()
    assert found.remaining_seconds is not None
    low, high = found.remaining_seconds
    assert low < 7.5 * 120 < high
    assert high < 1.5 * 7.5 * 130
    assert found.remaining == "12 to 19 minutes left"


def test_in_the_first_epoch_the_steps_tell_and_before_them_the_estimate() -> None:
    first = told(completed_epochs=0, step=10, usual_epoch_seconds=None, first_step_at=ago(minutes=1))
    assert first.remaining_seconds is not None
    assert first.remaining_seconds[0] < 58 * 19 < first.remaining_seconds[1]
    before = told(status="queued", step=None, started_at=None, first_step_at=None, completed_epochs=0,
                  low_seconds=100.0, high_seconds=400.0)  # fmt: skip
    assert before.remaining == "2 to 7 minutes left"
    assert told(status="completed", ended_at=NOW).remaining == ""


def test_best_and_present_loss_are_said_together() -> None:
    assert "0.5 (epoch 2), and it is the newest" in told().loss
    assert told(last_value=0.6, evals_since_best=1).loss.endswith("now it is 0.6.")
    assert "not been checked yet" in told(best_value=None).loss


def worries(**columns: Any) -> dict[str, str]:
    return {worry.kind: f"{worry.message} {worry.advice}" for worry in told(**columns).worries}


def test_what_goes_well_worries_nobody() -> None:
    assert worries() == {}


def test_silence_is_a_worry_from_its_threshold_on() -> None:
    assert worries(last_progress_at=ago(seconds=299)) == {}
    assert "10 minutes" in worries(last_progress_at=ago(minutes=10))["stalled"]
    assert "cancel and resume" in worries(last_progress_at=ago(minutes=10))["stalled"]


@pytest.mark.parametrize(
    ("course", "says"),
    [("not_falling", "early stopping"), ("getting_worse", "epoch 2 is kept"), ("unusable", "a tenth")],
)
def test_a_loss_that_goes_wrong_comes_with_advice(course: str, says: str) -> None:
    assert says in worries(loss_course=course, evals_since_best=4)[course]


def test_memory_is_a_worry_against_the_limit_of_the_run_or_of_all() -> None:
    assert "halve" in worries(memory_course="tight", memory_gb=7.5)["memory"]
    assert in_plain_words(row(memory_gb=15.0), NOW, memory_limit_gb=16.0).worries[0].kind == "memory"
    assert in_plain_words(row(memory_gb=14.0), NOW, memory_limit_gb=16.0).worries == ()
    assert in_plain_words(row(memory_gb=15.0, memory_course="enough"), NOW, memory_limit_gb=16.0).worries == ()


def result(**columns: Any) -> str:
    return told(**{"status": "completed", "ended_at": NOW, "completed_epochs": 10, **columns}).result


def test_the_result_says_what_came_of_it_and_what_to_do_next_time() -> None:
    good = result(best_epoch=10, best_value=0.25)
    assert good.startswith("It is done after 5 minutes.")
    assert "0.25, in epoch 10 of 10" in good
    assert "75 % better" in good
    assert "more epochs may help" in good
    assert "The last 6 epochs brought nothing" in result(best_epoch=4)
    assert "lower learning rate" in result(best_epoch=1)
    assert "stopped early" in result(early_stopping_triggered=True, best_epoch=9)


def test_the_result_is_held_against_the_untrained_model_where_that_was_measured() -> None:
    assert "Before its training" not in result()
    assert "Before its training it was 0.9: it has learned." in result(best_value=0.25, untrained_value=0.9)
    assert "Before its training it was 0.2: training did not help." in result(best_value=0.25, untrained_value=0.2)
    better = result(best_value=0.25, untrained_value=0.2, monitor_mode="max", monitor_metric="bleu")
    assert "it has learned" in better


def test_the_result_of_a_failed_run_has_its_steps() -> None:
    found = told(status="failed", error_kind="out_of_memory", ended_at=NOW)
    assert "more memory than there is" in found.result
    assert "Halve the batch size" in found.steps[0]
    assert found.worries == ()


def test_every_failure_that_a_runner_writes_is_known() -> None:
    from runyard.core.errors import Corrupt, Invalid, NotFound
    from runyard.train.outcome import Diverged, failure_of

    errors = (MemoryError(), OSError(errno.ENOSPC, "full"), Diverged("x"), NotFound("x"), Invalid("x"), Corrupt("x"))
    kinds = {failure_of(error).kind for error in (*errors, ZeroDivisionError("x"))}
    assert kinds | {"lost"} <= FAILURES.keys()
    assert all(failure.steps for failure in FAILURES.values())


def test_the_runs_own_hint_is_a_step() -> None:
    assert plain_failure("invalid", "Set it to 64.").steps[0] == "Set it to 64."
    assert "" not in plain_failure("invalid").steps
    assert plain_failure("something_new", "Do this.").steps[0] == "Do this."


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.2, "1 second"), (59, "59 seconds"), (89, "89 seconds"), (100, "2 minutes"), (5000, "83 minutes"),
     (7200, "2 hours"), (300_000, "3 days")],
)  # fmt: skip
def test_durations_are_said_as_people_say_them(seconds: float, said: str) -> None:
    assert duration(seconds) == said
