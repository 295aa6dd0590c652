"""The demo's plan: what runs with all data, and what stands in where some is missing."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest
from ready import ready_yard

from runyard.config.run import RunConfig, load_run_config
from runyard.data.checks import check_data
from runyard.demodata import packages
from runyard.runtime import Runtime, open_runtime
from runyard.service import demo

CONFIGS = sorted((Path(str(files("runyard.config"))) / "demo").glob("*.yaml"))


@pytest.fixture
def rt(tmp_path: Path) -> Iterator[Runtime]:
    runtime = open_runtime(ready_yard(tmp_path / "yard").home)
    yield runtime
    runtime.close()


def kinds(plan: list[RunConfig]) -> list[str]:
    return [config.model.model_type for config in plan]


def test_with_all_data_the_overtraining_curve_is_first_and_baselines_follow(rt: Runtime, demo_cache: Path) -> None:
    assert demo.prepare(rt).note == demo.assets(rt).note == ""
    plan = demo.plan(rt)
    assert kinds(plan) == ["cnn1d", "text_encoder", "encoder_logreg", "tfidf_logreg", "causal_lm"]
    assert plan[0].training_data.split_by == "group"
    assert not plan[0].optimization.early_stopping.enabled
    for config in plan:
        check_data(config, rt.yard)


def test_the_text_runs_see_the_same_reviews(rt: Runtime, demo_cache: Path) -> None:
    demo.prepare(rt)
    assert len({config.training_data for config in demo.plan(rt)[1:4]}) == 1
    assert len({config.seed for config in demo.plan(rt)}) == 1


def test_without_any_data_stand_ins_run_and_the_note_says_so(
    rt: Runtime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNYARD_DEMO_CACHE", str(tmp_path / "empty"))
    assert "scikit-learn" in demo.prepare(rt).note
    plan = demo.plan(rt)
    assert kinds(plan) == ["cnn1d", "tfidf_logreg"]
    for config in plan:
        check_data(config, rt.yard)


def test_without_the_language_model_the_reviews_still_run(rt: Runtime, demo_cache: Path) -> None:
    rt.yard.datasets.joinpath(packages.REVIEWS).hardlink_to(demo_cache / "datasets" / packages.REVIEWS)
    assert "text encoder" in demo.assets(rt).note
    assert [config.training_data.source for config in demo.plan(rt)] == ["sklearn-digits", "food-reviews"]


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_config_of_the_demo_is_valid_and_marked(path: Path) -> None:
    assert "demo" in load_run_config(path).tags


def test_the_demo_is_launched_by_itself_in_an_unused_yard_only(rt: Runtime) -> None:
    rt.record("018f0000-0000-7000-8000-000000000000", "notice", level="info", message="used", hint="")
    assert demo.launch_demo_if_empty(rt) == []
