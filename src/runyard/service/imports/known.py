"""What earlier imports wrote: the journals that are there say what of a source is not new."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import zstandard

from runyard.core.errors import Corrupt
from runyard.core.paths import Yard
from runyard.service.imports.source import Point

Event = dict[str, Any]
Seen = tuple[int, str, str, str]

_MARK = re.compile(r"~[0-9a-f]{8}\Z")


@dataclass
class Known:
    """What earlier imports wrote of a run."""

    values: Counter[Seen] = field(default_factory=Counter)
    epochs: dict[int, tuple[int, dict[str, str]]] = field(default_factory=dict)
    attempt: int = 0
    head: Event | None = None
    ended: Event | None = None
    n_damages: int = 0


def beginning(source_id: str) -> str:
    """Return the id that runs have in common that begin alike: the mark that tells one from another is left out."""
    return _MARK.sub("", source_id)


def known_of(yard: Yard, kind: str, source_ids: set[str]) -> dict[str, Known]:
    """Return what earlier imports wrote of some runs and those that begin as they do, by their ids in the source.

    Raises:
        Corrupt: a journal was compressed and damaged since.
    """
    known: dict[str, Known] = {}
    names: dict[str, str] = {}
    for event in _journalled(yard):
        if event["k"] == "queued" and event["source"] == kind:  # each journal begins with it what it tells of a run
            name = event["source_id"]
            if name in source_ids or beginning(name) in source_ids:
                names[event["run"]] = name
        if event["run"] not in names:
            continue
        run = known.setdefault(names[event["run"]], Known())
        run.attempt = max(run.attempt, event.get("attempt", 1))
        match event["k"]:
            case "metrics":
                run.values.update(
                    _seen(event["step"], event.get("epoch"), metric["name"], metric["value"])
                    for metric in event["metrics"]
                )
            case "epoch" if event["attempt"] >= run.epochs.get(event["epoch"], (0, {}))[0]:
                run.epochs[event["epoch"]] = (event["attempt"], loss_columns(event))
            case "queued" if run.head is None or event["attempt"] >= run.head["attempt"]:
                run.head = event
            case "notice" if event["level"] == "warning":
                run.n_damages += 1
            case "ended" if run.ended is None or event["attempt"] >= run.ended["attempt"]:
                run.ended = event
    return known


def _journalled(yard: Yard) -> Iterator[Event]:
    for path in sorted((*yard.events.glob("import-*.jsonl"), *yard.events.glob("import-*.jsonl.zst"))):
        for line in _content(path).splitlines():
            try:
                yield orjson.loads(line)
            except ValueError:  # NaN and the infinities
                yield json.loads(line)


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") if path.suffix == ".jsonl" else zstandard.open(path, "rb") as file:
            return bytes(file.read())
    except FileNotFoundError:  # an ingest compressed it in the meantime
        return _content(path.with_name(path.name + ".zst"))
    except zstandard.ZstdError as error:
        raise Corrupt(f"The journal {path.name} is damaged: {error}.", hint="Bring it back from a backup.") from error


def _seen(step: int, epoch: float | None, name: str, value: float) -> Seen:
    return step, repr(None if epoch is None else float(epoch)), name, repr(float(value))


def loss_columns(event: Mapping[str, Any]) -> dict[str, str]:
    """Return the columns of an epoch event that follow from the source, as text, so that NaN equals NaN."""
    names = ("step", "train_loss", "val_loss", "learning_rate")
    return {name: repr(float(event[name])) for name in names if event.get(name) is not None}


def new_points(points: Sequence[Point], known: Counter[Seen]) -> list[Point]:
    """Return the values that are not among the known ones, as often as they come; their times do not count."""
    if not known:
        return list(points)
    left = Counter(known)
    new: list[Point] = []
    for point in points:
        values = []
        for name, value in point.values:
            seen = _seen(point.step, point.epoch, name, value)
            if left[seen] > 0:
                left[seen] -= 1
            else:
                values.append((name, value))
        if values:
            new.append(Point(point.step, tuple(values), point.at, point.epoch, point.attempt))
    return new
