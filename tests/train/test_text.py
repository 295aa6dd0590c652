"""Texts: LoRA, full and frozen training of a real (tiny) encoder, and models that load outside Runyard."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from runyard.core.errors import Invalid


def config(reviews: dict[str, Any], **changes: Any) -> dict[str, Any]:
    model = {"model_type": "text_encoder", "base_model": "tiny", **changes.pop("model", {})}
    return {**reviews, "model": model, "max_length": 16, "learning_rate": 0.02, "batch_size": 8, **changes}


@pytest.mark.parametrize("method", ["lora", "full", "frozen"])
def test_each_method_learns_and_its_model_loads_with_transformers_alone(
    bench: Any, reviews: dict[str, Any], encoder: Path, tmp_path: Path, method: str
) -> None:
    from safetensors.torch import load_file
    from transformers import AutoModel, AutoTokenizer

    network, story = bench.fit(**config(reviews, method=method, epochs=8))
    losses = [epoch["val_loss"] for epoch in story.epochs()]
    assert min(losses) < 0.85 * losses[0]
    planned = story.of("planned")[0]
    assert planned["base_model"] == "tiny"
    assert planned["classes"] == ["great", "other"]
    assert (planned["trainable_parameters"] < planned["parameters"]) or method == "full"
    shape = [planned.get(name) for name in ("layers", "attention_heads", "head_size")]
    assert shape == ([None] * 3 if method == "frozen" else [1, 2, 8]), "a frozen body is run once, before the epochs"
    if method != "frozen":
        assert 4 <= planned["sequence_length"] <= 32
    assert story.of("epoch")[0]["tokens"] > story.of("epoch")[0]["samples"]

    texts = ["fresh soup tasty", "stale bitter tea bread rice"]
    task = network.loop.task
    rows = [task._tokenizer(text)["input_ids"] for text in texts]
    model = network.built.model.eval()
    with torch.no_grad():
        from runyard.train.encoder import padded

        ours = model(**padded(rows, 0))
    network.built.save(model, tmp_path)
    tokenizer, loaded = AutoTokenizer.from_pretrained(tmp_path), AutoModel.from_pretrained(tmp_path)
    head = load_file(tmp_path / "head.safetensors")
    inputs = tokenizer(texts, padding=True, return_tensors="pt")
    with torch.no_grad():
        hidden = loaded(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"]).last_hidden_state
    mask = inputs["attention_mask"].unsqueeze(-1)
    theirs = ((hidden * mask).sum(1) / mask.sum(1)) @ head["weight"].T + head["bias"]
    assert torch.allclose(ours, theirs, atol=1e-5)
    assert json.loads((tmp_path / "classifier.json").read_text())["classes"] == ["great", "other"]


def test_padding_does_not_change_what_a_text_says(encoder: Path) -> None:
    from runyard.train.encoder import features_of, load_encoder

    model, _ = load_encoder(encoder)
    rows = [[2, 5, 3], [2, 5, 6, 7, 8, 9, 3], [2, 8, 9, 3]]
    together = features_of(model, rows, 0, 3, torch.device("cpu"))
    alone = features_of(model, rows, 0, 1, torch.device("cpu"))
    assert torch.allclose(together, alone, atol=1e-6)


def test_texts_that_are_cut_are_told(bench: Any, reviews: dict[str, Any], encoder: Path) -> None:
    _, story = bench.fit(**config(reviews, method="frozen", epochs=1, max_length=6))
    notice = story.of("notice")[0]
    assert "longer than 6 tokens and were cut" in notice["message"]


def test_more_tokens_than_the_model_has_positions_are_a_mistake(
    bench: Any, reviews: dict[str, Any], encoder: Path
) -> None:
    with pytest.raises(Invalid) as caught:
        bench.fit(**config(reviews, max_length=64))
    assert caught.value.problems[0].path == "hyperparameters.max_length"
    assert "32 tokens at most" in caught.value.problems[0].message


def test_layers_that_are_not_there_are_a_mistake_with_those_that_are(
    bench: Any, reviews: dict[str, Any], encoder: Path
) -> None:
    with pytest.raises(Invalid) as caught:
        bench.fit(**config(reviews, model={"lora": {"targets": ["q_proj"]}}))
    assert "query" in caught.value.hint


def test_a_model_that_transformers_cannot_load_is_a_mistake(encoder: Path, tmp_path: Path) -> None:
    from runyard.train.encoder import load_encoder

    for path in encoder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "config.json").write_text('{"model_type": "nothing-like-it"}')
    with pytest.raises(Invalid, match="cannot be loaded"):
        load_encoder(tmp_path)


@pytest.mark.parametrize("is_language_model", [False, True], ids=["Bert", "Llama"])
def test_weights_of_another_architecture_are_a_mistake(encoder: Path, tmp_path: Path, is_language_model: bool) -> None:
    import speech
    from transformers import GPT2Config, GPT2LMHeadModel

    from runyard.train.encoder import load_encoder
    from runyard.train.language_model import load_language_model

    load = load_language_model if is_language_model else load_encoder
    folder = tmp_path / "mixed"
    if is_language_model:
        speech.save_model(folder, tied=True)
    else:
        shutil.copytree(encoder, folder)
    load(folder)
    GPT2LMHeadModel(GPT2Config(vocab_size=40, n_positions=8, n_embd=8, n_layer=1, n_head=1)).save_pretrained(
        tmp_path / "other"
    )
    shutil.copy(tmp_path / "other" / "model.safetensors", folder)
    said = r"are not those of the model in its config\.json.*has transformer"
    with pytest.raises(Invalid, match=said):
        load(folder)


def test_a_missing_pooler_is_none_and_a_missing_layer_is_a_mistake(encoder: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    from runyard.train.encoder import load_encoder

    folder = tmp_path / "partial"
    shutil.copytree(encoder, folder)
    weights = load_file(encoder / "model.safetensors")
    kept = {name: tensor for name, tensor in weights.items() if "pooler" not in name}
    assert len(kept) < len(weights)
    save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})
    load_encoder(folder)
    kept.pop("encoder.layer.0.output.dense.weight")
    save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(Invalid, match=r"there is no encoder\.layer\.0\.output\.dense\.weight\.$"):
        load_encoder(folder)


def test_shards_that_an_index_names_have_to_be_there(bench: Any, encoder: Path) -> None:
    from transformers import AutoModel

    from runyard.data.sources import find_model
    from runyard.train.encoder import load_encoder

    folder = bench.yard.models / "shards"
    shutil.copytree(encoder, folder)
    (folder / "model.safetensors").unlink()
    AutoModel.from_pretrained(encoder).save_pretrained(folder, max_shard_size="4KB")
    load_encoder(find_model("shards", bench.yard))
    first, second, *_ = sorted(folder.glob("model-*.safetensors"))
    second.write_bytes(second.read_bytes()[:-1])
    with pytest.raises(Invalid, match=f"{second.name} is damaged"):
        find_model("shards", bench.yard)
    first.unlink()
    with pytest.raises(Invalid, match=f"{first.name} of model.safetensors.index.json is missing"):
        find_model("shards", bench.yard)
    (folder / "model.safetensors.index.json").write_text("{}")
    with pytest.raises(Invalid, match="does not say which files"):
        find_model("shards", bench.yard)
