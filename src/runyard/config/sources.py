"""Where the data set and the base model of a config lie, and whether they are what they claim to be."""

import json
import struct
from dataclasses import dataclass
from pathlib import Path

from runyard.config.dataset import TrainingData
from runyard.core.errors import Invalid, NotFound
from runyard.core.paths import Yard

FORMATS = ("parquet", "csv", "jsonl", "npz")
DIGITS = "sklearn-digits"
_TOKENIZERS = (
    "tokenizer.json",
    "vocab.txt",
    "vocab.json",
    "sentencepiece.bpe.model",
    "spiece.model",
    "tokenizer.model",
)


@dataclass(frozen=True)
class Source:
    """A file with examples, or a data set that scikit-learn brings along (then `path` is None)."""

    name: str
    format: str
    path: Path | None


def find_source(data: TrainingData, yard: Yard) -> Source:
    """Return the file of a config's data.

    Raises:
        NotFound: no such data set or file.
        Invalid: it is empty, or of a format that cannot be told or read.
    """
    if data.source is None:
        path = Path(data.path or "").expanduser()
    elif data.source == DIGITS:
        return Source(DIGITS, "npz", None)
    else:
        path = _in_yard(data.source, yard)
    name = data.source or path.stem
    if not path.is_file():
        what = "is a folder, not a file" if path.is_dir() else "does not exist"
        raise NotFound(f"The data file {path} {what}.", hint="Check training_data.path.")
    kind = path.suffix.lower().lstrip(".") if data.format == "auto" else data.format
    kind = {"ndjson": "jsonl", "pq": "parquet"}.get(kind, kind)
    if kind not in FORMATS:
        raise Invalid(
            f"The format of {path.name} cannot be told from its ending.",
            hint=f"Set training_data.format to one of {', '.join(FORMATS)}.",
        )
    if path.stat().st_size == 0:
        raise Invalid(f"The data file {path} is empty.", hint="It needs rows with a text and a label, or series.")
    return Source(name, kind, path)


def _in_yard(name: str, yard: Yard) -> Path:
    if "/" in name or "\\" in name or name.startswith("."):
        raise NotFound(f"{name!r} is not the name of a data set.", hint="Give a file as training_data.path.")
    for folder in (yard.datasets, yard.datasets / name):
        for ending in FORMATS:
            path = folder / f"{name}.{ending}"
            if path.is_file():
                return path
    inside = sorted(path for ending in FORMATS for path in (yard.datasets / name).glob(f"*.{ending}"))
    if len(inside) == 1:
        return inside[0]
    there = sorted(path.stem for path in yard.datasets.glob("*") if path.suffix.lstrip(".") in ("", *FORMATS))
    known = ", ".join([*there, DIGITS])
    raise NotFound(f"There is no data set {name!r} in {yard.datasets}.", hint=f"There are: {known}.")


def find_model(base_model: str, yard: Yard) -> Path:
    """Return the folder of a base model, by name in the yard or by path.

    Raises:
        NotFound: there is no such folder.
        Invalid: the folder does not hold a transformers model with safetensors weights and a tokenizer.
    """
    folder = yard.models / base_model
    if not folder.is_dir():
        folder = Path(base_model).expanduser()
    if not folder.is_dir():
        there = ", ".join(sorted(path.name for path in yard.models.glob("*") if path.is_dir())) or "none yet"
        raise NotFound(
            f"There is no model {base_model!r} in {yard.models}, nor a folder of that path.",
            hint=f"Models of this yard: {there}. Nothing is downloaded at run time.",
        )
    lacks = list(_lacking(folder))
    if lacks:
        raise Invalid(
            f"The folder {folder} is not a model: {'; '.join(lacks)}.",
            hint="It needs config.json, model.safetensors and the tokenizer's files.",
        )
    return folder


def _lacking(folder: Path) -> list[str]:
    lacks: list[str] = []
    try:
        if "model_type" not in json.loads((folder / "config.json").read_text("utf-8")):
            lacks.append("config.json names no model_type")
    except FileNotFoundError:
        lacks.append("config.json is missing")
    except (ValueError, OSError, TypeError):
        lacks.append("config.json is not readable JSON")
    weights = folder / "model.safetensors"
    if not weights.is_file() and not (folder / "model.safetensors.index.json").is_file():
        lacks.append("model.safetensors is missing")
    elif weights.is_file() and not _whole(weights):
        lacks.append("model.safetensors is damaged or not a safetensors file")
    if not any((folder / name).is_file() for name in _TOKENIZERS):
        lacks.append("the tokenizer is missing")
    return lacks


def _whole(weights: Path) -> bool:
    """Check the header against the size: finds placeholders and downloads that were cut short."""
    size = weights.stat().st_size
    with weights.open("rb") as file:
        head = file.read(8)
        length = struct.unpack("<Q", head)[0] if len(head) == 8 else size
        if length > size - 8:
            return False
        try:
            header = json.loads(file.read(length))
            ends = [entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"]
        except (ValueError, TypeError, KeyError, AttributeError):
            return False
    return bool(8 + length + max(ends, default=0) == size)
