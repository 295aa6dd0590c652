"""Differences of arms against SciPy, statsmodels and the example of the definitions; what is not known said so."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.meta_analysis import effectsize_smd
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import TTestIndPower
from statsmodels.stats.weightstats import CompareMeans, DescrStatsW

from runyard.stats.corrections import benjamini_hochberg, holm
from runyard.stats.effects import compare, compare_pairs
from runyard.stats.power import power, required_runs, sample_ratio
from runyard.stats.resampling import bootstrap

EXAMPLE = json.loads((Path(__file__).parent / "data" / "example_ab_test.json").read_text())
INPUTS, EXPECTED = EXAMPLE["inputs"], EXAMPLE["expected"]
RESULTS = st.lists(st.integers(-1000, 1000).map(lambda n: n / 1000), min_size=2, max_size=12)
SHARES = st.lists(st.floats(0, 1), min_size=1, max_size=12)


def drawn(seed: int, n: int, shift: float = 0, spread: float = 1) -> list[float]:
    return list(np.random.default_rng(seed).normal(shift, spread, n))


@pytest.mark.parametrize("name", ["treatment_1", "treatment_2"])
def test_the_example_of_the_definitions(name: str) -> None:
    found, wanted = compare(INPUTS["control"], INPUTS[name]), EXPECTED[name]
    assert (found.control.n, found.treatment.n) == (wanted["n_control"], wanted["n_treatment"])
    assert (found.difference, found.t, found.freedom, found.p) == pytest.approx(
        (wanted["mean_difference"], wanted["t"], wanted["df"], wanted["p_value"]), abs=1e-9
    )
    assert (found.low, found.high) == pytest.approx(wanted["confidence_interval"], abs=1e-9)
    assert found.g == pytest.approx(wanted["hedges_g"], abs=1e-9)
    assert (found.g_low, found.g_high) == pytest.approx(wanted["hedges_g_ci"], abs=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_welch_and_hedges_are_those_of_statsmodels(seed: int) -> None:
    control, treatment = drawn(seed, 5 + seed), drawn(seed + 50, 9, 0.8, 3)
    found = compare(control, treatment)
    both = CompareMeans(DescrStatsW(treatment), DescrStatsW(control))
    assert (found.t, found.p, found.freedom) == pytest.approx(both.ttest_ind(usevar="unequal"), rel=1e-9)
    assert (found.low, found.high) == pytest.approx(both.tconfint_diff(usevar="unequal"), rel=1e-9)
    parts = [value for arm in (treatment, control) for value in (np.mean(arm), np.std(arm, ddof=1), len(arm))]
    g, variance = effectsize_smd(*parts)
    half = stats.norm.isf(0.025) * math.sqrt(variance)
    assert (found.g, found.g_low, found.g_high) == pytest.approx((g, g - half, g + half), rel=1e-9)


@given(RESULTS, RESULTS)
def test_turning_the_arms_turns_the_difference_and_no_order_matters(one: list[float], other: list[float]) -> None:
    found, turned = compare(one, other), compare(other[::-1], one[::-1])
    assert found.outcome == turned.outcome
    assert found.difference == pytest.approx(-(turned.difference or 0), abs=1e-12)
    assert found.p == pytest.approx(turned.p, abs=1e-9)
    if found.outcome == "tested":
        assert (found.low, found.g) == pytest.approx((-(turned.high or 0), -(turned.g or 0)), abs=1e-9)


@pytest.mark.parametrize(
    ("control", "treatment", "outcome"),
    [
        ([], [], "not_enough_data"),
        ([0.5], [0.6, 0.7], "not_enough_data"),
        ([0.5, math.nan, None], [0.6, 0.7], "not_enough_data"),
        ([1e308, -1e308], [1e308, 1e307], "not_enough_data"),
        ([0.1] * 3, [0.2] * 3, "no_spread"),
        ([0.1 + 0.2, 0.3], [0.4, 0.4], "no_spread"),
    ],
)
def test_too_little_is_no_number(control: list[float | None], treatment: list[float | None], outcome: str) -> None:
    found = compare(control, treatment)
    assert (found.outcome, found.p, found.low, found.g) == (outcome, None, None, None)
    assert bootstrap(control, treatment) is None


def test_what_is_not_finite_is_no_run_and_counted() -> None:
    found = compare([1.0, 2.0, math.nan, 4.0], [math.inf, None, 3.0, 5.0])
    assert (found.control.left_out, found.treatment.left_out) == (1, 2)
    assert found.p == pytest.approx(stats.ttest_ind([3.0, 5.0], [1.0, 2.0, 4.0], equal_var=False).pvalue, rel=1e-9)


def test_pairs_are_those_of_both_arms() -> None:
    control = dict(enumerate(drawn(1, 8)))
    treatment = {seed: value + 0.3 for seed, value in enumerate(drawn(2, 8))} | {99: 4.0}
    found = compare_pairs({**control, 7: math.nan}, treatment)
    expected = stats.ttest_rel([treatment[seed] for seed in range(7)], [control[seed] for seed in range(7)])
    assert (found.pairs, found.unpaired) == (7, 3)
    assert (found.t, found.p) == pytest.approx((expected.statistic, expected.pvalue), rel=1e-9)
    assert (found.low, found.high) == pytest.approx(tuple(expected.confidence_interval()), rel=1e-9)
    assert compare_pairs({1: 0.5}, {1: 0.6}).outcome == "not_enough_data"
    assert compare_pairs({1: 0.1, 2: 0.2}, {1: 0.2, 2: 0.3}).outcome == "no_spread"


def test_bootstrap_is_scipys_from_twenty_runs_on_in_any_order() -> None:
    control, treatment = drawn(3, 20), drawn(4, 22, 1)
    found = bootstrap(control, treatment)
    expected = stats.bootstrap(
        (np.sort(control), np.sort(treatment)),
        lambda a, b, axis: b.mean(axis=axis) - a.mean(axis=axis),
        method="BCa",
        rng=np.random.default_rng(0),
    ).confidence_interval
    assert found is not None
    assert (found.low, found.high) == pytest.approx(tuple(expected), rel=1e-9)
    assert bootstrap(control[::-1], treatment) == found
    assert bootstrap(control[1:], treatment) is None


@settings(max_examples=30)  # statsmodels takes long over each
@given(SHARES)
def test_corrections_are_those_of_statsmodels(raw: list[float]) -> None:
    assert holm(raw) == pytest.approx(multipletests(raw, method="holm")[1], abs=1e-9)
    assert benjamini_hochberg(raw) == pytest.approx(multipletests(raw, method="fdr_bh")[1], abs=1e-9)


@given(SHARES)
def test_holm_keeps_the_order_and_never_lowers(raw: list[float]) -> None:
    adjusted = [p for _, p in sorted(zip(raw, holm(raw), strict=True)) if p is not None]
    assert adjusted == sorted(adjusted)
    assert all(p >= q for p, q in zip(adjusted, sorted(raw), strict=True))


def test_the_example_is_corrected_as_the_definitions_say() -> None:
    raw = [compare(INPUTS["control"], INPUTS[name]).p for name in ("treatment_1", "treatment_2")]
    assert holm(raw) == pytest.approx(EXPECTED["holm"], abs=1e-9)
    assert benjamini_hochberg(raw) == pytest.approx(EXPECTED["benjamini_hochberg"], abs=1e-9)
    assert holm([0.04, None, 0.01]) == [0.04, None, 0.02]


def test_sample_ratio() -> None:
    found, wanted = sample_ratio([10, 8, 8], INPUTS["traffic_split"]), EXPECTED["sample_ratio"]
    assert found is not None
    assert (found.chi2, found.p, found.is_mismatch) == pytest.approx(
        (wanted["chi2"], wanted["p_value"], False), abs=1e-9
    )
    broken = sample_ratio([140, 60], [0.5, 0.5])
    assert broken is not None
    assert broken.is_mismatch
    assert broken.p == pytest.approx(stats.chisquare([140, 60]).pvalue, abs=1e-9)
    assert sample_ratio([0, 0], [0.5, 0.5]) is None


@pytest.mark.parametrize("effect", [0.02, 0.1, 0.3, 0.5, 0.8, 1.5, 3.0])
def test_power_is_that_of_statsmodels(effect: float) -> None:
    theirs = TTestIndPower()
    for runs in (2, 3, 10) if effect > 1 else (2, 3, 10, 300):
        assert power(effect, runs) == pytest.approx(theirs.power(effect, runs, 0.05), abs=1e-9)
    assert required_runs(-effect) == math.ceil(theirs.solve_power(effect, alpha=0.05, power=0.8))
    assert required_runs(0) is None
