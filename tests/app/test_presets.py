"""The Presets page: cards, what is changed, refusals, start once; and runs in words on Live and Run detail."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest
from ready import ready_yard
from streamlit.testing.v1 import AppTest

from runyard.config.run import load_run_config
from runyard.runtime import open_runtime
from runyard.service import presets

Visit = Callable[..., AppTest]
Full = tuple[Path, dict[str, UUID]]


def write_model(folder: Path) -> None:
    """Write what can be read of a small encoder before it is loaded: its shape and its weights' header."""
    from safetensors.numpy import save_file

    folder.mkdir(parents=True)
    about = {"architectures": ["BertModel"], "model_type": "bert", "vocab_size": 100, "hidden_size": 8,
             "num_hidden_layers": 2, "num_attention_heads": 2, "max_position_embeddings": 64}  # fmt: skip
    (folder / "config.json").write_text(json.dumps(about))
    (folder / "vocab.txt").write_text("[PAD]\n")
    save_file({"weight": np.zeros((100, 8), np.float32)}, folder / "model.safetensors")


@pytest.fixture
def stocked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A yard with a model, two data sets and no free worker: what is started stays queued."""
    home = ready_yard(tmp_path / "yard").home
    rt = open_runtime(home)
    write_model(rt.yard.models / "reader")
    rows = [{"text": f"tea {n}", "label": "good" if n % 2 else "bad"} for n in range(40)]
    (rt.yard.datasets / "reviews.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (rt.yard.datasets / "talks.jsonl").write_text(json.dumps({"prompt": "a", "completion": "b"}) + "\n")
    monkeypatch.setattr("runyard.service.launch.start_queued", lambda rt: None)
    yield home
    rt.close()


def text_of(at: AppTest) -> str:
    said = " ".join(block.value for block in (*at.markdown, *at.caption, *at.warning, *at.info, *at.error))
    for sign, code in (("-", 45), ("_", 95), (".", 46), ("(", 40), (")", 41), ("@", 64)):
        said = said.replace(f"&#{code};", sign)
    return said


def test_the_cards_rank_the_presets_and_say_why(visit: Visit, stocked: Path) -> None:
    at = visit(stocked, "presets", data="reviews")
    titles = [heading.value for heading in at.subheader]
    assert titles[0] == "Quick test"
    assert {"Chat", "Code assistant", "Domain expert"} <= set(titles)
    said = text_of(at)
    assert "LoRA" in said
    assert "15–30 min" in said
    assert "reader is the model of this yard" in said


def test_what_is_changed_looked_at_and_expected_is_shown(visit: Visit, stocked: Path) -> None:
    said = text_of(visit(stocked, "presets", data="reviews", model="reader", preset="domain_expert"))
    assert "reader reads 64 tokens at most" in said
    assert "so that a step still sees 16 examples" in said
    assert "reviews is there and can be read" in said
    assert "of memory" in said


def test_a_choice_is_kept_in_the_address(visit: Visit, stocked: Path) -> None:
    at = visit(stocked, "presets", data="reviews")
    at.button(key="preset-domain_expert").click().run()
    assert at.query_params["preset"] == "domain_expert"
    assert not at.exception


def test_what_does_not_go_together_has_no_start(visit: Visit, stocked: Path) -> None:
    at = visit(stocked, "presets", data="talks", model="reader", preset="chat_fine_tune")
    assert "needs a model of another kind" in text_of(at)
    assert not [button for button in at.button if button.label == "Start"]


def test_start_queues_the_fitted_run_once(visit: Visit, stocked: Path) -> None:
    at = visit(stocked, "presets", data="reviews", model="reader", preset="quick_test")
    next(button for button in at.button if button.label == "Start").click().run()
    assert not at.exception
    (folder,) = (stocked / "runs").iterdir()
    config = load_run_config(folder / "config.yaml")
    assert config.model.base_model == "reader"  # type: ignore[union-attr]
    assert config.hyperparameters.batch_size * config.hyperparameters.gradient_accumulation == 4


def test_the_advanced_form_opens_with_all_values(visit: Visit, stocked: Path) -> None:
    at = visit(stocked, "launch", data="reviews", model="reader", preset="domain_expert")
    config = load_run_config(at.code[0].value)
    assert config.method == "full"
    assert config.hyperparameters.learning_rate == 1e-5
    assert config.training_data.source == "reviews"
    assert config.hyperparameters.max_length == 64
    assert any("in order" in expander.label for expander in at.expander)


def test_live_and_run_detail_speak_plainly_and_the_switch_shows_the_same_as_numbers(visit: Visit, full: Full) -> None:
    home, ids = full
    at = visit(home, "live", run=str(ids["watch-cnn-live"]))
    assert "epoch 15 of 60" in text_of(at)
    assert "minutes left" in text_of(at)
    at.toggle(key="live-expert").set_value(True).run()
    assert "minutes left" not in text_of(at)
    assert not at.exception

    said = text_of(visit(home, "run", id=str(ids["reviews-lora-hot"])))
    assert "Resume it with a tenth of the learning rate" in said


def test_a_preset_is_saved_from_a_run_and_has_a_card(visit: Visit, stocked: Path) -> None:
    with closing(open_runtime(stocked)) as rt:
        run_id = presets.start(rt, "reader", "reviews", "quick_test", launched_by="test")
        rt.record(run_id, "ended", attempt=1, status="completed")
        rt.store.ingest(verb="test", wait_seconds=10, snapshot=True)
    at = visit(stocked, "run", id=str(run_id), tab="Config")
    at.text_input(key="save-preset-name").set_value("tea")
    next(button for button in at.button if button.label == "Save preset").click().run()
    assert not at.exception

    at = visit(stocked, "presets", data="reviews", preset="tea")
    assert "Tea" in [heading.value for heading in at.subheader]
    next(button for button in at.button if button.label == "Delete this preset").click().run()
    assert not at.exception
    assert "Tea" not in [heading.value for heading in at.subheader]
