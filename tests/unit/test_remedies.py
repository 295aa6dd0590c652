"""Remedies: what is done about each kind of failure, in which order, and when it is enough."""

from __future__ import annotations

from typing import Any

import pytest

from runyard.config.run import RunConfig, parse_run_config, with_changes
from runyard.service.remedies import Failed, GiveUp, Remedy, decide


def config(**changes: Any) -> RunConfig:
    values = {"model": {"model_type": "cnn1d"}, "training_data": {"source": "watch"}, "batch_size": 16}
    return parse_run_config({**values, **changes})


def after(given: RunConfig, *kinds: str, steps: tuple[int | None, ...] = ()) -> Remedy | GiveUp:
    """Return what is decided after the last of these failures; the first attempt was somebody's own."""
    found = [
        Failed(place, kind, steps[place - 1] if steps else None, None if place == 1 else "recovery")
        for place, kind in enumerate(kinds, start=1)
    ]
    return decide(given, found)


def remedy(given: RunConfig, *kinds: str, steps: tuple[int | None, ...] = ()) -> Remedy:
    found = after(given, *kinds, steps=steps)
    assert isinstance(found, Remedy), found
    with_changes(given, found.changes)  # it is a config that can be used
    return found


@pytest.mark.parametrize(("batch", "size", "times"), [(16, 8, 2), (2, 1, 2), (9, 3, 3), (7, 1, 7), (30, 15, 2)])
def test_after_running_out_of_memory_the_effective_batch_stays(batch: int, size: int, times: int) -> None:
    given = config(batch_size=batch, gradient_accumulation=3)
    found = remedy(given, "out_of_memory")
    assert found.changes == {"hyperparameters": {"batch_size": size, "gradient_accumulation": 3 * times}}
    assert found.same_experiment
    assert not found.goes_back
    assert found.words.startswith("attempt 2 of 5: batch ")


def test_what_a_page_says() -> None:
    given = config(recovery={"max_attempts": 3})
    assert remedy(given, "out_of_memory").words == (
        "attempt 2 of 3: batch halved after running out of memory (batch 16 to 8, accumulation 1 to 2)"
    )


def test_a_batch_of_one_cannot_be_less() -> None:
    found = after(config(batch_size=1), "out_of_memory")
    assert isinstance(found, GiveUp)
    assert "smaller model" in found.words


def rewarded(**changes: Any) -> RunConfig:
    values = {
        "model": {"model_type": "causal_lm", "base_model": "tiny"},
        "training_type": "reinforcement",
        "training_data": {"source": "asked"},
        "reinforcement": {"kind": "grpo", "generations": 4, "reward": {"kind": "length"}},
    }
    return parse_run_config({**values, **changes})


def test_a_batch_of_rewarded_answers_stays_a_multiple_of_those_to_a_prompt() -> None:
    found = remedy(rewarded(batch_size=12), "out_of_memory")
    assert found.changes["hyperparameters"] == {"batch_size": 4, "gradient_accumulation": 3}
    least = remedy(rewarded(batch_size=4), "out_of_memory")
    assert least.changes == {"resources": {"gradient_checkpointing": True}}


def test_a_transformer_computes_activations_again_before_it_gives_up() -> None:
    model = {"model_type": "text_encoder", "base_model": "tiny"}
    given = config(model=model, batch_size=1, dropout=0.1)
    found = remedy(given, "out_of_memory")
    assert found.changes == {"resources": {"gradient_checkpointing": True}}
    assert isinstance(after(with_changes(given, found.changes), "out_of_memory"), GiveUp)


def test_a_baseline_has_no_accumulation_and_its_batch_is_cut_all_the_same() -> None:
    model = {"model_type": "encoder_logreg", "base_model": "tiny"}
    assert remedy(config(model=model), "out_of_memory").changes == {"hyperparameters": {"batch_size": 8}}
    plain = parse_run_config({"model": {"model_type": "tfidf_logreg"}, "training_data": {"source": "words"}})
    assert isinstance(after(plain, "out_of_memory"), GiveUp)


