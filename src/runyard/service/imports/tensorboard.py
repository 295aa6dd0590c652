"""TensorBoard event files: TFRecords of Event messages, with scalars as simple values (TF 1, PyTorch) or as tensors.

Field numbers are those of TensorFlow's event.proto, summary.proto and tensor.proto.
"""

from __future__ import annotations

import re
import struct
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from runyard.core.errors import Corrupt, NotFound
from runyard.service.imports import wire
from runyard.service.imports.source import Point, Run, Source, changed_at, goes_back, moment
from runyard.service.imports.wire import Damaged, as_bytes, as_text, fields, masked_crc32c

_FILE = re.compile(r"\.tfevents\.")
_EPOCH = "epoch"  # Lightning's: the epoch of what else is logged at that step
_ALSO_EPOCH = "train/epoch"  # the Trainer's
# DataType: (numpy dtype of tensor_content, number of the repeated field of single values)
_TYPES = {
    1: ("<f4", 5),
    2: ("<f8", 6),
    3: ("<i4", 7),
    4: ("<u1", 7),
    5: ("<i2", 7),
    6: ("<i1", 7),
    9: ("<i8", 10),
    10: ("?", 11),
    17: ("<u2", 7),
    19: ("<f2", 13),
    22: ("<u4", 16),
    23: ("<u8", 17),
}
_BFLOAT16, _HALF = 14, 19
_START = 1


@dataclass
class _File:
    """What one event file says."""

    path: Path
    values: list[tuple[str, int, float, float]] = field(default_factory=list)  # tag, step, value, wall time
    skipped: Counter[str] = field(default_factory=Counter)
    first_at: float | None = None
    starts: list[int] = field(default_factory=list)  # places in `values` where a TF 1 session started
    damage: str = ""


def read(path: Path) -> Source:
    """Return one run for each folder that holds event files, as TensorBoard names them.

    Raises:
        NotFound: there is no event file.
        Corrupt: no file can be read from its beginning.
    """
    paths = [path] if path.is_file() else sorted(file for file in path.rglob("*") if _FILE.search(file.name))
    paths = [file for file in paths if file.is_file()]
    if not paths:
        raise NotFound(f"There is no event file in {path}.", hint="Their names contain `.tfevents.`.")
    folders: dict[Path, list[_File]] = defaultdict(list)
    for file in paths:
        folders[file.parent].append(_read_file(file))
    runs: list[Run] = []
    damages: list[str] = []
    for folder, files in folders.items():
        relative = folder.relative_to(path) if path.is_dir() else Path()
        name = relative.as_posix() if relative.parts else folder.resolve().name
        if any(file.values for file in files):
            runs.append(_run(name, files))
        damages += (f"{file.path}: {file.damage}" for file in files if file.damage and not any(f.values for f in files))
    if not runs and damages:
        raise Corrupt(damages[0], hint="Nothing of it can be imported.")
    notes = () if runs else ("The event files hold no numbers.",)
    return Source(tuple(runs), tuple(damages), notes)


def records(data: bytes) -> Iterator[bytes]:
    """Yield the records of a TFRecord file.

    Raises:
        Damaged: with the byte up to which all is well.
    """
    place = 0
    while place < len(data):
        header = data[place : place + 12]
        if len(header) < 12:
            raise Damaged(f"it is cut at byte {place}")
        length, checksum = struct.unpack("<QI", header)
        if masked_crc32c(header[:8]) != checksum:
            raise Damaged(f"a wrong checksum at byte {place}")
        end = place + 12 + length
        if end + 4 > len(data):
            raise Damaged(f"it is cut at byte {place}")
        record = data[place + 12 : end]
        if masked_crc32c(record) != int.from_bytes(data[end : end + 4], "little"):
            raise Damaged(f"a wrong checksum at byte {place}")
        yield record
        place = end + 4


def _read_file(path: Path) -> _File:
    file = _File(path)
    try:
        for record in records(path.read_bytes()):
            _read_event(file, record)
    except Damaged as error:
        file.damage = f"{error}; what stands before that was imported."
    return file


def _read_event(file: _File, record: bytes) -> None:
    """Add the values of an Event: wall_time 1, step 2, file_version 3, summary 5, session_log 7."""
    at, step, summaries = 0.0, 0, []
    for number, value in fields(record):
        match number:
            case 1:
                at = wire.unpack("<d", value)
            case 2:
                step = wire.signed(value)
            case 5:
                summaries.append(as_bytes(value))
            case 7 if (1, _START) in fields(as_bytes(value)):
                file.starts.append(len(file.values))
    if file.first_at is None:
        file.first_at = at
    found = [value for summary in summaries for number, value in fields(summary) if number == 1]
    for one in found:
        _read_value(file, as_bytes(one), step, at)


