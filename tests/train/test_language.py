"""Causal language models: what is learned, exactly; every method and shape; models that load outside Runyard."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path
from typing import Any

import pytest
import speech
import torch

from runyard.config.run import parse_run_config
from runyard.core.errors import Invalid
from runyard.data.checks import check_data

CHAT = "tiny-chat"


@pytest.fixture(scope="session")
def tiny_chat(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return speech.save_model(tmp_path_factory.mktemp("models") / CHAT)


@pytest.fixture
def chat(bench: Any, tiny_chat: Path) -> dict[str, Any]:
    """Conversations and the tiny model in the yard, as a config."""
    (bench.yard.models / CHAT).symlink_to(tiny_chat)
    speech.write_rows(bench.yard.datasets / "colours.jsonl", speech.messages())
    return config()


def config(**changes: Any) -> dict[str, Any]:
    model = {"model_type": "causal_lm", "base_model": CHAT, **changes.pop("model", {})}
    data = {"source": "colours", **changes.pop("training_data", {})}
    hyper = {"max_length": 64, "learning_rate": 0.02, "batch_size": 8, "epochs": 3}
    return {"model": model, "training_data": data, "seed": 1, **hyper, **changes}


def task_of(bench: Any, **given: Any) -> Any:
    """Build the task of a config without training it."""
    return bench.loop(bench.prepare(**given)).loop.task


def test_the_loss_is_on_the_answers_alone_as_the_template_writes_them(bench: Any, chat: dict[str, Any]) -> None:
    from transformers import AutoTokenizer

    task = task_of(bench, **chat)
    tokenizer = AutoTokenizer.from_pretrained(bench.yard.models / CHAT)
    for given, row in zip(speech.messages(), task._rows, strict=True):
        turns = given["messages"]
        parts = [(turn["role"] == "assistant", f"<|{turn['role']}|> {turn['content']} <|end|>") for turn in turns]
        tokens: list[int] = []
        learned: list[bool] = []
        for is_answer, text in parts:
            ids = tokenizer(text, add_special_tokens=False)["input_ids"]
            tokens += ids
            learned += [is_answer and place > 0 for place in range(len(ids))]  # not the sign of the role itself
        assert tokens == tokenizer.apply_chat_template(turns, tokenize=True, return_dict=False)
        assert (row.tokens, row.answer) == (tokens, learned)
        assert row.learned == 5 * len(turns) // 2, "it is <colour> . <|end|>"


@pytest.mark.parametrize("method", ["lora", "full"])
def test_each_method_learns_and_says_so(bench: Any, chat: dict[str, Any], method: str) -> None:
    every = {"rank": 16, "targets": ["q_proj", "v_proj", "gate_proj", "up_proj", "down_proj"]}
    _, story = bench.fit(**{**chat, "method": method, "model": {**chat["model"], "lora": every}, "epochs": 6})
    epochs = story.epochs()
    assert epochs[-1]["val_loss"] < 0.7 * epochs[0]["val_loss"]
    scores = {metric["name"]: metric["value"] for metric in epochs[-1]["metrics"]}
    assert scores["perplexity"] == pytest.approx(math.exp(epochs[-1]["val_loss"]), rel=1e-5)
    assert 0.3 < scores["token_accuracy"] <= 1
    planned = story.of("planned")[0]
    assert planned["base_model"] == CHAT
    assert (planned["trainable_parameters"] < planned["parameters"]) == (method == "lora")
    assert [planned["layers"], planned["attention_heads"], planned["head_size"]] == [2, 2, 8]
    assert epochs[0]["tokens"] > epochs[0]["samples"] == 32


def test_from_scratch_begins_with_new_weights(bench: Any, chat: dict[str, Any]) -> None:
    first, _ = bench.fit(**{**chat, "training_type": "from_scratch", "epochs": 1, "learning_rate": 1e-9})
    again, _ = bench.fit(**{**chat, "training_type": "from_scratch", "epochs": 1, "learning_rate": 1e-9})
    tuned, _ = bench.fit(**{**chat, "method": "full", "epochs": 1, "learning_rate": 1e-9})
    ours, same, theirs = (network.built.model.state_dict()["model.norm.weight"] for network in (first, again, tuned))
    assert torch.equal(ours, same)
    ours, same, theirs = (network.built.model.state_dict()["lm_head.weight"] for network in (first, again, tuned))
    assert torch.allclose(ours, same, atol=1e-6)
    assert not torch.allclose(ours, theirs, atol=1e-3)


def test_one_large_batch_and_four_small_ones_give_the_same_steps(bench: Any, chat: dict[str, Any]) -> None:
    base = {**chat, "method": "full", "epochs": 2, "optimization": {"optimizer": "sgd", "gradient_clipping": None}}
    # Sorting by length would put other rows into the batches of four.
    _, large = bench.fit(**{**base, "batch_size": 32})
    _, small = bench.fit(**{**base, "batch_size": 8, "gradient_accumulation": 4})
    for name, close in (("train/loss", 1e-5), ("train/gradient_norm", 1e-4)):
        assert small.curve(name) == pytest.approx(large.curve(name), rel=close)


def test_the_loss_is_that_of_transformers(bench: Any, chat: dict[str, Any]) -> None:
    network = bench.loop(bench.prepare(**{**chat, "method": "full"}))
    model = network.built.model.eval()
    for batch in network.loop.task.batches("validation", 1):
        ours = network.loop.task.loss(model, batch)
        theirs = model(**batch.inputs, labels=batch.labels).loss
        assert (ours.total / ours.count).item() == pytest.approx(theirs.item(), rel=1e-5)


@pytest.mark.parametrize("shape", ["completion", "response", "text", "csv", "parquet"])
def test_every_shape_of_data_trains(bench: Any, chat: dict[str, Any], shape: str) -> None:
    folder = bench.yard.datasets
    (folder / "colours.jsonl").unlink()
    if shape in ("completion", "response"):
        speech.write_rows(folder / "colours.jsonl", speech.pairs(answer=shape))
    elif shape == "text":
        rows = [{"text": f"{row['prompt']} {row['completion']} ."} for row in speech.pairs()]
        speech.write_rows(folder / "colours.jsonl", rows)
    elif shape == "csv":
        with (folder / "colours.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["messages"])
            writer.writerows([[json.dumps(row["messages"])] for row in speech.messages()])
    else:
        import pyarrow
        import pyarrow.parquet

        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(speech.messages()), folder / "colours.parquet")
    network, story = bench.fit(**{**chat, "epochs": 2})
    assert story.epochs()[1]["val_loss"] < story.epochs()[0]["val_loss"]
    row = network.loop.task._rows[0]
    if shape == "text":
        assert all(row.answer)
        assert row.tokens[-1] == 2, "a text ends"


def test_a_run_answers_before_and_after_and_is_benchmarked_as_it_was_measured(bench: Any, chat: dict[str, Any]) -> None:
    lora = {"rank": 16, "targets": ["q_proj", "v_proj", "gate_proj", "up_proj", "down_proj"]}
    metrics = ["perplexity", "token_accuracy", "bleu"]
    folder = bench.prepare(
        **{**chat, "epochs": 12, "model": {**chat["model"], "lora": lora}, "evaluation": {"metrics": metrics}}
    )
    code, story = bench.finish(folder)
    assert code == 0, folder.log.read_text()
    before, after = story.of("samples")
    assert (before["moment"], after["moment"]) == ("before", "after")
    assert (before["step"], after["step"]) == (0, story.ended["steps"])
    assert [s["prompt"] for s in before["samples"]] == [s["prompt"] for s in after["samples"]]
    assert len(before["samples"]) == 3
    held_out = [row["messages"] for row in speech.messages()]
    for sample in after["samples"]:
        assert any(sample["expected"] == turns[-1]["content"] for turns in held_out)
        assert sample["answer"].startswith("it is")
    assert not any(sample["answer"].startswith("it is") for sample in before["samples"])

    best = min(story.epochs(), key=lambda epoch: epoch["val_loss"])
    untrained = next(event for event in story.of("metrics") if event["step"] == 0)
    first = {metric["name"]: metric["value"] for metric in untrained["metrics"]}
    assert first["validation/val_loss"] > 2 * best["val_loss"]
    assert set(first) == {f"validation/{name}" for name in ("val_loss", *metrics)}
    measured = {metric["name"]: metric["value"] for metric in best["metrics"]}
    found = {event["metric"]: event for event in story.of("benchmark")}
    assert set(found) == set(metrics)
    assert {name: event["accuracy_score"] for name, event in found.items()} == pytest.approx(measured, rel=1e-4)
    assert [found[name]["higher_is_better"] for name in metrics] == [False, True, True]
    assert found["perplexity"]["n_examples"] == 8
    assert measured["bleu"] > 0.2


@pytest.mark.parametrize("kind", ["full", "merged", "adapter"])
def test_a_saved_model_loads_outside_runyard_with_the_same_logits(bench: Any, chat: dict[str, Any], kind: str) -> None:
    from peft import AutoPeftModelForCausalLM
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from runyard.train.saved import load_saved

    changes: dict[str, Any] = {"method": "full"}
    if kind != "full":
        changes = {"method": "lora", "model": {**chat["model"], "adapter": kind}}
    network, _ = bench.fit(**{**chat, **changes, "epochs": 2})
    task, model = network.loop.task, network.built.model.eval()
    (batch,) = list(task.batches("validation", 1))
    with torch.no_grad():
        ours = model(**batch.inputs).logits
    folder = bench.yard.run("1").model
    folder.mkdir(parents=True)
    network.built.save(model, folder)
    loader = AutoPeftModelForCausalLM if kind == "adapter" else AutoModelForCausalLM
    names = {path.name for path in folder.iterdir()}
    assert ("adapter_model.safetensors" in names, "model.safetensors" in names) == (
        kind == "adapter",
        kind != "adapter",
    )
    with torch.no_grad():
        theirs = loader.from_pretrained(folder)(**batch.inputs).logits
    assert torch.allclose(ours, theirs, atol=1e-5)
    assert AutoTokenizer.from_pretrained(folder).chat_template == speech.TEMPLATE

    from runyard.train.files import write_manifest

    write_manifest(folder)
    asked = [[{"role": "user", "content": "what colour has the sky ?"}]]
    again = load_saved(folder)
    assert again.answer(asked) == [sample.answer for sample in _answers(network, asked[0])]


def _answers(network: Any, asked: list[dict[str, str]]) -> Any:
    from runyard.train.answers import Question, answered

    task = network.loop.task
    question = Question(task._writer.prompt(asked), "", "")
    return answered(network.built.model, task._tokenizer, [question], tokens=48)


def test_a_saved_model_is_judged_on_a_file_and_answers_one(bench: Any, chat: dict[str, Any], tmp_path: Path) -> None:
    from runyard.config.run import load_run_config
    from runyard.train.benchmark import benchmark
    from runyard.train.files import write_manifest
    from runyard.train.saved import load_saved
    from runyard.train.suites import of_file, predictions

    folder = bench.prepare(**{**chat, "method": "full", "epochs": 8})
    network = bench.loop(folder)
    network.loop.run()
    folder.model.mkdir()
    network.built.save(network.built.model.eval(), folder.model)
    write_manifest(folder.model)
    config, model = load_run_config(folder.config), load_saved(folder.model)
    speech.write_rows(tmp_path / "other.jsonl", speech.messages(count=6))
    suite = of_file(config, tmp_path / "other.jsonl", bench.yard, model)
    row, accuracy = benchmark(model, suite, ["perplexity", "token_accuracy"], "an-id")
    assert row["benchmark_name"].startswith("other@")
    assert (row["metric"], row["higher_is_better"], row["n_examples"]) == ("perplexity", False, 6)
    assert 1 < row["accuracy_score"] < 4
    assert 0.5 < accuracy["accuracy_score"] <= 1
    asked = [{"messages": turns["messages"][:-1]} for turns in speech.messages(count=4)]
    speech.write_rows(tmp_path / "ask.jsonl", asked)
    rows = predictions(config, tmp_path / "ask.jsonl", bench.yard, model)
    assert [row["row"] for row in rows] == [1, 2, 3, 4]
    assert rows[0]["prompt"] == asked[0]["messages"][0]["content"]
    assert rows[1]["prompt"].splitlines()[-1] == f"user: {asked[1]['messages'][-1]['content']}"
    assert all(row["prediction"].startswith("it is") for row in rows)


def test_padding_and_company_do_not_change_an_answer(bench: Any, chat: dict[str, Any]) -> None:
    from runyard.train.language_model import generate

    network, _ = bench.fit(**{**chat, "method": "full", "epochs": 4})
    task = network.loop.task
    asked = [turns["messages"][:number] for turns, number in zip(speech.messages(count=9), [1, 1, 3] * 3, strict=True)]
    prompts = [task._writer.prompt(messages) for messages in asked]
    model, tokenizer = network.built.model, task._tokenizer
    together = generate(model, tokenizer, prompts, tokens=8)
    assert together == [generate(model, tokenizer, [prompt], tokens=8)[0] for prompt in prompts]
    assert any(together)


def test_examples_that_are_too_long_are_cut_or_left_out_and_told(bench: Any, chat: dict[str, Any]) -> None:
    rows = speech.pairs(count=20)
    rows[3]["prompt"] = "what colour has the sky ? " * 10
    rows[4]["completion"] = "blue and " * 30
    speech.write_rows(bench.yard.datasets / "colours.jsonl", rows)
    network, story = bench.fit(**{**chat, "max_length": 16, "epochs": 1})
    said = [event["message"] for event in story.of("notice")]
    assert "2 of 20 examples are longer than 16 tokens and were cut." in said
    assert "1 of 20 examples have no answer within 16 tokens and are left out." in said
    assert sum(row is None for row in network.loop.task._rows) == 1


def test_no_answer_at_all_is_a_mistake(bench: Any, chat: dict[str, Any]) -> None:
    rows = [{"prompt": "what colour has the sky ? " * 10, "completion": "blue"} for _ in range(8)]
    speech.write_rows(bench.yard.datasets / "colours.jsonl", rows)
    with pytest.raises(Invalid, match="No example has a token of an answer within the first 16 tokens") as caught:
        task_of(bench, **{**chat, "max_length": 16})
    assert "max_length" in caught.value.hint


def test_conversations_need_a_chat_template(bench: Any, chat: dict[str, Any], tmp_path: Path) -> None:
    bare = speech.save_model(bench.yard.models / "bare", template=None)
    model = {"model_type": "causal_lm", "base_model": bare.name}
    with pytest.raises(Invalid, match="no chat template") as before:
        check_data(parse_run_config({**chat, "model": model}), bench.yard)
    with pytest.raises(Invalid, match="no chat template") as caught:
        task_of(bench, **{**chat, "model": model})
    assert before.value.hint == caught.value.hint
    assert caught.value.problems[0].path == "model.base_model"
    assert "instruct model" in caught.value.hint
    speech.write_rows(bench.yard.datasets / "colours.jsonl", speech.pairs())
    task = task_of(bench, **{**chat, "model": model})
    assert task._writer.template == "plain"
    row, first = task._rows[0], speech.pairs()[0]
    learned = [token for token, learn in zip(row.tokens, row.answer, strict=True) if learn]
    assert task._tokenizer.decode(learned) == f"{first['completion']} <|end|>"
    prompt = task._writer.prompt([{"role": "user", "content": first["prompt"]}])
    assert prompt == row.tokens[: len(prompt)]
    assert len(prompt) + len(learned) == len(row.tokens)


MISTAKES = {
    "length": ({"max_length": 65}, "hyperparameters.max_length", "64 tokens at most"),
    "layers": (
        {"model": {"model_type": "causal_lm", "base_model": CHAT, "lora": {"targets": ["q_proj", "v_prij"]}}},
        "model.lora.targets.1",
        "did you mean v_proj?",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_what_does_not_fit_the_model_is_a_mistake(bench: Any, chat: dict[str, Any], name: str) -> None:
    changes, path, words = MISTAKES[name]
    with pytest.raises(Invalid) as caught:
        task_of(bench, **{**chat, **changes})
    (problem,) = caught.value.problems
    assert problem.path == path
    assert words in problem.message


def test_pickled_weights_are_refused(bench: Any, chat: dict[str, Any]) -> None:
    folder = speech.save_model(bench.yard.models / "pickled")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(Invalid, match=r"pickled weights \(pytorch_model.bin\) are not read") as caught:
        task_of(bench, **{**chat, "model": {"model_type": "causal_lm", "base_model": "pickled"}})
    assert "save_pretrained" in caught.value.hint


def test_an_encoder_is_no_language_model(bench: Any, chat: dict[str, Any], encoder: Path) -> None:
    with pytest.raises(Invalid, match="not a causal language model: BertModel"):
        task_of(bench, **{**chat, "model": {"model_type": "causal_lm", "base_model": encoder.name}})


def test_a_transfer_takes_the_weights_over(bench: Any, chat: dict[str, Any]) -> None:
    first = bench.prepare(**{**chat, "epochs": 4, "method": "full", "evaluation": {"samples": 0}})
    code, story = bench.finish(first)
    assert (code, story.of("samples")) == (0, [])
    second = bench.prepare(**{**chat, "epochs": 1, "start_from": first.path.name})
    code, transfer = bench.finish(second)
    assert code == 0, second.log.read_text()
    (event,) = transfer.of("transferred")
    assert event["metric"] == "perplexity"
    assert event["parameters"] == story.of("planned")[0]["parameters"]
    before = {row["metric"]: row for row in event["benchmarks"]}
    best = min(story.epochs(), key=lambda epoch: epoch["val_loss"])
    assert before["perplexity"]["accuracy_score"] == pytest.approx(math.exp(best["val_loss"]), rel=1e-4)
    assert before["perplexity"]["higher_is_better"] is False


def test_a_gguf_file_becomes_a_folder_that_transformers_loads(tmp_path: Path) -> None:
    import gguf
    from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    shape = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 4}
    config = LlamaConfig(**shape, vocab_size=5, num_key_value_heads=2, max_position_embeddings=64,
                         tie_word_embeddings=True, bos_token_id=0, eos_token_id=1)  # fmt: skip
    model = LlamaForCausalLM(config).bfloat16().float().eval()
    writer = gguf.GGUFWriter(tmp_path / "tiny.gguf", "llama")
    for name, value in (("context_length", 64), ("embedding_length", 32), ("block_count", 1), ("head_count", 4),
                        ("feed_forward_length", 64), ("head_count_kv", 2), ("vocab_size", 5)):  # fmt: skip
        getattr(writer, f"add_{name}")(value)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(["<s>", "</s>", "a", "1", "11"])
    writer.add_token_types([3, 3, 1, 1, 1])
    writer.add_token_merges(["1 1"])
    for role, number in (("bos", 0), ("eos", 1), ("pad", 1)):
        getattr(writer, f"add_{role}_token_id")(number)
    writer.add_chat_template("{{ messages[0]['content'] }}")
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, 1)
    for name, tensor in model.state_dict().items():
        if name != "lm_head.weight":
            for letter, heads in (("q", 4), ("k", 2)):
                if name.endswith(f"{letter}_proj.weight"):  # as llama.cpp has it: pairs side by side
                    tensor = tensor.reshape(heads, 2, -1, tensor.shape[1]).swapaxes(1, 2).reshape(tensor.shape)
            writer.add_tensor(names.get_name(name, try_suffixes=(".weight",)), tensor.numpy().copy())
    for write in ("header", "kv_data", "tensors"):
        getattr(writer, f"write_{write}_to_file")()
    writer.close()
    from runyard.demodata import convert

    convert.gguf([tmp_path / "tiny.gguf"], tmp_path / "model")
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path / "model", dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "model")
    ids = torch.tensor([[0, 2, 3, 3, 1]])
    assert torch.allclose(loaded(ids).logits, model(ids).logits, atol=1e-6)
    assert tokenizer("a11")["input_ids"] == [2, 3, 3], "digits stand alone"
    assert (tokenizer.bos_token_id, tokenizer.eos_token, tokenizer.pad_token_id) == (0, "</s>", 1)
    assert tokenizer.chat_template
