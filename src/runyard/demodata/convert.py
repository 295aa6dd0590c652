"""Turns what was published into files that Runyard reads, as a child process with limits.

Usage: python -m runyard.demodata.convert KIND OUT [IN ...]
KIND is one of `KINDS`; OUT, a file or a folder, appears whole or not at all.
"""

from __future__ import annotations

import lzma
import os
import resource
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from runyard.core.errors import Corrupt, RunyardError
from runyard.demodata import safe_pickle
from runyard.demodata.dialogues import write_chats, write_functions
from runyard.demodata.gguf_model import write_model

_MEMORY_BYTES = 4 << 30
_CPU_SECONDS = 120


def watch(sources: Sequence[Path], target: Path) -> None:
    """Write the watch series, 140 recordings of 6 channels, as one npz without pickles.

    They lie end to end in `values` (time steps, 6); `lengths`, `y`, `label`, `subject` have one entry each.
    """
    with sources[0].open("rb") as file:
        version = np.lib.format.read_magic(file)
        if version != (1, 0):
            raise Corrupt(f"{sources[0].name} is npy version {version}, expected (1, 0).")
        np.lib.format.read_array_header_1_0(file)
        raw: dict[str, Any] = safe_pickle.loads(file.read(), safe_pickle.ARRAYS).item()
    series = [np.asarray(item, dtype=np.float32) for item in raw["X"]]
    names = np.asarray(raw["y_labels"], dtype=str)
    y = np.asarray(raw["y"], dtype=np.int64)

    def write(path: Path) -> None:
        with path.open("wb") as file:
            np.savez_compressed(
                file,
                values=np.concatenate(series),
                lengths=np.asarray([len(item) for item in series], dtype=np.int64),
                y=y,
                label=names[y],
                subject=np.asarray(raw["subject"], dtype=np.int64),
                label_names=names,
                channel_names=np.asarray(raw["X_labels"], dtype=str),
            )

    _whole(target, write)


def reviews(sources: Sequence[Path], target: Path) -> None:
    """Write the food reviews of both files: text, label ('great' or 'other'), split ('train' or 'test')."""
    table: dict[str, list[str]] = {"text": [], "label": [], "split": []}
    for source, split in zip(sources, ("train", "test"), strict=True):
        record = safe_pickle.loads(lzma.decompress(source.read_bytes()), safe_pickle.FRAMES)
        found = safe_pickle.columns(record)
        table["text"] += [str(item) for item in found["review"]]
        table["label"] += [str(item) for item in found["score"]]
        table["split"] += [split] * len(found["score"])
    write_parquet(target, table)


def gguf(sources: Sequence[Path], target: Path) -> None:
    """Write a model of one GGUF file as a folder that transformers loads."""

    def write(folder: Path) -> None:
        folder.mkdir()
        write_model(sources[0], folder)

    shutil.rmtree(target, ignore_errors=True)
    _whole(target, write)


def chats(sources: Sequence[Path], target: Path) -> None:
    """Write the dialogues of a folder of YAML files as JSONL."""
    _whole(target, lambda path: write_chats(sources[0], path))


def functions(sources: Sequence[Path], target: Path) -> None:
    """Write the functions of a folder of modules, or of this Python's library, as JSONL."""
    _whole(target, lambda path: write_functions(path, *sources))


KINDS = {"watch": watch, "reviews": reviews, "gguf": gguf, "chats": chats, "functions": functions}


def write_parquet(target: Path, table: Mapping[str, Sequence[str]]) -> None:
    """Write columns of text as one Parquet file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = pa.table({name: pa.array(list(values), pa.string()) for name, values in table.items()})
    _whole(target, lambda path: pq.write_table(columns, path, compression="zstd"))


def _whole(target: Path, write: Callable[[Path], object]) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        write(temporary)
        os.replace(temporary, target)
    finally:
        if temporary.is_dir():
            shutil.rmtree(temporary)
        temporary.unlink(missing_ok=True)


def _limit() -> None:
    if sys.platform == "linux":  # macOS refuses RLIMIT_AS
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_SECONDS, _CPU_SECONDS))


def main(arguments: Sequence[str]) -> int:
    kind, target, *sources = arguments
    _limit()
    try:
        KINDS[kind]([Path(item) for item in sources], Path(target))
    except RunyardError as error:
        print(error.message, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