def test_divergence_goes_back_with_half_the_rate_then_a_tenth() -> None:
    given = config(learning_rate=0.1, optimization={"gradient_clipping": None})
    first = remedy(given, "diverged", steps=(30,))
    assert first.changes["hyperparameters"]["learning_rate"] == pytest.approx(0.05)
    assert first.changes["optimization"]["gradient_clipping"] == 1.0
    assert (first.goes_back, first.same_experiment) == (True, False)
    second = remedy(with_changes(given, first.changes), "diverged", "diverged", steps=(30, 41))
    assert second.changes["hyperparameters"]["learning_rate"] == pytest.approx(0.01)
    assert "optimization" not in second.changes, "it is clipped already"


def test_the_same_step_twice_is_the_fault_of_the_data() -> None:
    found = remedy(config(), "diverged", "diverged", steps=(30, 30))
    assert found.changes == {"optimization": {"skip_nonfinite_steps": 10}}
    assert "step 30" in found.words


def test_the_least_rate_of_a_schedule_is_lowered_with_the_rate() -> None:
    given = config(learning_rate=0.1, optimization={"schedule": {"kind": "cosine", "min_lr": 0.08}})
    assert remedy(given, "diverged").changes["optimization"]["schedule"]["min_lr"] == pytest.approx(0.04)


@pytest.mark.parametrize("kind", ["lost", "disk_full", "data_loader", "io_error"])
def test_what_may_pass_is_simply_tried_again(kind: str) -> None:
    found = remedy(config(), kind)
    assert found.changes == {}
    assert "resumed after" in found.words


def test_killed_twice_at_one_place_is_taken_for_want_of_memory() -> None:
    assert remedy(config(), "lost", "lost", steps=(40, 70)).changes == {}
    assert remedy(config(), "lost", "lost", steps=(40, 40)).changes["hyperparameters"]["batch_size"] == 8


@pytest.mark.parametrize("kind", ["invalid", "not_found", "exception", "corrupt"])
def test_what_nothing_mends_is_not_tried_again(kind: str) -> None:
    found = after(config(), kind)
    assert isinstance(found, GiveUp)
    assert found.words.startswith("Not tried again: ")


def test_after_the_last_attempt_there_is_a_clear_end() -> None:
    given = config(recovery={"max_attempts": 3})
    assert isinstance(after(given, "lost", "lost", steps=(1, 2)), Remedy)
    found = after(given, "lost", "lost", "out_of_memory", steps=(1, 2, 3))
    assert found == GiveUp("Not tried again: 3 attempts failed, the last since memory ran out.")


def test_the_fallback_comes_last_once_and_from_the_start() -> None:
    given = config(recovery={"max_attempts": 2, "fallback": {"model": {"model_type": "cnn1d", "channels": [4]}}})
    found = remedy(given, "lost", "lost", steps=(1, 2))
    assert (found.begun_by, found.anew, found.same_experiment) == ("fallback", True, False)
    assert with_changes(given, found.changes).model.channels == (4,)
    ended = decide(given, [Failed(1, "lost"), Failed(2, "lost", None, "recovery"), Failed(3, "lost", None, "fallback")])
    assert isinstance(ended, GiveUp)
    assert isinstance(remedy(given, "exception").words, str), "where no remedy is known, too"


def test_a_fallback_that_cannot_be_used_is_a_mistake_of_the_config() -> None:
    from runyard.core.errors import Invalid

    with pytest.raises(Invalid) as caught:
        config(recovery={"fallback": {"hyperparameters": {"batch_siz": 2}}})
    assert [problem.path for problem in caught.value.problems] == ["recovery.fallback.hyperparameters.batch_siz"]


def test_reinforcement_cannot_skip_steps_and_takes_a_lower_rate_again() -> None:
    given = config(model={"model_type": "causal_lm"}, training_type="reinforcement")
    found = remedy(given, "diverged", "diverged", steps=(5, 5))
    assert set(found.changes) == {"hyperparameters"}
