"""A Llama of some thousand random weights with a tokenizer of whole words and a chat template, and what it reads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

TEMPLATE = (
    "{% for m in messages %}<|{{ m['role'] }}|> {{ m['content'] }} <|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|> {% endif %}"
)
COLOURS = {"sky": "blue", "grass": "green", "snow": "white", "coal": "black", "blood": "red", "gold": "yellow"}
WORDS = ["what", "colour", "is", "has", "and", "the", "?", "it", ".", "now", *COLOURS, *COLOURS.values()]
SPECIAL = ["<pad>", "<unk>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>"]


def save_tokenizer(folder: Path, *, template: str | None = TEMPLATE) -> int:
    """Write the tokenizer; return the size of its vocabulary."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace
    from transformers import PreTrainedTokenizerFast

    words = [*SPECIAL, *WORDS]
    tokenizer = Tokenizer(WordLevel({word: index for index, word in enumerate(words)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = Whitespace()
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        unk_token="<unk>",
        eos_token="<|end|>",
        additional_special_tokens=SPECIAL[3:],
    )
    fast.chat_template = template
    fast.save_pretrained(folder)
    return len(words)


def save_model(folder: Path, *, template: str | None = TEMPLATE, tied: bool = False) -> Path:
    """Write a model folder."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    shape = LlamaConfig(
        vocab_size=save_tokenizer(folder, template=template),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=64,
        bos_token_id=None,
        eos_token_id=2,
        pad_token_id=0,
        tie_word_embeddings=tied,
        initializer_range=0.3,  # so that adapters have something to work with
    )
    torch.manual_seed(0)
    LlamaForCausalLM(shape).save_pretrained(folder)
    return folder


def messages(*, count: int = 40) -> list[dict[str, Any]]:
    """Return conversations of one to three questions about colours."""
    things = list(COLOURS)
    rows = []
    for number in range(count):
        turns: list[dict[str, str]] = []
        for turn in range(number % 3 + 1):
            thing = things[(number + turn) % len(things)]
            turns.append({"role": "user", "content": f"what colour has the {thing} ?"})
            turns.append({"role": "assistant", "content": f"it is {COLOURS[thing]} ."})
        rows.append({"messages": turns})
    return rows


def pairs(*, count: int = 40, answer: str = "completion") -> list[dict[str, Any]]:
    """Return prompts with their completions."""
    things = list(COLOURS)
    return [
        {"prompt": f"the {' and the '.join(things[i % 6 : i % 6 + 1 + i % 2])} is", answer: COLOURS[things[i % 6]]}
        for i in range(count)
    ]


def write_rows(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
