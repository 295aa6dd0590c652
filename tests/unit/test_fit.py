"""Presets as they are described, fitted to machines: what never changes, what does, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runyard.config.run import RunConfig, parse_run_config
from runyard.core.errors import Invalid
from runyard.data.facts import DataFacts
from runyard.presets.fit import Fitted, fit
from runyard.presets.machine import TIERS, Machine, budget_gb, tier_of
from runyard.presets.matching import mismatches
from runyard.presets.memory import memory_of
from runyard.presets.model_facts import ModelFacts, kind_of
from runyard.presets.preset import builtin, from_config, read_preset, to_config
from runyard.presets.recommend import choose, recommended

READER = ModelFacts("reader", "BertModel", "text_encoder", 22_700_000, 6, 384, 12, 30_522, 512)
WRITER = ModelFacts("writer", "LlamaForCausalLM", "causal_lm", 134_500_000, 30, 576, 9, 49_152, 8192, True)
BIG = ModelFacts("big", "LlamaForCausalLM", "causal_lm", 7_000_000_000, 32, 4096, 32, 32_000, 4096, True)
REVIEWS = DataFacts("reviews", "classification", 5000, characters=400.0)
TALKS = DataFacts("talks", "chat", 800, characters=1500.0)
CPU = Machine(memory_gb=32.0, cores=8)
PRESETS = {preset.name: preset for preset in builtin()}


def gpu(memory_gb: float, *, bfloat16: bool = True) -> Machine:
    return Machine(64.0, 8, gpu="a GPU", gpu_memory_gb=memory_gb, has_bfloat16=bfloat16)


def run_of(preset: str, model: ModelFacts = WRITER, data: str = "talks") -> RunConfig:
    return to_config(PRESETS[preset], model_id=model.name, model=model, dataset_id=data)


def changed(found: Fitted) -> dict[str, tuple[Any, Any]]:
    return {change.setting.rpartition(".")[2]: (change.before, change.after) for change in found.changes}


@pytest.mark.parametrize(
    ("name", "type_", "memory", "epochs", "rate", "batch"),
    [
        ("quick_test", "lora", 2, 1, 3e-4, 4),
        ("chat_fine_tune", "full", 6, 3, 2e-5, 8),
        ("code_assistant", "lora", 8, 5, 1e-4, 4),
        ("domain_expert", "full", 12, 10, 1e-5, 16),
    ],
)
def test_the_four_presets_are_as_described(
    name: str, type_: str, memory: float, epochs: int, rate: float, batch: int
) -> None:
    preset, config = PRESETS[name], run_of(name)
    hyper = config.hyperparameters
    assert (preset.type, preset.memory_requirements_gb) == (type_, memory)
    assert (config.method, hyper.epochs, hyper.learning_rate, hyper.batch_size) == (type_, epochs, rate, batch)
    assert preset.estimated_time
    assert preset.recommended_uses


def test_a_preset_takes_the_kind_of_its_model() -> None:
    assert run_of("quick_test", READER, "reviews").model.model_type == "text_encoder"
    assert run_of("quick_test", WRITER).model.model_type == "causal_lm"
    assert run_of("code_assistant").hyperparameters.max_length == 1024


@pytest.mark.parametrize(
    ("about", "kind"),
    [
        ({"architectures": ["LlamaForCausalLM"], "vocab_size": 9}, "causal_lm"),
        ({"architectures": ["GPT2LMHeadModel"], "vocab_size": 9}, "causal_lm"),
        ({"architectures": ["BertForMaskedLM"], "vocab_size": 9}, "text_encoder"),
        ({"architectures": ["T5ForConditionalGeneration"], "vocab_size": 9, "is_encoder_decoder": True}, None),
        ({"architectures": ["ViTModel"], "image_size": 224}, None),
    ],
)
def test_the_architecture_says_the_kind(about: dict[str, Any], kind: str | None) -> None:
    assert kind_of(about) == kind


@pytest.mark.parametrize(
    ("has_gb", "tier"),
    [
        (141.0, "24 GB"),
        (24.0, "24 GB"),
        (23.9, "16 GB"),
        (12.0, "8 GB"),
        (8.0, "8 GB"),
        (6.0, "4 GB"),
        (3.0, "CPU only"),
    ],
)
def test_between_two_tiers_the_lower_one_rules(has_gb: float, tier: str) -> None:
    assert tier_of(gpu(has_gb)).name == tier


def test_rewarded_answers_stay_a_multiple_of_those_to_a_prompt() -> None:
    config = parse_run_config(
        {
            "model": {"model_type": "causal_lm", "base_model": "writer"},
            "training_type": "reinforcement",
            "training_data": {"source": "talks"},
            "reinforcement": {"kind": "grpo", "generations": 4, "reward": {"kind": "length"}},
            "batch_size": 8,
        }
    )
    for machine in (CPU, gpu(4.0), gpu(8.0)):
        fitted = fit(config, machine, WRITER).config.hyperparameters
        assert fitted.batch_size % 4 == 0
        assert fitted.batch_size * fitted.gradient_accumulation == 8


def test_a_large_gpu_leaves_a_preset_as_it_is_but_for_the_precision() -> None:
    assert changed(fit(run_of("chat_fine_tune"), gpu(80.0), WRITER)) == {"mixed_precision": (False, True)}


def test_a_small_gpu_computes_layers_twice_in_small_batches_of_the_same_sum() -> None:
    found = fit(run_of("domain_expert"), gpu(8.0), WRITER)
    assert changed(found) == {
        "batch_size": (16, 2), "gradient_accumulation": (1, 8), "gradient_checkpointing": (False, True),
        "mixed_precision": (False, True),
    }  # fmt: skip
    assert all(change.why for change in found.changes)


def test_a_cpu_without_bfloat16_computes_in_float32_and_a_gpu_would_help() -> None:
    asked = run_of("code_assistant")
    asked = asked.model_copy(update={"optimization": asked.optimization.model_copy(update={"mixed_precision": True})})
    found = fit(asked, CPU, WRITER)
    assert changed(found) == {
        "batch_size": (4, 2), "gradient_accumulation": (1, 2), "max_length": (1024, 512),
        "mixed_precision": (True, False),
    }  # fmt: skip
    assert any("GPU would help" in hint for hint in found.hints)


def test_a_gpu_too_small_for_any_tier_leaves_it_to_the_cpu() -> None:
    found = fit(run_of("quick_test"), gpu(3.0), WRITER)
    assert changed(found)["device"] == ("auto", "cpu")


def test_a_run_that_asks_for_the_cpu_is_fitted_to_main_memory() -> None:
    asked = run_of("chat_fine_tune")
    asked = asked.model_copy(update={"resources": asked.resources.model_copy(update={"device": "cpu"})})
    small = replace(gpu(80.0), memory_gb=8.0)
    assert fit(asked, small, WRITER).config == fit(asked, replace(CPU, memory_gb=8.0), WRITER).config
    assert fit(asked, small, WRITER).budget_gb == pytest.approx(6.4)
    beside = fit(asked, replace(small, has_bfloat16=False, cpu_has_bfloat16=True), WRITER)
    assert beside.config.optimization.mixed_precision, "it is the CPU's own bfloat16 that counts"


def test_a_model_that_cannot_fit_says_what_would() -> None:
    found = fit(run_of("domain_expert", BIG), gpu(16.0), BIG)
    assert not found.fits
    assert "Train adapters (LoRA)" in " ".join(found.hints)
    assert f"{found.memory.total:.1f} GB" in found.hints[0]


def test_texts_are_no_longer_than_the_model_reads() -> None:
    found = fit(run_of("code_assistant"), gpu(40.0), replace(WRITER, max_length=256))
    assert changed(found)["max_length"] == (1024, 256)


CONFIGS = st.builds(
    lambda method, batch, accumulation, length, low, optimizer: parse_run_config(
        {
            "model": {"model_type": "causal_lm", "base_model": "writer"},
            "method": method,
            "training_data": {"source": "talks"},
            "hyperparameters": {"batch_size": batch, "gradient_accumulation": accumulation, "max_length": length},
            "optimization": {"mixed_precision": low, "optimizer": optimizer},
        }
    ),
    st.sampled_from(["lora", "full"]),
    st.integers(1, 600),
    st.integers(1, 64),
    st.integers(4, 8192),
    st.booleans(),
    st.sampled_from(["adamw", "sgd"]),
)
MACHINES = st.builds(
    lambda memory, gpu_memory, low: Machine(memory, 4, "a GPU" if gpu_memory else None, gpu_memory, low),
    st.floats(1.0, 200.0),
    st.one_of(st.none(), st.floats(1.0, 200.0)),
    st.booleans(),
)
MODELS = st.sampled_from([WRITER, BIG, replace(WRITER, max_length=128), replace(WRITER, supports_checkpointing=False)])


@settings(max_examples=150, deadline=None)
@given(CONFIGS, MACHINES, MODELS)
def test_the_effective_batch_stays_nothing_grows_and_fitting_twice_changes_nothing(
    config: RunConfig, machine: Machine, model: ModelFacts
) -> None:
    found = fit(config, machine, model, TALKS)
    before, after = config.hyperparameters, found.config.hyperparameters
    assert after.batch_size * after.gradient_accumulation == before.batch_size * before.gradient_accumulation
    assert after.batch_size <= before.batch_size
    assert after.max_length <= before.max_length
    again = fit(found.config, machine, model, TALKS)
    assert again.changes == ()
    assert again.config == found.config
    assert parse_run_config(found.config.model_dump(mode="json")) == found.config


@settings(max_examples=150, deadline=None)
@given(CONFIGS, MACHINES, MODELS)
def test_what_fits_never_takes_more_than_its_tier_has_and_the_rest_is_refused(
    config: RunConfig, machine: Machine, model: ModelFacts
) -> None:
    found, tier = fit(config, machine, model, TALKS), tier_of(machine)
    has = machine.memory_gb if tier is TIERS[-1] else machine.gpu_memory_gb if tier is TIERS[0] else tier.from_gb
    assert has is not None
    # Without bfloat16 it is float32 that things are compared in.
    asked = config.model_copy(update={"optimization": found.config.optimization})
    assert found.memory.total <= memory_of(asked, model, TALKS, on_gpu=tier is not TIERS[-1]).total
    if found.fits:
        assert found.memory.total <= budget_gb(machine) <= has
    else:
        before, after = config.hyperparameters, found.config.hyperparameters
        whole = before.batch_size * before.gradient_accumulation
        assert not any(whole % n == 0 and whole // n <= 4096 for n in range(1, after.batch_size)), "it could be smaller"
        assert "GB" in found.hints[0]


def test_an_encoder_cannot_chat_and_is_told_what_it_can_do() -> None:
    found = list(mismatches(PRESETS["chat_fine_tune"], "text_encoder", READER, REVIEWS, presets=builtin()))
    assert [one.about for one in found] == ["model", "data"]
    assert "quick_test, domain_expert" in found[0].remedy
    assert "texts with a label each" in found[1].message


def test_what_goes_together_is_not_refused() -> None:
    assert not list(mismatches(PRESETS["chat_fine_tune"], "causal_lm", WRITER, TALKS, presets=builtin()))
    assert not list(mismatches(PRESETS["quick_test"], "text_encoder", READER, REVIEWS, presets=builtin()))


def test_conversations_need_a_chat_template() -> None:
    found = list(mismatches(PRESETS["quick_test"], "causal_lm", replace(WRITER, has_chat_template=False), TALKS))
    assert "instruct" in found[0].remedy


def test_small_machines_are_recommended_small_presets() -> None:
    on_cpu = recommended(builtin(), Machine(8.0, 2))
    assert on_cpu[0].preset.name == "quick_test"
    assert [one.verdict for one in on_cpu] == ["fits", "reduced", "too_large", "too_large"]
    assert {one.verdict for one in recommended(builtin(), gpu(80.0))} == {"fits"}
    assert all(one.why for one in on_cpu)


def test_the_largest_sensible_model_of_the_right_kind_is_chosen() -> None:
    larger = replace(WRITER, name="larger", parameters=180_000_000)
    found = choose([READER, WRITER, larger, BIG], builtin(), TALKS, CPU)
    assert found is not None
    assert (found.model.name, found.preset.name) == ("larger", "quick_test")
    assert found.fitted.fits
    reads = choose([READER, WRITER], builtin(), REVIEWS, CPU)
    assert reads is not None
    assert reads.model.name == "reader"
    assert choose([READER], builtin(), TALKS, CPU) is None


def test_a_preset_made_of_a_run_makes_that_run_again() -> None:
    config = parse_run_config(
        {
            "name": "mine",
            "model": {"model_type": "cnn1d", "channels": [8, 16]},
            "training_data": {"source": "watch", "split_by": "group", "validation_split": 0.5},
            "hyperparameters": {"epochs": 7, "dropout": 0.3},
            "optimization": {"optimizer": "sgd", "early_stopping": {"patience": 4}},
            "resources": {"threads": 2},
            "seed": 5,
        }
    )
    preset = from_config(config, name="waves")
    again = to_config(preset, model_id="cnn1d", model=None, dataset_id="watch", name="mine")
    assert again.model_copy(update={"seed": 5, "agent": "default"}) == config


TEXTS: dict[str, Any] = {"model_type": "text_encoder", "base_model": "reader"}
WRITES: dict[str, Any] = {"model_type": "causal_lm", "base_model": "writer"}
LENGTH = {"kind": "grpo", "reward": {"kind": "length", "words": 5}, "generations": 2}


@pytest.mark.parametrize(
    "changes",
    [
        {"model": TEXTS},
        {"model": TEXTS, "training_type": "few_shot"},
        {"model": TEXTS, "few_shot": {"shots": 4}},
        {"model": WRITES},
        {"model": WRITES, "training_type": "from_scratch"},
        {"model": WRITES, "training_type": "reinforcement"},
        {"model": WRITES, "training_type": "reinforcement", "reinforcement": {"kind": "dpo", "beta": 0.3}},
        {"model": WRITES, "training_type": "reinforcement", "reinforcement": LENGTH},
        {"model": {"model_type": "cnn1d"}},
        {"model": {"model_type": "cnn1d"}, "training_type": "few_shot"},
    ],
    ids=lambda changes: "-".join(str(part) for part in (changes["model"]["model_type"], *list(changes)[1:])),
)
def test_a_preset_trains_as_the_run_did(changes: dict[str, Any]) -> None:
    config = parse_run_config({"name": "mine", "training_data": {"source": "some"}, **changes})
    model = {"text_encoder": READER, "causal_lm": WRITER}.get(config.model.model_type)
    name = getattr(config.model, "base_model", config.model.model_type)
    again = to_config(from_config(config, name="p"), model_id=name, model=model, dataset_id="some", name="mine")
    assert again.model_copy(update={"agent": "default"}) == config


@pytest.mark.parametrize(("model", "usual"), [(TEXTS, "fine_tuning"), ({"model_type": "cnn1d"}, "from_scratch")])
def test_a_preset_of_a_transfer_names_no_model_to_start_from(model: dict[str, Any], usual: str) -> None:
    config = parse_run_config({"model": model, "training_data": {"source": "some"}, "start_from": "another"})
    facts = READER if model is TEXTS else None
    again = to_config(from_config(config, name="p"), model_id="cnn1d", model=facts, dataset_id="some")
    assert (again.training_type, again.start_from) == (usual, None)


def test_a_preset_with_too_long_a_description_is_refused() -> None:
    config = parse_run_config({"model": {"model_type": "cnn1d"}, "training_data": {"source": "watch"}})
    with pytest.raises(Invalid) as caught:
        from_config(config, name="p", description="x" * 501)
    assert [problem.path for problem in caught.value.problems] == ["description"]


def test_every_mistake_in_a_preset_is_named() -> None:
    with pytest.raises(Invalid) as caught:
        read_preset("name: a b\ntitle: ''\ntype: lora\nmodel_types: []\nhyperparameters: {}\ncolour: red\n")
    assert {problem.path for problem in caught.value.problems} >= {"name", "title", "model_types", "colour"}
