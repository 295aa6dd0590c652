"""The verdict of an A/B test and the assignment of units: each outcome, each refusal, and no order that matters."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runyard.core.errors import Invalid
from runyard.stats.experiment import Arm, Design, assign, judge
from runyard.stats.power import required_runs

INPUTS = json.loads((Path(__file__).parent / "data" / "example_ab_test.json").read_text())["inputs"]
ARMS = [Arm(name, INPUTS[name]) for name in ("control", "treatment_1", "treatment_2")]
DESIGN = Design("control", minimum_sample=8)


def arm(name: str, mean: float, n: int, seed: int = 0) -> Arm:
    return Arm(name, list(np.random.default_rng(seed).normal(mean, 1, n)))


def test_the_example_has_a_winner_once_every_arm_has_its_runs() -> None:
    found = judge(ARMS, replace(DESIGN, split=dict(zip((a.name for a in ARMS), INPUTS["traffic_split"], strict=True))))
    assert (found.decision, found.winner) == ("winner", "treatment_1")
    early = judge(ARMS, replace(DESIGN, minimum_sample=10))
    assert (early.decision, early.winner) == ("undecided", None)
    assert early.more_runs == {"control": 0, "treatment_1": 2, "treatment_2": 2}


@given(st.permutations(ARMS))
def test_the_order_of_arms_does_not_matter(arms: list[Arm]) -> None:
    assert judge(arms, DESIGN) == judge(ARMS, DESIGN)


def test_smaller_may_be_better() -> None:
    assert judge(ARMS, replace(DESIGN, higher_is_better=False)).winner is None


def test_a_mismatch_blocks_the_verdict() -> None:
    arms = [replace(ARMS[0], assigned=200), replace(ARMS[1], assigned=100), replace(ARMS[2], assigned=100)]
    found = judge(arms, DESIGN)
    assert (found.decision, found.winner) == ("blocked", None)
    assert "split" in found.reasons[0]


def test_too_few_runs_for_the_effect_that_matters_is_undecided() -> None:
    arms = [arm("a", 0, 12), arm("b", 0, 12, 1)]
    found = judge(arms, Design("a", smallest_effect=0.5))
    spread = np.sqrt(np.mean([np.var(one.results, ddof=1) for one in arms]))
    assert found.decision == "undecided"
    assert found.more_runs is not None
    assert found.more_runs["a"] == (required_runs(0.5 / spread) or 0) - 12 > 0
    assert str(found.more_runs["a"]) in found.reasons[-1]


def test_enough_runs_without_a_difference_is_none() -> None:
    found = judge([arm("a", 0, 90), arm("b", 0, 90, 1)], Design("a", smallest_effect=1))
    assert (found.decision, found.winner, found.more_runs) == ("none", None, None)


def test_no_spread_is_no_winner() -> None:
    found = judge([Arm("a", [0.5] * 10), Arm("b", [0.9] * 10)], Design("a"))
    assert found.winner is None
    assert found.comparisons[0].p_holm is None


def test_looks_decide_where_they_were_chosen() -> None:
    arms = [arm("a", 0, 20), arm("b", 2, 20, 1)]
    at_any_time = judge(arms, Design("a", looking="any_time", smallest_effect=1))
    planned = judge(arms, Design("a", looking="planned", looks=(10, 20, 40)))
    assert at_any_time.winner == planned.winner == "b"
    assert judge(arms, Design("a", looking="planned", looks=(30, 60))).decision == "undecided"


@pytest.mark.parametrize(
    ("arms", "changes", "paths"),
    [
        (ARMS[:1], {}, ["arms"]),
        ([ARMS[0], ARMS[0]], {}, ["arms.control"]),
        (ARMS[1:], {}, ["control"]),
        (
            [ARMS[0], replace(ARMS[1], assigned=-1)],
            {"minimum_sample": -3},
            ["arms.treatment_1.assigned", "minimum_sample"],
        ),
        (ARMS[:2], {"split": {"control": 0.5, "treatment_1": 0.4}}, ["split"]),
        (ARMS[:2], {"split": {"control": 1.5, "treatment_1": -0.5}}, ["split.treatment_1"]),
        (ARMS[:2], {"split": {"control": 0.5, "other": 0.5}}, ["split"]),
        (ARMS, {"looking": "any_time"}, ["smallest_effect"]),
        (ARMS, {"smallest_effect": 0.0}, ["smallest_effect"]),
        (ARMS, {"looking": "planned", "looks": (20, 10)}, ["looks"]),
        (ARMS, {"alpha": 1.0}, ["alpha"]),
    ],
)
def test_what_cannot_be_judged_is_refused(arms: list[Arm], changes: dict[str, object], paths: list[str]) -> None:
    with pytest.raises(Invalid) as caught:
        judge(arms, replace(DESIGN, **changes))  # type: ignore[arg-type]
    assert [problem.path for problem in caught.value.problems] == paths


def test_assignment_is_sticky_and_near_its_split() -> None:
    split = {"a": 0.5, "b": 0.3, "c": 0.2}
    dealt = {unit: assign(unit, split, experiment="x") for unit in range(10_000)}
    counts = Counter(dealt.values())
    assert [counts[name] / 10_000 for name in "abc"] == pytest.approx([0.5, 0.3, 0.2], abs=0.02)
    assert all(dealt[n] == assign(str(n), dict(reversed(split.items())), experiment="x") for n in range(9_999, 0, -97))
    assert any(dealt[n] != assign(n, split, experiment="y") for n in range(20))
    with pytest.raises(Invalid):
        assign(1, {"a": 0.5, "b": 0.6}, experiment="x")
