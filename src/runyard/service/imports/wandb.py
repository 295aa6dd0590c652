"""Offline runs of Weights & Biases: `.wandb` files, a LevelDB log of protobuf records.

Field numbers are those of wandb_internal.proto. The file holds what was logged whether or not it was synchronised.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from runyard.core.errors import Corrupt, NotFound
from runyard.service.imports import wire
from runyard.service.imports.resumed import EPOCH, OWN, STEP, TIME, LogFile, run_of
from runyard.service.imports.source import Point, Source, moment, number, whole
from runyard.service.imports.wire import Damaged, as_bytes, as_text, fields

_MAGIC = b":W&B\xe1\xbe"  # and one byte of the version
_HEAD_BYTES, _BLOCK, _RECORD_HEAD = 7, 32768, 7
_FULL, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4
_HISTORY, _SUMMARY, _CONFIG, _STATS, _RUN, _EXIT = 2, 3, 5, 7, 17, 18
_ALSO_EPOCH = "train/epoch"  # the Trainer's


def read(path: Path) -> Source:
    """Return the runs of a `.wandb` file, of a run's folder, or of all below a folder.

    Raises:
        NotFound: there is no such file.
        Corrupt: none can be read from its beginning.
    """
    files = [path] if path.is_file() else sorted({file.resolve() for file in path.rglob("*.wandb")})
    if not files:
        raise NotFound(f"There is no .wandb file in {path}.", hint="Offline runs lie in folders named offline-run-*.")
    parts: dict[str, list[LogFile]] = defaultdict(list)
    damages: list[str] = []
    for place in files:
        file = _read_file(place)
        if file.id:
            parts[file.id].append(file)
        else:
            damages.append(f"{place}: {file.damage or 'it names no run'}.")
    if not parts:
        raise Corrupt(damages[0], hint="Nothing of it can be imported.")
    return Source(tuple(run_of(own) for own in parts.values()), tuple(damages))


def records(data: bytes) -> Iterator[bytes]:
    """Yield the records of a log: blocks of 32 kB, parts of records with checksum, length and kind.

    Raises:
        Damaged: with the byte up to which all is well.
    """
    if data[: len(_MAGIC)] != _MAGIC or len(data) < _HEAD_BYTES:
        raise Damaged("it does not begin as a .wandb file")
    place, parts = _HEAD_BYTES, b""
    while place < len(data):
        left = _BLOCK - place % _BLOCK
        if left < _RECORD_HEAD:  # too little for another head: padding
            place += left
            continue
        if place + _RECORD_HEAD > len(data):
            raise Damaged(f"it is cut at byte {place}")
        checksum, length, kind = struct.unpack("<IHB", data[place : place + _RECORD_HEAD])
        part = data[place + _RECORD_HEAD : place + _RECORD_HEAD + length]
        if len(part) < length:
            raise Damaged(f"it is cut at byte {place}")
        if zlib.crc32(part, zlib.crc32(bytes([kind]))) != checksum or kind not in (_FULL, _FIRST, _MIDDLE, _LAST):
            raise Damaged(f"a wrong checksum at byte {place}")
        parts = part if kind in (_FULL, _FIRST) else parts + part
        place += _RECORD_HEAD + length
        if kind in (_FULL, _LAST):
            yield parts
            parts = b""
    if parts:
        raise Damaged(f"it is cut at byte {place}")


def _read_file(path: Path) -> LogFile:
    file = LogFile(path)
    try:
        for record in records(path.read_bytes()):
            for place, content in fields(record):
                _READ.get(place, _ignore)(file, content)
    except Damaged as error:
        file.damage = str(error)
    return file


def _ignore(file: LogFile, content: int | bytes) -> None:
    """Leave out records of files, output and telemetry."""


def _read_run(file: LogFile, content: int | bytes) -> None:
    """Take a RunRecord: run_id 1, entity 2, project 3, config 4, display_name 8, tags 10, host 13, start_time 17."""
    for place, value in fields(as_bytes(content)):
        match place:
            case 1:
                file.id = as_text(value)
            case 2 | 6 | 7 | 9 | 12:
                names = {2: "entity", 6: "run_group", 7: "job_type", 9: "notes", 12: "sweep_id"}
                file.facts[names[place]] = as_text(value)
            case 3:
                file.project = as_text(value)
            case 4:
                _read_config(file, value)
            case 8:
                file.name = as_text(value)
            case 10:
                file.tags.append(as_text(value))
            case 13:
                file.host = as_text(value)
            case 17:
                file.started_at = _timestamp(value)


def _timestamp(content: int | bytes) -> int | None:
    """Return a google.protobuf.Timestamp: seconds 1, nanos 2."""
    parts = dict(fields(as_bytes(content)))
    return moment(wire.signed(parts.get(1, 0)) + wire.signed(parts.get(2, 0)) / 1e9)


def _read_config(file: LogFile, content: int | bytes) -> None:
    for place, value in fields(as_bytes(content)):
        if place == 1:
            name, item = _item(as_bytes(value))
            file.config[name] = item


def _read_history(file: LogFile, content: int | bytes) -> None:
    """Take a HistoryRecord: item 1, step 2 (num 1)."""
    row: dict[str, Any] = {}
    step: int | None = None
    for place, value in fields(as_bytes(content)):
        if place == 1:
            name, item = _item(as_bytes(value))
            row.update(_flat(name, item))
        elif place == 2:
            step = wire.signed(dict(fields(as_bytes(value))).get(1, 0))
    found = whole(row.pop(STEP, None))
    file.step = step if found is None and step is not None else file.step if found is None else found
    at = moment(number(row.pop(TIME, None)) or 0.0)
    epoch = number(row.get(EPOCH))
    if epoch is None:
        epoch = number(row.get(_ALSO_EPOCH))
    else:
        del row[EPOCH]
    _add(file, row, at, epoch)
    file.logged += ((name, file.step) for name, item in row.items() if number(item) is not None)


def _read_stats(file: LogFile, content: int | bytes) -> None:
    """Take a StatsRecord, the load of the machine: timestamp 2, item 3 (key 1, value_json 16)."""
    row: dict[str, Any] = {}
    at: int | None = None
    for place, value in fields(as_bytes(content)):
        if place == 2:
            at = _timestamp(value)
        elif place == 3:
            name, item = _item(as_bytes(value))
            row.update(_flat(name, item))
    _add(file, row, at, None)


def _add(file: LogFile, row: dict[str, Any], at: int | None, epoch: float | None) -> None:
    numbers = {name: number(item) for name, item in row.items()}
    file.skipped.update(name for name, item in numbers.items() if item is None and not name.startswith(OWN))
    values = tuple((name, item) for name, item in numbers.items() if item is not None)
    if values:
        file.points.append(Point(file.step, values, at, epoch))


def _read_summary(file: LogFile, content: int | bytes) -> None:
    for place, value in fields(as_bytes(content)):
        if place == 1:
            name, item = _item(as_bytes(value))
            file.summary.update(_flat(name, item))


def _read_exit(file: LogFile, content: int | bytes) -> None:
    file.exit_code = wire.signed(dict(fields(as_bytes(content))).get(1, 0))


def _item(content: bytes) -> tuple[str, Any]:
    """Return name and value of an item: key 1 or nested_key 2, and its value as JSON."""
    names: list[str] = []
    value: Any = None
    for place, part in fields(content):
        if place in (1, 2):
            names.append(as_text(part))
        elif place == 16:
            value = _json(as_text(part))
    return ".".join(names), value


def _json(text: str) -> Any:
    """Return a value; W&B writes what is not finite as NaN and Infinity, in quotes or without."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return float(value) if value in ("NaN", "Infinity", "-Infinity") else value


def _flat(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and "_type" not in value and name != OWN:
        for key, inner in value.items():
            yield from _flat(f"{name}.{key}", inner)
    else:
        yield name, value


_READ = {
    _HISTORY: _read_history,
    _SUMMARY: _read_summary,
    _CONFIG: _read_config,
    _STATS: _read_stats,
    _RUN: _read_run,
    _EXIT: _read_exit,
}
