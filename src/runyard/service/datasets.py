"""The data sets of a yard: which there are, what is in them, how they would be split, and new ones."""

from __future__ import annotations

import os
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from runyard.config.dataset import TrainingData
from runyard.core import records
from runyard.core.errors import Conflict, Invalid, Unavailable
from runyard.core.paths import expanded
from runyard.data.checks import check_classes
from runyard.data.sources import (
    DIGITS,
    FOLDER,
    FORMATS,
    Source,
    data_called,
    find_model,
    find_source,
    is_there,
    names_of_data_sets,
)
from runyard.data.split import chosen_of, sampled, split
from runyard.data.survey import MOST_ROWS, Survey, survey
from runyard.data.table_marks import read_marks
from runyard.data.tables import read_table
from runyard.data.token_lengths import TokenLengths, token_lengths
from runyard.data.version import DataVersion, version_of
from runyard.runtime import Runtime

LARGEST_UPLOAD_MB = 1000
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_KNOWN = "SELECT id, name, sha256, rows, created_at FROM datasets ORDER BY created_at DESC, id"
_ENDINGS = {"pq": "parquet", "ndjson": "jsonl"}


@dataclass(frozen=True)
class Shown:
    """A data set as it lies there now; `version` is None for one that comes with a library."""

    source: Source
    version: DataVersion | None
    size_bytes: int | None
    survey: Survey


@dataclass(frozen=True)
class Preview:
    """How a split would come out: examples of each class in each part."""

    training: dict[str, int]
    validation: dict[str, int]


def list_datasets(rt: Runtime) -> list[dict[str, Any]]:
    """Return the data sets of the yard by name: format, size, path, and what is known of their newest version."""
    rt.store.ingest(verb="look", wait_seconds=2.0)
    known: dict[str, dict[str, Any]] = {}
    for row in rt.store.live(_KNOWN).to_dicts():
        known.setdefault(row["name"], {**row, "versions": 0})["versions"] += 1
    rows = []
    for name in _names(rt):
        source = find_source(TrainingData(source=name), rt.yard)
        about = known.get(name, {})
        rows.append(
            {
                "name": name,
                "format": source.format,
                "size_bytes": _size(source),
                "rows": about.get("rows"),
                "versions": about.get("versions", 0),
                "newest_version": about.get("id"),
                "path": None if source.path is None else str(source.path),
            }
        )
    return rows


def show(rt: Runtime, ref: str) -> Shown:
    """Look at a data set of the yard by name, or at a file or folder by path.

    Raises:
        NotFound: there is no such data set.
        Invalid: it cannot be read, or has no rows.
    """
    return look_at(rt, data_called(ref, rt.yard))


def look_at(rt: Runtime, data: TrainingData) -> Shown:
    """Look at the data of a config, with the columns that it names. Errors as in `show`."""
    source = find_source(data, rt.yard)
    return Shown(source, version_of(source), _size(source), survey(source, data))


def show_source(rt: Runtime, ref: str) -> Source:
    """Return where a data set lies. Errors as in `show`."""
    return source_of(rt, data_called(ref, rt.yard))


def source_of(rt: Runtime, data: TrainingData) -> Source:
    """Return where the data of a config lie. Errors as in `show`."""
    return find_source(data, rt.yard)


def preview(rt: Runtime, ref: str, data: TrainingData) -> Preview:
    """Split a data set as a training would.

    Args:
        data: how to split it; its own source and path do not count.

    Raises:
        NotFound: there is no such data set.
        Invalid: it cannot be split so.
    """
    place = data_called(ref, rt.yard)
    data = data.model_copy(update={"source": place.source, "path": place.path})
    source = find_source(data, rt.yard)
    marks = read_marks(source, data)
    numbers = sampled(marks.labels, data.max_examples)
    labels = [marks.labels[i] for i in numbers]
    classes = check_classes(labels, source.name)
    parts = split(
        labels,
        chosen_of(marks.groups, numbers),
        chosen_of(marks.held_out, numbers),
        data,
        chosen_of(marks.times, numbers),
    )
    training, validation = (Counter(labels[i] for i in part) for part in parts)
    return Preview({name: training[name] for name in classes}, {name: validation[name] for name in classes})


def text_lengths(rt: Runtime, ref: str, column: str, base_model: str, limit: int) -> TokenLengths:
    """Count the tokens of the texts of a data set for a model of the yard.

    Raises:
        NotFound: there is no such data set or model.
        Invalid: it has no such column, or the model no tokenizer that can be read.
    """
    return lengths_of(rt, data_called(ref, rt.yard).model_copy(update={"text_column": column}), base_model, limit)


def lengths_of(rt: Runtime, data: TrainingData, base_model: str, limit: int) -> TokenLengths:
    """Count the tokens of the texts of a config. Errors as in `text_lengths`."""
    source = find_source(data, rt.yard)
    texts = read_table(source, data, limit=MOST_ROWS, labelled=False).texts
    return token_lengths(texts, find_model(base_model, rt.yard), limit)


