"""Saved language models, loaded again: what they make of examples, and what they answer."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from runyard.core.errors import Invalid
from runyard.core.settings import Settings
from runyard.data.dialogues import Message
from runyard.data.sources import find_model
from runyard.train.answers import BLEU_EXAMPLES, answered, bleu, questions
from runyard.train.dialogue_tokens import Writer
from runyard.train.language_data import written
from runyard.train.language_model import (
    Form,
    answer_logits,
    generate,
    load_language_model,
    padded_rows,
    padding_of,
    read_form,
    token_facts,
)
from runyard.train.saved import SavedLanguageModel
from runyard.train.scores import token_scores

_BATCH = 8


def load_weights(folder: Path) -> tuple[Any, Any, Form]:
    """Return the model of a run's folder with its adapter merged, its tokenizer, and how it reads.

    Raises:
        NotFound: it is an adapter, and its base model is not in the yard.
        Invalid: it cannot be loaded.
    """
    form = read_form(folder)
    if not form.adapter:
        return (*load_language_model(folder), form)
    from peft import PeftModel

    base, tokenizer = load_language_model(find_model(form.base_model, Settings.from_env(folder.parents[2]).yard))
    try:
        merged = PeftModel.from_pretrained(base, folder).merge_and_unload(safe_merge=True)
    except (ValueError, RuntimeError) as error:
        raise Invalid(
            f"The adapter in {folder} does not fit the base model {form.base_model}: {error}",
            hint="Put the base model it was trained beside back into the yard.",
        ) from error
    return merged, tokenizer, form


def load_saved_language_model(folder: Path) -> SavedLanguageModel:
    """Load the language model of a run's folder.

    Raises:
        NotFound, Invalid: as `load_weights`.
    """
    model, tokenizer, form = load_weights(folder)
    model.eval()
    writer = Writer(tokenizer, "chat" if form.template == "chat" else "plain", form.max_length)

    def scores(examples: Sequence[list[Message]], names: Sequence[str]) -> dict[str, float]:
        rows = [row for row in written(writer, list(examples)).rows if row]
        found = token_scores(_told(model, rows, padding_of(tokenizer)), names)
        if "bleu" in names:
            asked = questions(writer, "messages", examples, BLEU_EXAMPLES)
            found["bleu"] = bleu(answered(model, tokenizer, asked, tokens=form.answer_tokens))
        return found

    def answer(asked: Sequence[list[Message]]) -> list[str]:
        return generate(model, tokenizer, [writer.prompt(messages) for messages in asked], tokens=form.answer_tokens)

    return SavedLanguageModel(scores, answer)


@torch.no_grad()
def _told(model: Any, rows: Sequence[Any], padding: int) -> NDArray[np.float64]:
    """Return the surprise at each token of the answers and whether it was the most likely one: (n, 2)."""
    parts = []
    order = sorted(rows, key=lambda row: len(row.tokens))
    for start in range(0, len(order), _BATCH):
        inputs, labels = padded_rows(order[start : start + _BATCH], padding)
        logits, tokens = answer_logits(model, inputs, labels)
        parts.append(token_facts(logits, tokens))
    return np.asarray(torch.cat(parts).double().numpy())
