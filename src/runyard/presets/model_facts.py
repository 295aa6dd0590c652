"""What can be known of a model before it is loaded: its shape, its size and its kind, from two small reads."""

import json
import struct
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from runyard.core.paths import Yard
from runyard.data.sources import base_models

_LONGEST = 1_000_000  # tokenizers without a limit say 1e30
_HEADER_BYTES = 100_000_000
_OFTEN_UNNAMED_HEADS = ("LMHeadModel", "ForCausalLM")


@dataclass(frozen=True)
class ModelFacts:
    """A pretrained transformer. `kind` is the model type that trains it, None where there is none.

    `max_length` is the longest text in tokens; `parameters` are those of the file.
    """

    name: str
    architecture: str
    kind: str | None
    parameters: int
    layers: int
    hidden_size: int
    heads: int
    vocabulary: int
    max_length: int
    has_chat_template: bool = False
    supports_checkpointing: bool = True


def read_model(folder: Path, name: str = "") -> ModelFacts | None:
    """Return the facts of a model folder; None where its config.json or its weights cannot be read."""
    try:
        about: dict[str, Any] = json.loads((folder / "config.json").read_text("utf-8"))
        parameters = sum(_parameters(path) for path in folder.glob("*.safetensors"))
    except (OSError, ValueError, struct.error, KeyError, TypeError, AttributeError):
        return None
    if not isinstance(about, dict) or "model_type" not in about or not parameters:
        return None
    tokenizer = _json(folder / "tokenizer_config.json")
    positions = int(_first(about, "max_position_embeddings", "n_positions") or _LONGEST)
    spoken = tokenizer.get("model_max_length")
    limit = min(positions, int(spoken)) if isinstance(spoken, int | float) and spoken < _LONGEST else positions
    return ModelFacts(
        name=name or folder.name,
        architecture=str((about.get("architectures") or [about["model_type"]])[0]),
        kind=kind_of(about),
        parameters=parameters,
        layers=int(_first(about, "num_hidden_layers", "n_layer", "n_layers") or 1),
        hidden_size=int(_first(about, "hidden_size", "n_embd", "dim") or 1),
        heads=int(_first(about, "num_attention_heads", "n_head", "n_heads") or 1),
        vocabulary=int(about.get("vocab_size") or 1),
        max_length=limit,
        has_chat_template=bool(tokenizer.get("chat_template")) or (folder / "chat_template.jinja").is_file(),
    )


def kind_of(about: dict[str, Any]) -> str | None:
    """Return the model type that trains what a config.json describes.

    What writes one token after the other (…ForCausalLM) is a causal_lm, what reads a text as a whole a text_encoder;
    encoder-decoders and models of pictures and sound are neither.
    """
    names = [str(name) for name in about.get("architectures") or ()]
    if about.get("is_encoder_decoder") or any("Vision" in name or "Speech" in name for name in names):
        return None
    if any(name.endswith(_OFTEN_UNNAMED_HEADS) for name in names):
        return "causal_lm"
    return "text_encoder" if "vocab_size" in about and "image_size" not in about else None


def models_in(yard: Yard) -> list[ModelFacts]:
    """Return the models of the yard, the smallest first."""
    found = (read_model(folder) for folder in base_models(yard))
    return sorted((facts for facts in found if facts is not None), key=lambda facts: (facts.parameters, facts.name))


def _parameters(weights: Path) -> int:
    with weights.open("rb") as file:
        length = struct.unpack("<Q", file.read(8))[0]
        if length > _HEADER_BYTES:
            raise ValueError("no safetensors file")
        header = json.loads(file.read(length))
    return sum(prod(entry["shape"]) for name, entry in header.items() if name != "__metadata__")


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _first(about: dict[str, Any], *names: str) -> Any:
    return next((about[name] for name in names if about.get(name)), None)
