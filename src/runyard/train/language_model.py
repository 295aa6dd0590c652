"""Causal language models: loading from a folder, the loss of answers, generating, saving."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

from runyard.core.errors import Invalid
from runyard.train.dialogue_tokens import Row
from runyard.train.pretrained import check_all_loaded

ABOUT = "language.json"
IGNORED = -100  # the label of a token that is not learned, as transformers has it
_ENDINGS = ("ForCausalLM", "LMHeadModel")
_BATCH = 8


def load_language_model(folder: Path, *, weights: bool = True) -> tuple[Any, Any]:
    """Return the model in float32 and the tokenizer of a folder; nothing is downloaded, no code is run.

    Args:
        weights: False for new random weights in the shape that its config.json says.

    Raises:
        Invalid: transformers cannot load it, it is not a causal language model, or its weights are another model's.
    """
    try:
        about = AutoConfig.from_pretrained(folder, local_files_only=True)
        names = about.architectures or []
        if not any(name.endswith(_ENDINGS) for name in names):
            raise Invalid(
                f"The model in {folder} is not a causal language model: {', '.join(names) or 'no architecture named'}.",
                hint="Take one like SmolLM2, Llama, Qwen or GPT-2; encoders are of model_type text_encoder.",
            )
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        model: Any
        loaded: dict[str, Any]
        if weights:
            pretrained: Any = AutoModelForCausalLM  # its types leave out what is loaded
            model, loaded = pretrained.from_pretrained(
                folder, local_files_only=True, dtype=torch.float32, use_safetensors=True, output_loading_info=True
            )
            check_all_loaded(folder, loaded)
        else:
            model = AutoModelForCausalLM.from_config(about, dtype=torch.float32)  # type: ignore[no-untyped-call]
    except (OSError, ValueError, KeyError, RuntimeError, ImportError) as error:
        raise Invalid(
            f"The model in {folder} cannot be loaded: {error}", hint="Check the files of the model."
        ) from error
    known = len(model.get_input_embeddings().weight)
    if len(tokenizer) > known:
        raise Invalid(
            f"The tokenizer in {folder} has {len(tokenizer)} tokens, the model's embeddings only {known}.",
            hint="Take the tokenizer that belongs to the model.",
        )
    return model, tokenizer


def padding_of(tokenizer: Any) -> int:
    """Return the token that fills up short rows; it is masked, so any would do."""
    found = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id
    return int(found or 0)


def padded_rows(rows: Sequence[Row], padding: int) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    """Return the inputs of the model and the labels, filled up on the right to the longest row."""
    width = max(len(row.tokens) for row in rows)
    ids, mask, labels = [], [], []
    for row in rows:
        rest = width - len(row.tokens)
        ids.append([*row.tokens, *[padding] * rest])
        mask.append([*[1] * len(row.tokens), *[0] * rest])
        marked = [token if learn else IGNORED for token, learn in zip(row.tokens, row.answer, strict=True)]
        labels.append([*marked, *[IGNORED] * rest])
    return {"input_ids": torch.tensor(ids), "attention_mask": torch.tensor(mask)}, torch.tensor(labels)


def answer_logits(
    model: Any, inputs: dict[str, torch.Tensor], labels: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the logits of the answers' tokens, (n, vocabulary), and those tokens, (n,).

    The head of the model is run from the first answer to the last alone: over the questions its work would be lost.
    """
    target = torch.cat([labels[:, 1:], labels.new_full((len(labels), 1), IGNORED)], dim=1)
    learned = target != IGNORED
    columns = learned.any(dim=0).nonzero().flatten()
    if not len(columns):
        return model(**inputs).logits[learned], target[learned]
    kept = torch.arange(int(columns[0]), int(columns[-1]) + 1, device=labels.device)
    logits: torch.Tensor = model(**inputs, logits_to_keep=kept, use_cache=False).logits
    return logits[learned[:, kept]], target[learned]


@torch.no_grad()
def token_facts(logits: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
    """Return for each token how surprising it is, in nats, and 1 where it is the most likely one: (n, 2)."""
    surprise = torch.nn.functional.cross_entropy(logits.float(), tokens, reduction="none")
    return torch.stack([surprise, (logits.argmax(-1) == tokens).float()], dim=1)


@torch.no_grad()
def generate(model: Any, tokenizer: Any, prompts: Sequence[Sequence[int]], *, tokens: int) -> list[str]:
    """Return the most likely answer to each prompt, token by token, at most so many; leaves the model's mode as it is.

    Args:
        prompts: token numbers; those that leave no room for the answer lose their beginning.
    """
    device, was_training = model.device, model.training
    model.eval()
    room = max(1, getattr(model.config, "max_position_embeddings", 1_000_000) - tokens)
    padding, answers = padding_of(tokenizer), [""] * len(prompts)
    order = sorted(range(len(prompts)), key=lambda number: len(prompts[number]))
    for start in range(0, len(order), _BATCH):
        numbers = order[start : start + _BATCH]
        rows = [list(prompts[number])[-room:] or [tokenizer.bos_token_id or padding] for number in numbers]
        width = max(map(len, rows))
        ids = torch.tensor([[*[padding] * (width - len(row)), *row] for row in rows], device=device)
        mask = torch.tensor([[*[0] * (width - len(row)), *[1] * len(row)] for row in rows], device=device)
        made = model.generate(
            input_ids=ids,
            attention_mask=mask,
            max_new_tokens=tokens,
            do_sample=False,
            num_beams=1,
            temperature=None,
            top_p=None,
            top_k=None,
            pad_token_id=padding,
            eos_token_id=_stops(model, tokenizer),
        )
        for number, answer in zip(numbers, made[:, width:].tolist(), strict=True):
            answers[number] = tokenizer.decode(answer, skip_special_tokens=True).strip()
    model.train(was_training)
    return answers


def _stops(model: Any, tokenizer: Any) -> list[int] | None:
    said = getattr(model.generation_config, "eos_token_id", None)
    found = {tokenizer.eos_token_id, *(said if isinstance(said, list) else [said])} - {None}
    return sorted(found) or None


@dataclass(frozen=True)
class Form:
    """How the model of a run reads and answers, beside its weights."""

    template: str
    max_length: int
    base_model: str
    adapter: bool
    answer_tokens: int


def save_language_model(folder: Path, model: Any, tokenizer: Any, form: Form) -> None:
    """Write what transformers (or peft, of an adapter) can load again, and `language.json` on how to ask it."""
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    loader = "peft.AutoPeftModelForCausalLM" if form.adapter else "transformers.AutoModelForCausalLM"
    about = {"load": f"{loader}.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)", **vars(form)}
    (folder / ABOUT).write_text(json.dumps(about, indent=1), "utf-8")


def read_form(folder: Path) -> Form:
    """Return how a saved model reads and answers."""
    about = json.loads((folder / ABOUT).read_text("utf-8"))
    return Form(**{field.name: about[field.name] for field in fields(Form)})