def add(rt: Runtime, path: Path, name: str | None = None) -> Shown:
    """Copy a file, or a folder of texts, into the yard; the same content under the same name changes nothing.

    Raises:
        NotFound: there is no such file.
        Invalid: it is no data set, or the name cannot be used.
        Conflict: another data set has that name.
        Unavailable: the yard cannot be written.
    """
    path = expanded(path)
    source = find_source(TrainingData(path=str(path)), rt.yard)
    name = _checked_name(name or path.stem)
    target = _target(rt, name, source.format)
    with _beside(target) as temporary:
        if source.format == FOLDER:
            shutil.copytree(path, temporary, ignore=_not_texts)
        else:
            shutil.copyfile(path, temporary)
        return _keep(rt, temporary, target, name, source.format)


def add_upload(rt: Runtime, content: IO[bytes], file_name: str, name: str | None = None) -> Shown:
    """Put an uploaded file into the yard; only the ending of its name is used, unless no other name is given.

    Raises:
        Invalid, Conflict, Unavailable: as `add`; also for a file that is too large.
    """
    given = Path(file_name.replace("\\", "/")).name
    ending = Path(given).suffix.lower().lstrip(".")
    ending = _ENDINGS.get(ending, ending)
    if ending not in FORMATS:
        raise Invalid(f"{given!r} is no file of a kind that is read.", hint=f"These are: {', '.join(FORMATS)}.")
    name = _checked_name(name or Path(given).stem)
    target = _target(rt, name, ending)
    with _beside(target) as temporary:
        with temporary.open("wb") as file:
            left = LARGEST_UPLOAD_MB * 1_000_000
            while piece := content.read(1 << 20):
                left -= len(piece)
                if left < 0:
                    hint = "Add it from a shell: runyard datasets add FILE."
                    raise Invalid(f"{given} has more than {LARGEST_UPLOAD_MB} MB.", hint=hint)
                file.write(piece)
        return _keep(rt, temporary, target, name, ending)


def _names(rt: Runtime) -> list[str]:
    return sorted(name for name in {*names_of_data_sets(rt.yard), DIGITS} if is_there(name, rt.yard))


def _checked_name(name: str) -> str:
    if not _NAME.fullmatch(name) or name == DIGITS:
        raise Invalid(
            f"{name!r} cannot be the name of a data set.", hint="Letters, digits, dots, - and _, and no other's name."
        )
    return name


def _target(rt: Runtime, name: str, kind: str) -> Path:
    return rt.yard.datasets / (name if kind == FOLDER else f"{name}.{kind}")


@contextmanager
def _beside(target: Path) -> Iterator[Path]:
    """Yield a place beside the target, which is emptied whatever happens: nothing half-written is ever a data set."""
    temporary = target.with_name(f".{target.stem}-{os.getpid()}-{os.urandom(4).hex()}{target.suffix}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
    except OSError as error:
        raise Unavailable(f"{target} cannot be written: {error.strerror}.", hint="Free some space.") from error
    finally:
        if temporary.is_dir():
            shutil.rmtree(temporary, ignore_errors=True)
        else:
            temporary.unlink(missing_ok=True)


def _not_texts(folder: str, names: list[str]) -> list[str]:
    here = Path(folder)
    return [name for name in names if name.startswith(".") or ((here / name).is_file() and not name.endswith(".txt"))]


def _keep(rt: Runtime, temporary: Path, target: Path, name: str, kind: str) -> Shown:
    """Look at what was written; give it its name if it is a data set, and record the version."""
    data = TrainingData(path=str(temporary))
    try:
        source = find_source(data, rt.yard)
        found = survey(source, data)
    except Invalid as error:
        said = error.message.replace(str(temporary), target.name).replace(temporary.name, target.name)
        raise Invalid(said, hint=error.hint, problems=error.problems) from error
    version = DataVersion(name, source.sha256() or "")
    if is_there(name, rt.yard):
        there = find_source(TrainingData(source=name), rt.yard)
        if there.sha256() != version.sha256:
            raise Conflict(f"There is another data set {name!r}: {there.path}.", hint="Give this one another name.")
        return Shown(there, version, _size(there), found)
    temporary.rename(target)
    kept = Source(name, kind, target)
    facts: dict[str, Any] = {"version": version.id, "name": name, "sha256": version.sha256}
    facts |= {"path": str(target), "format": kind, "size_bytes": _size(kept), "classes": found.classes}
    facts |= {"columns": found.plain()["columns"], "rows": found.rows if found.is_whole else None}
    event = records.event("dataset", facts)
    rt.record(event["id"], "dataset", **{key: value for key, value in event.items() if key not in ("k", "at")})
    rt.store.ingest(verb="datasets", wait_seconds=5.0, snapshot=True)
    return Shown(kept, version, _size(kept), found)


def _size(source: Source) -> int | None:
    return None if source.path is None else source.size_bytes()
