"""Looks: the published bounds, the example of the definitions, and what a look may and may not find."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from runyard.stats.sequential import (
    after_every_run,
    always_valid_p,
    equal_looks,
    first_crossing,
    planned_looks,
    running_moments,
)

EXAMPLE = json.loads((Path(__file__).parent / "data" / "example_ab_test.json").read_text())


def test_five_equal_looks_are_those_of_lan_and_demets() -> None:
    looks = equal_looks(5)
    assert [round(look.bound, 3) for look in looks] == [4.877, 3.357, 2.680, 2.290, 2.031]
    assert looks[-1].spent == pytest.approx(0.05, abs=1e-12)
    assert looks[-1].is_crossed(0.042)
    assert not looks[-1].is_crossed(0.043)
    assert not looks[-1].is_crossed(None)


def test_two_looks_spend_what_the_bivariate_normal_says() -> None:
    first, second = planned_looks([0.5, 1])
    both = multivariate_normal([0, 0], [[1, math.sqrt(0.5)], [math.sqrt(0.5), 1]])
    above = 1 - both.cdf([first.bound, second.bound])
    by_symmetry = both.cdf([first.bound, second.bound], lower_limit=[-first.bound, -second.bound])
    assert 1 - by_symmetry == pytest.approx(0.05, abs=1e-5)
    assert above == pytest.approx(0.025, abs=1e-5)


@pytest.mark.parametrize("shares", [[], [0.5], [0.5, 0.5, 1], [0, 1], [0.6, 0.4, 1], [0.5, 0.50001, 1]])
def test_looks_rise_to_one(shares: list[float]) -> None:
    with pytest.raises(ValueError, match="rise"):
        planned_looks(shares)


def test_one_look_is_the_plain_test() -> None:
    assert planned_looks([1])[0].nominal_p == pytest.approx(0.05, abs=1e-9)


def test_always_valid_looks_of_the_example() -> None:
    looks = EXAMPLE["inputs"]["looks"]
    differences = np.array([look["mean2"] - look["mean1"] for look in looks])
    variances = np.array([look["sd1"] ** 2 / look["n1"] + look["sd2"] ** 2 / look["n2"] for look in looks])
    found = always_valid_p(differences, variances, effect=math.sqrt(EXAMPLE["inputs"]["tau2"]))
    assert found == pytest.approx([look["p_value"] for look in EXAMPLE["expected"]["looks"]], abs=1e-9)


def test_the_always_valid_p_begins_at_ten_runs_and_never_rises() -> None:
    dice = np.random.default_rng(7)
    control, treatment = list(dice.normal(0, 1, 40)), list(dice.normal(1.5, 1, 30))
    found = after_every_run(control, treatment, effect=1)
    assert found.shape == (31,)
    assert (np.diff(found) <= 0).all()
    assert found[-1] < 0.05
    assert after_every_run(control, [*treatment[:9], math.nan], effect=1).size == 0
    assert after_every_run([0.5] * 12, [0.7] * 12, effect=1).tolist() == [1, 1, 1]


def test_running_moments_are_numpys() -> None:
    values = 1e6 + np.random.default_rng(1).normal(size=(3, 20))
    mean, variance = running_moments(values)
    assert mean[:, 11] == pytest.approx(values[:, :12].mean(axis=1), rel=1e-12)
    assert variance[:, 11] == pytest.approx(values[:, :12].var(axis=1, ddof=1), rel=1e-9)


def test_a_planned_look_is_at_its_runs_whatever_came_since() -> None:
    control, treatment = [0.0, 0.1] * 10, [1.0, 1.1] * 10
    assert first_crossing(control, treatment, (10, 20)) == (2, 1)
    assert first_crossing(control[:9], treatment, (10, 20)) == (0, None)
    assert first_crossing(control, [*control[:10], *treatment[:9]], (10, 20)) == (1, None)
