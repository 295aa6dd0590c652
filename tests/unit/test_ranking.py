"""The ranking of models: intervals and ties against SciPy and statsmodels, and what is not known said so."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint, proportions_ztest

from runyard.queries.ranking import ranked, summary
from runyard.stats.ranking import Entry, interval, rank, wilson

BEST = Entry("best", (0.90, 0.92, 0.91, 0.93))
CLOSE = Entry("close", (0.89, 0.93, 0.90, 0.92))
FAR = Entry("far", (0.70, 0.72, 0.74, 0.71))


def test_intervals_over_seeds_are_students() -> None:
    low, high, method = interval(BEST)
    expected = stats.t.interval(0.95, 3, np.mean(BEST.results), stats.sem(BEST.results))
    assert (low, high) == pytest.approx(expected)
    assert method == "seeds"


@pytest.mark.parametrize(("hits", "n"), [(0, 10), (37, 80), (80, 80), (1, 3)])
def test_wilson_is_that_of_statsmodels(hits: int, n: int) -> None:
    assert wilson(hits / n, n) == pytest.approx(proportion_confint(hits, n, method="wilson"), abs=1e-6)


def test_ties_are_by_welch_with_holm() -> None:
    order = rank([FAR, CLOSE, BEST], higher_is_better=True)
    raw = [stats.ttest_ind(one.results, BEST.results, equal_var=False).pvalue for one in (CLOSE, FAR)]
    assert [place.name for place in order] == ["best", "close", "far"]
    assert [place.p for place in order[1:]] == pytest.approx(multipletests(raw, method="holm")[1])
    assert [place.ties for place in order] == [True, True, False]
    assert order[0].mean == pytest.approx(0.915)


def test_smaller_may_be_better() -> None:
    assert [place.name for place in rank([BEST, FAR], higher_is_better=False)] == ["far", "best"]


def test_one_run_each_has_no_interval_and_no_verdict() -> None:
    first, second = rank([Entry("a", (0.4,)), Entry("b", (0.5,))], higher_is_better=False)
    assert (first.low, first.high, first.method, first.ties) == (None, None, "none", True)
    assert (second.p, second.ties) == (None, None)


def test_one_run_each_on_held_out_examples_is_two_shares() -> None:
    first, second = rank([Entry("a", (0.9,), 200), Entry("b", (0.8,), 200)], higher_is_better=True)
    assert second.p == pytest.approx(proportions_ztest([180, 160], [200, 200])[1], rel=1e-6)
    assert (first.method, second.ties) == ("examples", False)
    assert rank([Entry("a", (0.9,), 20), Entry("b", (0.8,), 20)], higher_is_better=True)[1].ties is True


def test_what_no_seed_changes_is_tested_as_a_number() -> None:
    """Welch with one fixed side is the t test of one sample."""
    fixed = Entry("rule", (0.5,), is_fixed=True)
    _, second = rank([BEST, fixed], higher_is_better=True)
    assert second.p == pytest.approx(stats.ttest_1samp(BEST.results, 0.5).pvalue)
    assert second.low is None


def test_seeds_that_change_nothing_leave_the_examples_to_judge_by() -> None:
    """An SVM is the same whatever the seed: 57 of 60 right are no certainty, and yet better than the majority."""
    svm = Entry("svm", (0.95,) * 5, 60)
    close, majority = Entry("close", (56 / 60,), 60, is_fixed=True), Entry("majority", (21 / 60,), 60, is_fixed=True)
    first, second, third = rank([svm, close, majority], higher_is_better=True)
    assert (first.low, first.high) == pytest.approx(proportion_confint(57, 60, method="wilson"), abs=1e-6)
    assert (first.method, first.runs) == ("examples", 5)
    raw = [proportions_ztest([57, right], [60, 60])[1] for right in (56, 21)]
    assert [second.p, third.p] == pytest.approx(multipletests(raw, method="holm")[1], rel=1e-6)
    assert (second.ties, third.ties) == (True, False)


def test_seeds_that_change_nothing_are_said_to_be_several() -> None:
    def row(name: str, results: list[float], metric: str, size: int | None) -> dict[str, Any]:
        return {"model": name, "model_name": name, "model_type": name, "is_baseline": name == "majority",
                "metric": metric, "higher_is_better": metric == "accuracy", "results": results, "runs": len(results),
                "validation_size": size}  # fmt: skip

    by_accuracy = [row("svm", [0.95] * 5, "accuracy", 60), row("majority", [0.35], "accuracy", 60)]
    said = summary(ranked(pl.DataFrame(by_accuracy)))
    assert said.endswith("over 60 held-out examples (Wilson); every seed gave the same.")
    by_loss = [row("svm", [0.2] * 5, "val_loss", 60), row("majority", [0.6], "val_loss", 60)]
    said = summary(ranked(pl.DataFrame(by_loss)))
    assert "one run each" not in said
    assert "Where every seed gave the same, nothing tells" in said
    once = [row("mlp", [0.2], "val_loss", 60), row("majority", [0.6], "val_loss", 60)]
    assert "Where there is one run each" in summary(ranked(pl.DataFrame(once)))


def test_models_without_a_result_come_last() -> None:
    order = rank([Entry("none", ()), BEST], higher_is_better=True)
    assert [(place.place, place.name, place.mean) for place in order] == [
        (1, "best", pytest.approx(0.915)),
        (2, "none", None),
    ]
    assert rank([], higher_is_better=True) == []
