"""Optuna storages: SQLite and journal files. A study is a run of kind sweep, each trial a run of its own below it."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from runyard.core.clock import to_us
from runyard.core.errors import Corrupt, NotFound
from runyard.service.imports.source import Point, Run, Source, changed_at, number, whole
from runyard.service.imports.sqlite import Database, is_sqlite, opened

# state: status, error_kind
_STATES = {
    "COMPLETE": ("completed", None),
    "PRUNED": ("cancelled", "pruned"),
    "FAIL": ("failed", None),
    "RUNNING": ("failed", "unfinished"),
}
_BY_NUMBER = {0: "RUNNING", 1: "COMPLETE", 2: "PRUNED", 3: "FAIL", 4: "WAITING"}
_NOT_FINITE = {"NAN": math.nan, "INF_POS": math.inf, "INF_NEG": -math.inf}
# The tables that are read, and the column that orders their rows.
_TABLES = {
    "studies": "study_id",
    "study_directions": "objective",
    "trials": "number",
    "trial_params": "param_id",
    "trial_values": "trial_value_id",
    "trial_intermediate_values": "step",
    "trial_user_attributes": "trial_user_attribute_id",
}
_REPORTED, _VALUE = "intermediate_value", "value"  # the latter as in Optuna's own table of trials
_NO_TIMES = "Reported values have no times of their own: the end of their trial stands for them."


@dataclass
class _Trial:
    """One trial as the storage has it; times in microseconds since 1970."""

    number: int
    state: str = "RUNNING"
    started_at: int | None = None
    ended_at: int | None = None
    params: dict[str, Any] = field(default_factory=dict)
    values: dict[int, float] = field(default_factory=dict)
    reported: dict[int, float] = field(default_factory=dict)
    attributes: dict[str, Any] = field(default_factory=dict)


@dataclass
class _Study:
    """One study; directions are `minimize` or `maximize`, one for each objective."""

    name: str
    directions: list[str]
    trials: list[_Trial] = field(default_factory=list)


def read(path: Path) -> Source:
    """Return the studies of a storage file and their trials.

    Raises:
        NotFound: the file holds no study, or PATH is a folder without a storage.
        Corrupt: it cannot be read from its beginning.
    """
    file = path if path.is_file() else _storage(path)
    damages: list[str] = []
    if is_sqlite(file):
        with opened(file) as db:
            studies = list(_from_database(db))
            damages = db.damages
    else:
        studies = _from_journal(file, damages)
    if not studies and damages:
        raise Corrupt(damages[0], hint="Nothing of it can be imported.")
    if not studies:
        raise NotFound(f"There is no study in {file}.", hint="Name the SQLite file or the journal of a study.")
    runs = [run for study in studies for run in _runs(study, changed_at(file), tuple(damages))]
    waiting = sum(trial.state == "WAITING" for study in studies for trial in study.trials)
    notes = (f"{waiting} trials have not started yet and were left out.",) if waiting else ()
    return Source(tuple(runs), (), (*notes, _NO_TIMES))


def _storage(folder: Path) -> Path:
    found = [file for pattern in ("*.db", "*.sqlite3", "*.log") for file in sorted(folder.glob(pattern))]
    if not found:
        raise NotFound(f"There is no Optuna storage in {folder}.", hint="Name the SQLite file or the journal itself.")
    return found[0]


def _from_database(db: Database) -> Iterator[_Study]:
    if not {"studies", "trials"} <= db.tables() and not db.damages:
        raise NotFound(f"{db.path} is no storage of Optuna.", hint="It has no tables named studies and trials.")
    studies: dict[int, _Study] = {}
    trials: dict[int, _Trial] = defaultdict(lambda: _Trial(0))
    lost = _Study("", [])  # of what a damaged table no longer names

    def take(table: str, row: Mapping[str, Any]) -> None:
        study, trial_id = studies.get(row.get("study_id", -1), lost), row.get("trial_id", -1)
        match table:
            case "studies":
                studies[row["study_id"]] = _Study(str(row["study_name"]), [])
            case "study_directions":
                study.directions.append(row["direction"].lower())
            case "trials":
                times = (_moment(row["datetime_start"]), _moment(row["datetime_complete"]))
                trial = trials[trial_id] = _Trial(int(row["number"]), _known_state(row["state"]), *times)
                study.trials.append(trial)
            case "trial_params":
                value = _external(row["param_value"], row["distribution_json"])
                trials[trial_id].params[row["param_name"]] = value
            case "trial_values":
                trials[trial_id].values[row.get("objective", 0)] = _stored(row["value"], row.get("value_type"))
            case "trial_intermediate_values":
                value = _stored(row[_REPORTED], row.get("intermediate_value_type"))
                trials[trial_id].reported[int(row["step"])] = value
            case "trial_user_attributes":
                trials[trial_id].attributes[row["key"]] = json.loads(row["value_json"])

    for table, key in _TABLES.items():
        bad = 0
        # Sorted here: SQLite would sort before it gives the first row, and of a cut file give none.
        for row in sorted(db.rows(f"SELECT * FROM {table}", needed=(key,)), key=lambda row: str(row[key]).zfill(20)):
            try:
                take(table, row)
            except (ValueError, TypeError, KeyError, IndexError, AttributeError):
                bad += 1
        if bad:
            db.damages.append(f"{db.path.name}: {bad} damaged rows of {table} were left out.")
    yield from studies.values()


def _known_state(state: str) -> str:
    if state not in _BY_NUMBER.values():
        raise ValueError(state)
    return state


def _stored(value: float | None, kind: str | None) -> float:
    return math.nan if value is None and kind is None else _NOT_FINITE.get(kind or "", value or 0.0)


def _external(value: float, distribution: str) -> Any:
    """Return a parameter as the objective saw it; the storage holds floats, of a choice its place in the list."""
    kind = json.loads(distribution)
    if choices := kind["attributes"].get("choices"):
        return choices[int(value)]
    return int(value) if kind["name"].startswith("Int") else value


def _from_journal(file: Path, damages: list[str]) -> list[_Study]:
    studies: list[_Study | None] = []
    trials: list[_Trial] = []
    for line_number, line in enumerate(file.read_bytes().splitlines(), start=1):
        try:
            _replay(json.loads(line), studies, trials)
        except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
            said = f"line {line_number} is cut or damaged ({type(error).__name__}: {error})"
            damages.append(f"{file.name}, {said}; what stands before that was imported.")
            break
    return [study for study in studies if study is not None]


def _replay(entry: dict[str, Any], studies: list[_Study | None], trials: list[_Trial]) -> None:
    """Do what one line of a journal says; ids count up from 0 in the order of creation."""
    match entry["op_code"]:
        case 0:
            names = {1: "minimize", 2: "maximize"}
            studies.append(_Study(entry["study_name"], [names.get(one, "minimize") for one in entry["directions"]]))
        case 1:
            studies[entry["study_id"]] = None
        case 4:
            study = studies[entry["study_id"]]
            trial = _created(entry, len(study.trials) if study else 0)
            trials.append(trial)
            if study:
                study.trials.append(trial)
        case 5:
            value = _external(entry["param_value_internal"], entry["distribution"])
            trials[entry["trial_id"]].params[entry["param_name"]] = value
        case 6:
            _finish(trials[entry["trial_id"]], entry)
        case 7:
            trials[entry["trial_id"]].reported[entry["step"]] = float(entry[_REPORTED])
        case 8:
            trials[entry["trial_id"]].attributes.update(entry["user_attr"])


def _created(entry: Mapping[str, Any], place: int) -> _Trial:
    trial = _Trial(place)
    _finish(trial, {"state": 0, **entry})
    for name, value in entry.get("params", {}).items():
        trial.params[name] = _external(value, entry["distributions"][name])
    trial.reported = {int(step): float(value) for step, value in entry.get("intermediate_values", {}).items()}
    trial.attributes = dict(entry.get("user_attrs", {}))
    return trial


def _finish(trial: _Trial, entry: Mapping[str, Any]) -> None:
    trial.state = _BY_NUMBER[entry["state"]]
    trial.started_at = _moment(entry.get("datetime_start")) or trial.started_at
    trial.ended_at = _moment(entry.get("datetime_complete")) or trial.ended_at
    values = entry.get("values") or ([entry["value"]] if entry.get("value") is not None else [])
    trial.values.update(enumerate(map(float, values)))


def _moment(text: str | None) -> int | None:
    """Return a time; without a zone it is taken for UTC."""
    if not text:
        return None
    found = datetime.fromisoformat(text)
    return max(1, to_us(found.astimezone(UTC).replace(tzinfo=None) if found.tzinfo else found))


def _runs(study: _Study, read_at: int, damages: tuple[str, ...]) -> Iterator[Run]:
    trials = [trial for trial in study.trials if trial.state != "WAITING"]
    starts = [trial.started_at for trial in trials if trial.started_at is not None]
    ends = [trial.ended_at for trial in trials if trial.ended_at is not None]
    source_id = f"{study.name}@{min(starts, default=0)}"
    yield Run(
        source_id=source_id,
        name=study.name,
        points=(),
        read_at=read_at,
        agent=study.name,
        kind="sweep",
        facts={"directions": study.directions, "trials": len(trials)},
        started_at=min(starts, default=None),
        ended_at=max(ends, default=None),
        damages=damages,
    )
    for trial in trials:
        yield _run(trial, study, source_id, read_at)


def _run(trial: _Trial, study: _Study, parent: str, read_at: int) -> Run:
    status, kind = _STATES[trial.state]
    at = trial.ended_at or trial.started_at
    last = max(trial.reported, default=0)
    points = [Point(step, ((_REPORTED, value),), at) for step, value in sorted(trial.reported.items())]
    names = [_VALUE] if len(study.directions) < 2 else [f"values_{place}" for place in range(len(study.directions))]
    final = [(names[place], value) for place, value in sorted(trial.values.items()) if place < len(names)]
    attributes = {name: number(value) for name, value in trial.attributes.items()}
    final += [(name, value) for name, value in attributes.items() if value is not None]
    if final:
        points.append(Point(last, tuple(final), at))
    is_loss = study.directions[:1] == ["minimize"]
    return Run(
        source_id=f"{parent}/{trial.number}",
        name=f"{study.name}-{trial.number}",
        points=tuple(points),
        read_at=read_at,
        agent=study.name,
        parent=parent,
        settings=trial.params,
        facts={"trial": trial.number, "state": trial.state, "user_attributes": trial.attributes},
        status=status,
        error_kind=kind,
        error_message=None if status == "completed" else f"Optuna says {trial.state} of this trial.",
        started_at=trial.started_at,
        ended_at=trial.ended_at,
        seed=whole(trial.params.get("seed")),
        losses={"val_loss": _REPORTED} if is_loss else {},
    )