def _read_value(file: _File, message: bytes, step: int, at: float) -> None:
    """Add a Summary.Value: tag 1, simple_value 2, tensor 8, metadata 9 (plugin_data 1: plugin_name 1)."""
    tag, plugin, kind = "", "", "an unknown value"
    number: float | None = None
    for place, value in fields(message):
        match place:
            case 1:
                tag = as_text(value)
            case 2:
                number = wire.unpack("<f", value)
            case 8:
                kind, number = "a tensor of several values", _scalar(as_bytes(value))
            case 9:
                plugin = _plugin(as_bytes(value))
            case 3 | 4 | 5 | 6:
                kind = {4: "an image", 5: "a histogram", 6: "a sound"}.get(place, "an unknown value")
    if number is None:
        file.skipped[plugin or kind] += 1
    else:
        file.values.append((tag, step, number, at))


def _plugin(metadata: bytes) -> str:
    for number, value in fields(metadata):
        if number == 1:
            return next((as_text(name) for place, name in fields(as_bytes(value)) if place == 1), "")
    return ""


def _scalar(tensor: bytes) -> float | None:
    """Return the value of a TensorProto of one number (dtype 1, tensor_shape 2, tensor_content 4), else None."""
    parts: dict[int, list[int | bytes]] = defaultdict(list)
    for number, value in fields(tensor):
        parts[number].append(value)
    dtype = parts[1][0] if parts[1] else 0
    for shape in parts[2]:
        for number, dimension in fields(as_bytes(shape)):
            if (
                number == 2
                and next((wire.signed(size) for place, size in fields(as_bytes(dimension)) if place == 1), 0) != 1
            ):
                return None
    if dtype == _BFLOAT16:
        content = b"".join(map(as_bytes, parts[4])) or struct.pack("<H", *wire.packed(parts[13])[:1])
        return wire.unpack("<f", b"\0\0" + content) if len(content) == 2 else None
    if not isinstance(dtype, int) or dtype not in _TYPES:
        return None
    layout, place = _TYPES[dtype]
    if parts[4]:
        content = as_bytes(parts[4][0])
        return float(np.frombuffer(content, layout)[0]) if len(content) == np.dtype(layout).itemsize else None
    return _single(dtype, layout, parts[place])


def _single(dtype: int, layout: str, values: list[int | bytes]) -> float | None:
    """Return the value of a tensor that stands in a field of its type; a zero may be left out."""
    if layout in ("<f4", "<f8"):
        content = b"".join(map(as_bytes, values))  # one by one or packed, the bytes are the same
        if not content:
            return 0.0
        return float(np.frombuffer(content, layout)[0]) if len(content) == np.dtype(layout).itemsize else None
    numbers = wire.packed(values)
    if len(numbers) > 1:
        return None
    if dtype == _HALF:
        return float(np.array(numbers[:1] or [0], "<u2").view("<f2")[0])
    value = numbers[0] if numbers else 0
    return float(value if layout in ("<u8", "<u4") else wire.signed(value))


def _run(name: str, files: list[_File]) -> Run:
    files = sorted(files, key=lambda file: (file.first_at or 0.0, file.path.name))
    points: list[Point] = []
    last: dict[str, int] = {}
    attempt = 1
    for file in files:
        starts = [start for start in file.starts if 0 < start < len(file.values)]
        for first, end in zip([0, *starts], [*starts, len(file.values)], strict=True):
            part = file.values[first:end]
            if goes_back(last, ((tag, step) for tag, step, _, _ in part)):
                attempt += 1
                last.clear()
            points += _points(part, attempt)
            for tag, step, _, _ in part:
                last[tag] = max(step, last.get(tag, step))
    first_file = files[0]
    skipped = sum((file.skipped for file in files), Counter[str]())
    left_out = ", ".join(f"{count} of {kind}" for kind, count in sorted(skipped.items()))
    return Run(
        source_id=f"{first_file.path.name}@{first_file.first_at}",
        name=name,
        points=tuple(points),
        read_at=max(changed_at(file.path) for file in files),
        started_at=moment(first_file.first_at or 0.0),
        facts={"files": [file.path.name for file in files]},
        notes=(f"Not numbers, and left out: {left_out}.",) if left_out else (),
        damages=tuple(f"{file.path.name}: {file.damage}" for file in files if file.damage),
        skipped=sum(skipped.values()),
    )


def _points(values: list[tuple[str, int, float, float]], attempt: int) -> Iterator[Point]:
    epochs = {step: value for wanted in (_ALSO_EPOCH, _EPOCH) for tag, step, value, _ in values if tag == wanted}
    for tag, step, value, at in values:
        if tag != _EPOCH:
            yield Point(step, ((tag, value),), moment(at), epochs.get(step), attempt)
