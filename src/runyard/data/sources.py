"""Where the data set and the base model of a config lie, and whether they are what they claim to be."""

import hashlib
import json
import struct
from dataclasses import dataclass
from pathlib import Path

from runyard.config.dataset import TrainingData
from runyard.core.errors import Invalid, NotFound
from runyard.core.paths import Yard, expanded
from runyard.data.folders import folder_sha256

FORMATS = ("parquet", "csv", "jsonl", "npz", "npy")
FOLDER = "folder"
DIGITS = "sklearn-digits"
_INDEX = "model.safetensors.index.json"
_PICKLES = ("pytorch_model*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")
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
    """A file with examples, a folder of texts, or a data set that scikit-learn brings along (then `path` is None)."""

    name: str
    format: str
    path: Path | None

    def sha256(self) -> str | None:
        """Return the sum of its content, which tells versions of a data set apart; None for scikit-learn's."""
        if self.path is None:
            return None
        if self.format == FOLDER:
            return folder_sha256(self.path)
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def changed_at(self) -> float:
        """Return when it was changed last, in seconds since 1970; 0 for scikit-learn's."""
        if self.path is None:
            return 0.0
        files = [self.path, *self.path.glob("*"), *self.path.glob("*/*.txt")] if self.format == FOLDER else [self.path]
        return max(path.stat().st_mtime for path in files)

    def size_bytes(self) -> int:
        """Return its bytes on the disk; 0 for scikit-learn's."""
        if self.path is None:
            return 0
        files = self.path.glob("*/*.txt") if self.format == FOLDER else [self.path]
        return sum(path.stat().st_size for path in files)


def find_source(data: TrainingData, yard: Yard) -> Source:
    """Return the file of a config's data.

    Raises:
        NotFound: no such data set or file.
        Invalid: it is empty, or of a format that cannot be told or read.
    """
    if data.source is None:
        path = expanded(data.path or "")
    elif data.source == DIGITS:
        return Source(DIGITS, "npz", None)
    else:
        path = _in_yard(data.source, yard)
    name = data.source or path.stem
    if path.is_dir() and data.format in ("auto", FOLDER):
        return Source(name, FOLDER, path)
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


def is_there(name: str, yard: Yard) -> bool:
    """Say whether a name is that of a data set which can be found."""
    try:
        find_source(TrainingData(source=name), yard)
    except (NotFound, Invalid):
        return False
    return True


def data_called(ref: str, yard: Yard) -> TrainingData:
    """Return what people mean by a word: a data set of the yard, else a file or folder, by its path or its ending."""
    if "/" in ref or "\\" in ref:
        return TrainingData(path=ref)
    if not is_there(ref, yard) and ("." in ref or Path(ref).exists()):
        return TrainingData(path=ref)
    return TrainingData(source=ref)


def _in_yard(name: str, yard: Yard) -> Path:
    if "/" in name or "\\" in name or name.startswith("."):
        raise NotFound(f"{name!r} is not the name of a data set.", hint="Give a file as training_data.path.")
    for place in yard.dataset_folders:
        for folder in (place, place / name):
            for ending in FORMATS:
                path = folder / f"{name}.{ending}"
                if path.is_file():
                    return path
        if any(path.is_dir() for path in (place / name).glob("[!.]*")):
            return place / name
        inside = sorted(path for ending in FORMATS for path in (place / name).glob(f"*.{ending}"))
        if len(inside) == 1:
            return inside[0]
    known = ", ".join([*names_of_data_sets(yard), DIGITS])
    raise NotFound(f"There is no data set {name!r} in {yard.datasets}.", hint=f"There are: {known}.")


def names_of_data_sets(yard: Yard) -> list[str]:
    """Return what lies where data sets are looked for: files by the name before their ending, and folders."""
    found = [path for folder in yard.dataset_folders for path in folder.glob("[!.]*")]
    kept = {path.stem for path in found if path.is_file() and path.suffix.lower().lstrip(".") in FORMATS}
    own = {*yard.dataset_folders}
    return sorted(kept | {path.name for path in found if path.is_dir() and path not in own})


def find_model(base_model: str, yard: Yard) -> Path:
    """Return the folder of a base model, by name in the yard or by path.

    Raises:
        NotFound: there is no such folder.
        Invalid: the folder does not hold a transformers model with safetensors weights and a tokenizer.
    """
    folders = [*(place / base_model for place in yard.model_folders), expanded(base_model)]
    folder = next((folder for folder in folders if folder.is_dir()), None)
    if folder is None:
        there = ", ".join(sorted({folder.name for folder in base_models(yard)})) or "none yet"
        raise NotFound(
            f"There is no model {base_model!r} in {yard.models}, nor a folder of that path.",
            hint=f"Models of this yard: {there}. Nothing is downloaded at run time.",
        )
    lacks = list(_lacking(folder))
    if lacks:
        raise Invalid(
            f"The folder {folder} is not a model: {'; '.join(lacks)}.",
            hint="It needs config.json, model.safetensors and the tokenizer's files. Weights of a source that you "
            "trust are converted by loading them elsewhere and save_pretrained(folder).",
        )
    return folder


def base_models(yard: Yard) -> list[Path]:
    """Return the folders that lie where base models are looked for, each name once: the yard's own before others."""
    own = {*yard.model_folders}
    found = [path for place in reversed(yard.model_folders) for path in place.glob("[!.]*") if path.is_dir()]
    return list({path.name: path for path in found if path not in own}.values())


def has_chat_template(folder: Path) -> bool:
    """Say whether the tokenizer of a model folder knows how conversations are written."""
    if (folder / "chat_template.jinja").is_file() or (folder / "chat_template.json").is_file():
        return True
    try:
        return bool(json.loads((folder / "tokenizer_config.json").read_text("utf-8")).get("chat_template"))
    except (OSError, ValueError, AttributeError):
        return False


def _lacking(folder: Path) -> list[str]:
    lacks: list[str] = []
    try:
        if "model_type" not in json.loads((folder / "config.json").read_text("utf-8")):
            lacks.append("config.json names no model_type")
    except FileNotFoundError:
        lacks.append("config.json is missing")
    except (ValueError, OSError, TypeError):
        lacks.append("config.json is not readable JSON")
    weights, index = folder / "model.safetensors", folder / _INDEX
    if not weights.is_file() and index.is_file():
        lacks += _lacking_shards(index)
    elif not weights.is_file():
        pickled = sorted(path.name for pattern in _PICKLES for path in folder.glob(pattern))
        why = f", and pickled weights ({', '.join(pickled[:3])}) are not read: loading one runs the code in it"
        lacks.append(f"model.safetensors is missing{why if pickled else ''}")
    elif not _whole(weights):
        lacks.append("model.safetensors is damaged or not a safetensors file")
    if not any((folder / name).is_file() for name in _TOKENIZERS):
        lacks.append("the tokenizer is missing")
    return lacks


def _lacking_shards(index: Path) -> list[str]:
    """Return what is wrong with the files that the weights are spread over."""
    try:
        names = sorted({str(name) for name in json.loads(index.read_text("utf-8"))["weight_map"].values()})
    except (ValueError, OSError, TypeError, KeyError, AttributeError):
        return [f"{_INDEX} does not say which files the weights lie in"]
    if not names:
        return [f"{_INDEX} names no file"]
    missing = [name for name in names if not (index.parent / name).is_file()]
    if missing:
        return [f"{', '.join(missing[:3])} of {_INDEX} {'are' if len(missing) > 1 else 'is'} missing"]
    return [f"{name} is damaged or not a safetensors file" for name in names if not _whole(index.parent / name)]


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
