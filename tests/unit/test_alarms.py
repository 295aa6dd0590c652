"""Alarms of a stream: the published examples, changes either way, and that steady streams are quiet."""

from __future__ import annotations

import math
import random

import pytest

from runyard.stats.alarms import adwin, page_hinkley


def published() -> list[float]:
    """The stream of the examples in river's documentation: from 0 and 1 to 4 to 7 at the 1000th value."""
    dice = random.Random(12345)
    return [*map(float, dice.choices([0, 1], k=1000) + dice.choices(range(4, 8), k=1000))]


def test_page_hinkley_notices_where_the_published_example_says() -> None:
    (change,) = page_hinkley(published())
    assert change.place == 1006  # river.drift.PageHinkley: "Change detected at index 1006, input value: 5"
    assert published()[change.place] == 5
    assert change.since > change.before


def test_adwin_notices_where_the_published_example_says() -> None:
    (change,) = adwin(published())
    assert change.place == 1023  # river.drift.ADWIN: "Change detected at index 1023, input value: 4"
    assert published()[change.place] == 4
    assert change.since > change.before


def errors(*rates: float, each: int = 2000, seed: int = 3) -> list[float]:
    dice = random.Random(seed)
    return [float(dice.random() < rate) for rate in rates for _ in range(each)]


@pytest.mark.parametrize("rate", [0.0, 0.02, 0.5, 1.0])
def test_a_steady_stream_is_quiet(rate: float) -> None:
    assert page_hinkley(errors(rate)) == []
    assert adwin(errors(rate)) == []


def test_errors_that_rise_and_fall() -> None:
    stream = errors(0.05, 0.4, 0.05)
    (rise,) = page_hinkley(stream)
    assert 2000 < rise.place < 2400
    up, down = adwin(stream)[0], adwin(stream)[-1]
    assert 2000 < up.place < 2200
    assert up.since > up.before
    assert 4000 < down.place < 4200
    assert down.since < down.before


def test_what_is_missing_is_passed_over_and_keeps_its_place() -> None:
    stream: list[float | None] = [*errors(0.05, 0.6)]
    holes = [value for item in stream for value in (None, item, math.nan)]
    assert [3 * change.place + 1 for change in adwin(stream)] == [change.place for change in adwin(holes)]
    assert [3 * change.place + 1 for change in page_hinkley(stream)] == [c.place for c in page_hinkley(holes)]
    assert adwin([]) == page_hinkley([]) == []


def test_the_means_of_a_change_are_those_of_its_two_parts() -> None:
    """A stream without chance: the oldest part that differs enough begins where the values change."""
    (change, *_) = adwin([0.0] * 64 + [1.0] * 64)
    assert change.before == pytest.approx(0.0, abs=0.2)
    assert change.since > 0.5
