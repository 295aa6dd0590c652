"""A small Llama that was published as one GGUF file, as a folder that transformers loads: weights, tokenizer, template.

transformers can read such files, too, but takes far longer, loses how the tokenizer treats digits, and needs torch.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runyard.core.errors import Corrupt, Unavailable

_NAMES = {
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
_CONTROL = 3  # the type of a token that stands for no text


def write_model(source: Path, folder: Path) -> None:
    """Write config.json, model.safetensors in bfloat16, tokenizer and chat template into an empty folder.

    Raises:
        Corrupt: it is no Llama with a byte-level tokenizer.
        Unavailable: the package gguf is not installed.
    """
    try:
        from gguf import GGUFReader
    except ImportError as error:
        raise Unavailable("The package gguf is not installed.", hint="pip install 'runyard[train]'") from error
    reader = GGUFReader(source)
    if _said(reader, "general.architecture") != "llama" or _said(reader, "tokenizer.ggml.model") != "gpt2":
        raise Corrupt(f"{source.name} is no Llama with a byte-level tokenizer.")
    config = _config(reader)
    (folder / "config.json").write_text(json.dumps(config, indent=1), "utf-8")
    _write_weights(reader, config, folder / "model.safetensors")
    _write_tokenizer(reader, folder)


def _said(reader: Any, key: str) -> Any:
    field = reader.get_field(key)
    if field is None:
        raise Corrupt(f"The GGUF file does not say {key}.")
    return field.contents()


def _config(reader: Any) -> dict[str, Any]:
    width, heads = _said(reader, "llama.embedding_length"), _said(reader, "llama.attention.head_count")
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "dtype": "bfloat16",
        "hidden_size": width,
        "intermediate_size": _said(reader, "llama.feed_forward_length"),
        "num_hidden_layers": _said(reader, "llama.block_count"),
        "num_attention_heads": heads,
        "num_key_value_heads": _said(reader, "llama.attention.head_count_kv"),
        "head_dim": width // heads,
        "hidden_act": "silu",
        "attention_bias": False,
        "mlp_bias": False,
        "rms_norm_eps": _said(reader, "llama.attention.layer_norm_rms_epsilon"),
        "rope_parameters": {"rope_type": "default", "rope_theta": _said(reader, "llama.rope.freq_base")},
        "max_position_embeddings": _said(reader, "llama.context_length"),
        "vocab_size": _said(reader, "llama.vocab_size"),
        "tie_word_embeddings": all(tensor.name != "output.weight" for tensor in reader.tensors),
        **{f"{name}_token_id": _said(reader, f"tokenizer.ggml.{key}_token_id") for name, key in _ENDS},
    }


_ENDS = (("bos", "bos"), ("eos", "eos"), ("pad", "padding"))


def _write_weights(reader: Any, config: dict[str, Any], path: Path) -> None:
    """Write the safetensors format by hand: NumPy, which that library would want, has no bfloat16."""
    from gguf.quants import dequantize

    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    pieces: list[bytes] = []
    end = 0
    for tensor in reader.tensors:
        values = np.asarray(dequantize(tensor.data, tensor.tensor_type), dtype=np.float32)
        name = tensor.name.removesuffix(".weight")
        for letter, heads in (("q", "num_attention_heads"), ("k", "num_key_value_heads")):
            if name.endswith(f"attn_{letter}"):
                values = _halves_apart(values, config[heads])
        pieces.append(_bfloat16(values).tobytes())
        start, end = end, end + len(pieces[-1])
        header[f"{_name(name)}.weight"] = {"dtype": "BF16", "shape": values.shape, "data_offsets": [start, end]}
    told = json.dumps(header).encode()
    told += b" " * (-len(told) % 8)
    path.write_bytes(b"".join([struct.pack("<Q", len(told)), told, *pieces]))


def _name(name: str) -> str:
    outer = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head"}
    if name in outer:
        return outer[name]
    parts = name.split(".")
    if len(parts) != 3 or parts[0] != "blk" or parts[2] not in _NAMES:
        raise Corrupt(f"The GGUF file has a tensor that no Llama has: {name}.")
    return f"model.layers.{parts[1]}.{_NAMES[parts[2]]}"


def _halves_apart(values: NDArray[np.float32], heads: int) -> NDArray[np.float32]:
    """Undo what GGUF does to the rows of each head: pairs that are turned together stand side by side there."""
    rows = values.shape[0] // heads
    return values.reshape(heads, rows // 2, 2, -1).swapaxes(1, 2).reshape(values.shape)


def _bfloat16(values: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Return the upper halves, rounded to the nearest, ties to even; NumPy has no such type."""
    bits = np.ascontiguousarray(values).view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)


def _write_tokenizer(reader: Any, folder: Path) -> None:
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    words: list[str] = _said(reader, "tokenizer.ggml.tokens")
    kinds: list[int] = _said(reader, "tokenizer.ggml.token_type")
    merges = [tuple(pair.split(" ", 1)) for pair in _said(reader, "tokenizer.ggml.merges")]
    tokenizer = Tokenizer(models.BPE(vocab={word: number for number, word in enumerate(words)}, merges=merges))
    bytes_alone: Any = pre_tokenizers.ByteLevel(add_prefix_space=False)
    if _said(reader, "tokenizer.ggml.pre") == "smollm":
        bytes_alone = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), bytes_alone])
    tokenizer.pre_tokenizer = bytes_alone
    tokenizer.decoder = decoders.ByteLevel()
    special = [word for word, kind in zip(words, kinds, strict=True) if kind == _CONTROL]
    tokenizer.add_special_tokens([AddedToken(word, special=True, normalized=False) for word in special])
    tokenizer.save(str(folder / "tokenizer.json"))
    about = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": _said(reader, "llama.context_length"),
        "clean_up_tokenization_spaces": False,
        **{f"{name}_token": words[_said(reader, f"tokenizer.ggml.{key}_token_id")] for name, key in _ENDS},
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(about, indent=1), "utf-8")
    (folder / "chat_template.jinja").write_text(_said(reader, "tokenizer.chat_template"), "utf-8")
