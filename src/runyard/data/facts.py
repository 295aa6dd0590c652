"""What can be known of a data set at a glance: what kind of task it is for, how many examples, how long they are."""

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from runyard.config.dataset import TrainingData
from runyard.core.paths import Yard
from runyard.data.folders import files_of
from runyard.data.sources import DIGITS, FOLDER, Source, find_source, names_of_data_sets
from runyard.data.tables import rows_of

_HEAD = 200
_ANSWERS = ("completion", "response")


@dataclass(frozen=True)
class DataFacts:
    """A data set: `task` is classification, chat, completion, text, series or unknown.

    `examples` is exact where the file says it, else reckoned from the first rows; `characters` is their mean length.
    """

    name: str
    task: str
    examples: int | None
    characters: float | None = None
    steps: int | None = None
    channels: int | None = None
    size_gb: float = 0.0


def read_data(data: TrainingData, yard: Yard) -> DataFacts:
    """Look at the head of a config's data.

    Raises:
        NotFound, Invalid: as `find_source`, or the rows cannot be read.
    """
    source = find_source(data, yard)
    if source.path is None:
        return DataFacts(source.name, "series", 1797, steps=8, channels=8)
    size = source.size_bytes()
    if source.format == "npz":
        return _series(source, size)
    if source.format == FOLDER:
        files = files_of(source.path)
        characters = size / max(1, len(files))
        return DataFacts(source.name, "classification", len(files), characters, size_gb=size / 1e9)
    head = [row for _, row in islice(rows_of(source, data), _HEAD)]
    task = _task(head[0], data) if head else "unknown"
    texts = [_characters(row, task, data) for row in head]
    mean = sum(texts) / len(texts) if texts else None
    return DataFacts(source.name, task, _examples(source.path, source.format, len(head)), mean, size_gb=size / 1e9)


def data_sets_in(yard: Yard) -> list[str]:
    """Return the names of the data sets that a config may name."""
    return [*names_of_data_sets(yard), DIGITS]


def _task(row: Mapping[str, Any], data: TrainingData) -> str:
    if "messages" in row:
        return "chat"
    if "prompt" in row and any(answer in row for answer in _ANSWERS):
        return "completion"
    if data.text_column in row:
        return "classification" if data.label_column in row else "text"
    return "unknown"


def _characters(row: Mapping[str, Any], task: str, data: TrainingData) -> int:
    if task == "chat":
        turns = row.get("messages") or ()
        return sum(len(str(turn.get("content") or "")) for turn in turns if isinstance(turn, dict))
    if task == "completion":
        return sum(len(str(value)) for value in row.values() if isinstance(value, str))
    return len(str(row.get(data.text_column) or ""))


def _examples(path: Path, kind: str, in_head: int) -> int:
    """Count the rows: Parquet and NPY say it; else small files are counted, of large ones the first megabytes speak."""
    if kind == "parquet":
        import pyarrow.parquet

        return int(pyarrow.parquet.ParquetFile(path).metadata.num_rows)
    if in_head < _HEAD:
        return in_head
    if kind == "npy":
        import numpy as np

        return int(np.load(path, mmap_mode="r", allow_pickle=False).shape[0])
    size, seen, lines = path.stat().st_size, 0, 0
    with path.open("rb") as file:
        while seen < 8_000_000 and (part := file.read(1_000_000)):
            seen, lines = seen + len(part), lines + part.count(b"\n")
    return round(lines * size / max(seen, 1)) - (kind == "csv")


def _series(source: Source, size: int) -> DataFacts:
    """Read the shapes of the arrays alone."""
    import numpy as np

    assert source.path is not None
    shapes: dict[str, tuple[int, ...]] = {}
    try:
        with zipfile.ZipFile(source.path) as archive:
            for member in archive.namelist():
                with archive.open(member) as file:
                    version = np.lib.format.read_magic(file)
                    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else (
                        np.lib.format.read_array_header_2_0)  # fmt: skip
                    shapes[member.removesuffix(".npy")] = read(file)[0]
    except (ValueError, OSError, zipfile.BadZipFile):
        return DataFacts(source.name, "unknown", None, size_gb=size / 1e9)
    whole = shapes.get("X") or ()
    values = shapes.get("values") or ()
    examples = (whole or shapes.get("lengths") or (None,))[0]
    steps = whole[1] if len(whole) > 1 else None
    if values and examples:
        steps = max(1, round(values[0] / examples))
    channels = next((shape[-1] for shape in (whole, values) if len(shape) > (2 if shape is whole else 1)), 1)
    return DataFacts(source.name, "series", examples, steps=steps, channels=channels, size_gb=size / 1e9)
