"""Presets on tiny models for real: planned, launched, trained, and their estimates held against what came of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from runyard.config.run import parse_run_config
from runyard.core.settings import Settings
from runyard.presets.machine import Machine
from runyard.runtime import Runtime, open_runtime
from runyard.service import presets
from runyard.service.plain import tell
from runyard.service.preflight import is_ready, preflight

Kit = Any


@pytest.fixture
def rt(bench: Kit) -> Iterator[Runtime]:
    runtime = open_runtime(bench.yard.home, create=True)
    yield runtime
    runtime.close()


@pytest.fixture(scope="module")
def talker(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import speech

    return speech.save_model(tmp_path_factory.mktemp("talker") / "talker")


def test_a_chat_preset_trains_a_tiny_language_model_and_its_estimate_is_scored(
    bench: Kit, rt: Runtime, talker: Path
) -> None:
    import speech

    from runyard.service.launch import launch

    (bench.yard.models / "talker").symlink_to(talker)
    speech.write_rows(bench.yard.datasets / "talks.jsonl", speech.messages(count=24))
    assert presets.plan(rt, "auto", "talks", "auto").config.model.base_model == "talker"  # type: ignore[union-attr]
    elsewhere = bench.yard.home / "elsewhere.jsonl"
    speech.write_rows(elsewhere, speech.messages(count=24))
    assert presets.plan(rt, "auto", str(elsewhere), "auto").config.training_data.path == str(elsewhere)
    plan = presets.plan(rt, "talker", "talks", "chat_fine_tune")
    assert is_ready(preflight(rt, plan.config, preset=plan.preset))
    run_id = launch(rt, plan.config, launched_by="foreground", start=False, preset="chat_fine_tune")
    rt.store.ingest(verb="test", wait_seconds=10)
    assert tell(rt, run_id).stage == "waiting"

    code, story = bench.finish(bench.yard.run(run_id))

    assert code == 0
    assert len(story.epochs()) == 3
    rt.store.ingest(verb="test", wait_seconds=10, snapshot=True)
    scored = rt.store.read("FROM estimate_scores").row(0, named=True)
    assert (scored["preset"], scored["status"]) == ("chat_fine_tune", "completed")
    assert scored["actual_seconds"] > 0
    assert scored["seconds_ratio"] == pytest.approx(scored["actual_seconds"] / scored["estimated_seconds"])
    assert 0.2 < scored["memory_ratio"] < 5
    told = tell(rt, run_id)
    assert told.stage == "done"
    assert "best validation loss" in told.result
    # The next one is reckoned from it, not from arithmetic.
    from runyard.service.estimates import estimate_of

    assert estimate_of(rt, plan.config).runs == 1


def test_gradient_checkpointing_changes_no_number(bench: Kit, encoder: Path, reviews: dict[str, Any]) -> None:
    curves = {}
    for twice in (False, True):
        network, story = bench.fit(
            **reviews,
            model={"model_type": "text_encoder", "base_model": "tiny"},
            method="lora",
            hyperparameters={"epochs": 1, "batch_size": 16, "max_length": 16},
            resources={"gradient_checkpointing": twice},
        )
        on = [module for module in network.built.model.modules() if getattr(module, "gradient_checkpointing", False)]
        assert bool(on) is twice
        curves[twice] = story.curve("train/loss")
    assert curves[True] == pytest.approx(curves[False], rel=1e-6)


def test_a_net_has_nothing_to_compute_twice() -> None:
    from runyard.core.errors import Invalid

    with pytest.raises(Invalid) as caught:
        parse_run_config(
            {
                "model": {"model_type": "cnn1d"},
                "training_data": {"source": "waves"},
                "resources": {"gradient_checkpointing": True},
            }
        )
    assert [problem.path for problem in caught.value.problems] == ["resources.gradient_checkpointing"]


def test_the_preflight_names_each_obstacle_with_its_remedy(
    bench: Kit, rt: Runtime, encoder: Path, reviews: Any
) -> None:
    plan = presets.plan(rt, "tiny", "reviews", "quick_test")
    checks = {check.name: check for check in preflight(rt, plan.config, preset=plan.preset)}
    assert is_ready(list(checks.values()))
    assert checks["Memory"].message.count("GB")

    missing = plan.config.model_copy(
        update={
            "training_data": plan.config.training_data.model_copy(update={"source": "nowhere"}),
            "hyperparameters": plan.config.hyperparameters.model_copy(update={"max_length": 512}),
        }
    )
    off = replace(rt, settings=replace(Settings.from_env(bench.yard.home), enabled=False, max_memory_mb=100))
    failed = {check.name: check for check in preflight(off, missing) if check.state == "failed"}
    assert failed.keys() == {"Training", "Model", "Data", "Memory"}
    assert "32 tokens" in failed["Model"].message
    assert all(check.remedy for check in failed.values())


def test_a_run_that_asks_for_the_cpu_is_held_against_main_memory(rt: Runtime) -> None:
    values = {"model": {"model_type": "cnn1d"}, "training_data": {"source": "sklearn-digits"}}
    little = Machine(memory_gb=0.1, gpu="a GPU", gpu_memory_gb=80.0)
    for device, state, place in (("auto", "ok", "the memory of the a GPU"), ("cpu", "failed", "main memory")):
        config = parse_run_config({**values, "resources": {"device": device}})
        (memory,) = [check for check in preflight(rt, config, machine=little) if check.name == "Memory"]
        assert (memory.state, place in memory.message) == (state, True)
