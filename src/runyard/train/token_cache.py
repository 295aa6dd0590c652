"""Tokens of texts, kept in the yard: made once for a version of the data, a tokenizer and a length.

A file is one NPZ of plain numbers, written beside and renamed. Where one is damaged, the texts are tokenised again.
"""

import contextlib
import hashlib
import json
import os
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from runyard.config.dataset import TrainingData
from runyard.core.paths import Yard
from runyard.train.files import sha256_of, sync_path

Tokens = tuple[list[list[int]], int]
_FILES = (
    *("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "tokenizer.model"),
    *("vocab.txt", "vocab.json", "merges.txt", "sentencepiece.bpe.model", "spiece.model"),
)
_MOST_KEPT = 32


def cached_tokens(
    yard: Yard,
    data: TrainingData,
    data_sha256: str,
    model: Path,
    max_length: int,
    texts: Sequence[str],
    tokenize: Callable[[], Tokens],
) -> Tokens:
    """Return the token numbers of each text and how many texts were cut, from the cache if they are there.

    Args:
        data: which rows and which column of the data the texts are.
        data_sha256: of the data.
        model: folder with the tokenizer.
        tokenize: makes them where they are not there.
    """
    folder = yard.home / "cache" / "tokens"
    path = folder / f"{_key(data, data_sha256, model, max_length)}.npz"
    found = _read(path, len(texts))
    if found is not None:
        print(f"Tokens of {len(texts)} texts were read from the cache.", flush=True)
        return found
    made = tokenize()
    try:
        _write(path, made)
        _prune(folder)
    except OSError as error:  # a full disk, say: the run itself needs no cache
        print(f"The tokens could not be kept: {error}", flush=True)
    return made


def _key(data: TrainingData, data_sha256: str, model: Path, max_length: int) -> str:
    import transformers

    tokenizer = {name: sha256_of(model / name) for name in _FILES if (model / name).is_file()}
    rows = [data.text_column, data.label_column, data.unlabelled, data.max_examples]
    what = json.dumps([data_sha256, rows, tokenizer, max_length, transformers.__version__])
    return hashlib.sha256(what.encode()).hexdigest()


def _read(path: Path, count: int) -> Tokens | None:
    try:
        with np.load(path, allow_pickle=False) as file:
            values, lengths, cut = file["values"], file["lengths"], int(file["cut"])
        if len(lengths) != count or int(lengths.sum()) != len(values):
            return None
        os.utime(path)  # those used last are kept
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile):
        return None
    flat, rows, start = values.tolist(), [], 0
    for length in lengths.tolist():
        rows.append(flat[start : start + length])
        start += length
    return rows, cut


def _write(path: Path, tokens: Tokens) -> None:
    rows, cut = tokens
    arrays: dict[str, Any] = {
        "values": np.fromiter((token for row in rows for token in row), dtype=np.int32),
        "lengths": np.array([len(row) for row in rows], dtype=np.int32),
        "cut": np.array(cut),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem[:16]}-{os.getpid()}-{os.urandom(4).hex()}.npz")
    try:
        np.savez(temporary, **arrays)
        sync_path(temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _prune(folder: Path) -> None:
    files = sorted(folder.glob("[!.]*.npz"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in files[_MOST_KEPT:]:
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
