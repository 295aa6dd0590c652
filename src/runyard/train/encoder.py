"""Texts through a transformer encoder: loading from a folder, mean pooling, features, saving."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import nn
from transformers import AutoModel, AutoTokenizer
from transformers.utils import logging as transformers_logging

from runyard.core.errors import Invalid, Problem
from runyard.train.pretrained import check_all_loaded

transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
_LARGEST = 100_000


class TextClassifier(nn.Module):
    """Encoder, mean over the tokens, dropout, linear head; or the head alone on features made before."""

    def __init__(self, encoder: nn.Module, width: int, classes: int, dropout: float) -> None:
        super().__init__()
        self.encoder = encoder
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(width, classes)

    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        features: torch.Tensor | None = None,
    ) -> torch.Tensor:
        if features is None:
            assert input_ids is not None
            assert attention_mask is not None
            features = mean_pooled(self.encoder, input_ids, attention_mask)
        logits: torch.Tensor = self.head(self.dropout(features))
        return logits


def shape_of(encoder: Any, rows: Sequence[Sequence[int]]) -> dict[str, int]:
    """Return what the FLOPs of attention follow from, as `planned` has it; nothing where the encoder has another shape.

    Args:
        rows: the tokens of each text; their mean number is the sequence length.
    """
    about = encoder.config
    layers, heads, width = (
        getattr(about, name, None) for name in ("num_hidden_layers", "num_attention_heads", "hidden_size")
    )
    if not (layers and heads and width and rows):
        return {}
    length = round(sum(map(len, rows)) / len(rows))
    return {"layers": layers, "attention_heads": heads, "head_size": width // heads, "sequence_length": length}


def mean_pooled(encoder: nn.Module, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
    """Return the mean of the last hidden states over the real tokens: (batch, width)."""
    hidden: torch.Tensor = encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
    mask = attention_mask.unsqueeze(-1).to(hidden.dtype)
    return (hidden * mask).sum(dim=1) / mask.sum(dim=1).clamp_min(1)


def load_encoder(folder: Path) -> tuple[Any, Any]:
    """Return the encoder in float32 and the tokenizer of a model folder; nothing is downloaded, no code is run.

    Raises:
        Invalid: transformers cannot load it, or its weights are those of another model.
    """
    try:
        encoder, loaded = AutoModel.from_pretrained(
            folder, local_files_only=True, dtype=torch.float32, use_safetensors=True, output_loading_info=True
        )
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, KeyError, RuntimeError, ImportError) as error:
        raise Invalid(
            f"The model in {folder} cannot be loaded: {error}", hint="Check the files of the model."
        ) from error
    if getattr(encoder.config, "is_encoder_decoder", False):
        raise Invalid(f"The model in {folder} is not an encoder.", hint="Take one like all-MiniLM-L6-v2 or BERT.")
    check_all_loaded(folder, loaded)
    pooler = getattr(encoder, "pooler", None)
    if pooler is not None:
        pooler.requires_grad_(False)  # mean pooling does not use it
    return encoder, tokenizer


def check_length(tokenizer: Any, model: Any, max_length: int) -> None:
    """Refuse texts of more tokens than a transformer has positions for.

    Raises:
        Invalid: with the largest number of tokens that can be set.
    """
    positions = getattr(model.config, "max_position_embeddings", _LARGEST)
    limit = min(positions, tokenizer.model_max_length if tokenizer.model_max_length < _LARGEST else positions)
    if max_length > limit:
        problem = Problem("hyperparameters.max_length", f"is {max_length}; this model reads {limit} tokens at most")
        raise Invalid(f"{problem}.", hint=f"Set it to {limit} or less.", problems=[problem])


def tokenized(tokenizer: Any, encoder: Any, texts: Sequence[str], max_length: int) -> tuple[list[list[int]], int]:
    """Return the token numbers of each text, and how many texts had to be cut.

    Raises:
        Invalid: the encoder has no positions for texts of that length.
    """
    check_length(tokenizer, encoder, max_length)
    whole = tokenizer(list(texts), add_special_tokens=True, truncation=False, verbose=False)["input_ids"]
    cut = sum(len(ids) > max_length for ids in whole)
    if cut:
        whole = tokenizer(list(texts), add_special_tokens=True, truncation=True, max_length=max_length)["input_ids"]
    return whole, cut


def padded(rows: Sequence[Sequence[int]], padding: int) -> dict[str, torch.Tensor]:
    """Return `input_ids` and `attention_mask`, padded to the longest row."""
    width = max(len(row) for row in rows)
    ids = torch.tensor([[*row, *[padding] * (width - len(row))] for row in rows])
    mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows])
    return {"input_ids": ids, "attention_mask": mask}


@torch.no_grad()
def features_of(
    encoder: Any, rows: Sequence[Sequence[int]], padding: int, batch_size: int, device: torch.device
) -> torch.Tensor:
    """Return the mean-pooled features of all texts, on the CPU: (n, width). Similar lengths go together."""
    encoder.eval().to(device)
    order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
    features = torch.empty(len(rows), encoder.config.hidden_size)
    for start in range(0, len(order), batch_size):
        numbers = order[start : start + batch_size]
        batch = {name: tensor.to(device) for name, tensor in padded([rows[i] for i in numbers], padding).items()}
        features[numbers] = mean_pooled(encoder, **batch).float().cpu()
    return features


def save_classifier(
    folder: Path, encoder: Any, tokenizer: Any, head: dict[str, torch.Tensor], about: dict[str, Any]
) -> None:
    """Write what transformers and safetensors can load again, and `classifier.json` on how they fit together."""
    encoder.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    save_file({name: tensor.detach().cpu().contiguous() for name, tensor in head.items()}, folder / "head.safetensors")
    about = {
        "pooling": "mean of last_hidden_state over attention_mask",
        "logits": "features @ weight.T + bias, from head.safetensors",
        "load": "AutoModel.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)",
        **about,
    }
    (folder / "classifier.json").write_text(json.dumps(about, indent=1), "utf-8")
