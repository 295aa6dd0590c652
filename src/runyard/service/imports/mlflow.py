"""MLflow: its file store (`mlruns`) and its SQLite database."""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from runyard.core.errors import Corrupt, NotFound
from runyard.service.imports.source import Point, Run, Source, changed_at, whole
from runyard.service.imports.sqlite import Database, is_sqlite, opened

Logged = tuple[str, int, float, int]  # name, step, value, milliseconds since 1970

_BY_NUMBER = {1: "RUNNING", 2: "SCHEDULED", 3: "FINISHED", 4: "FAILED", 5: "KILLED"}
_STATUS = {"FINISHED": "completed", "FAILED": "failed", "KILLED": "cancelled"}
_PARENT, _NAME, _COMMIT = "mlflow.parentRunId", "mlflow.runName", "mlflow.source.git.commit"
_RUN_ID, _MODEL_ID = (re.compile(rf"^{name}:", re.MULTILINE) for name in ("run_id", "model_id"))
_DELETED = "runs that were deleted in MLflow were left out"


def read(path: Path) -> Source:
    """Return the runs of a tracking folder, an experiment, a run, or a database.

    Raises:
        NotFound: there is no run.
        Corrupt: the database cannot be read from its beginning.
    """
    if path.is_file():
        return _read_database(path)
    metas = [file for file in sorted(path.rglob("meta.yaml")) if _is_run(file)]
    if metas:
        return _read_folders(path, metas)
    databases = [file for file in sorted(path.glob("*.db")) if is_sqlite(file)]
    if not databases:
        raise NotFound(f"There is no MLflow run in {path}.", hint="Name the folder mlruns or the file mlflow.db.")
    return _read_database(databases[0])


def _read_database(path: Path) -> Source:
    with opened(path) as db:
        if not {"runs", "metrics", "experiments"} <= db.tables() and not db.damages:
            raise NotFound(f"{path} is no database of MLflow.", hint="It has no tables named runs and metrics.")
        experiments = {row["experiment_id"]: row["name"] for row in db.rows("SELECT * FROM experiments")}
        params, tags = _pairs(db, "params"), _pairs(db, "tags")
        logged: dict[str, list[Logged]] = defaultdict(list)
        metrics = db.rows("SELECT * FROM metrics", needed=("run_uuid", "key", "value", "step", "timestamp"))
        for row in sorted(metrics, key=lambda row: (row["timestamp"], row["step"])):
            value = float("nan") if row["is_nan"] else _unclipped(row["value"])
            logged[row["run_uuid"]].append((row["key"], row["step"], value, row["timestamp"]))
        rows = db.rows("SELECT * FROM runs", needed=("run_uuid", "status"))
        runs = tuple(
            _run(
                {**row, "run_id": row["run_uuid"], "run_name": row["name"]},
                logged[row["run_uuid"]],
                params=params[row["run_uuid"]],
                tags=tags[row["run_uuid"]],
                experiment=experiments.get(row["experiment_id"]),
                read_at=changed_at(path),
                damages=tuple(db.damages),
            )
            for row in rows
            if row["lifecycle_stage"] != "deleted"
        )
        if not rows and db.damages:
            raise Corrupt(db.damages[0], hint="Nothing of it can be imported.")
        deleted = len(rows) - len(runs)
        return Source(runs, () if runs else tuple(db.damages), (f"{deleted} {_DELETED}.",) if deleted else ())


def _pairs(db: Database, table: str) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for row in db.rows(f'SELECT run_uuid, "key", value FROM {table}', needed=("run_uuid", "key", "value")):
        found[row["run_uuid"]][row["key"]] = row["value"]
    return found


def _unclipped(value: float) -> float:
    """Return what was logged: the database holds the largest floats in place of the infinities."""
    return value if abs(value) < sys.float_info.max else float("inf") if value > 0 else float("-inf")


def _is_run(meta: Path) -> bool:
    """Return whether a meta.yaml is a run's, be it cut: a logged model has one too, and names the run it came from."""
    text = meta.read_text(encoding="utf-8", errors="replace")
    return not _MODEL_ID.search(text) and bool(_RUN_ID.search(text) or (meta.parent / "metrics").is_dir())


def _read_folders(path: Path, metas: list[Path]) -> Source:
    runs: list[Run] = []
    damages: list[str] = []
    deleted = 0
    for meta in metas:
        own: list[str] = []
        facts = _yaml(meta)
        if not facts.get("run_id"):
            damages.append(f"{meta} is cut or damaged: it does not name its run.")
            continue
        if facts.get("lifecycle_stage") == "deleted" or ".trash" in meta.relative_to(path).parts:
            deleted += 1
            continue
        folder = meta.parent
        logged = sorted(_logged(folder / "metrics", own), key=lambda one: (one[3], one[1]))
        run = _run(
            facts,
            logged,
            params=dict(_texts(folder / "params")),
            tags=dict(_texts(folder / "tags")),
            experiment=_yaml(folder.parent / "meta.yaml").get("name"),
            read_at=changed_at(meta),
            damages=tuple(own),
        )
        runs.append(run)
    if not runs and damages:
        raise Corrupt(damages[0], hint="Nothing of it can be imported.")
    return Source(tuple(runs), tuple(damages), (f"{deleted} {_DELETED}.",) if deleted else ())


def _yaml(file: Path) -> dict[str, Any]:
    try:
        found = yaml.safe_load(file.read_text(encoding="utf-8", errors="replace"))
    except (yaml.YAMLError, FileNotFoundError):
        return {}
    return found if isinstance(found, dict) else {}


def _texts(folder: Path) -> Iterator[tuple[str, str]]:
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            yield file.relative_to(folder).as_posix(), file.read_text(encoding="utf-8", errors="replace")


def _logged(folder: Path, damages: list[str]) -> Iterator[Logged]:
    """Yield the lines `milliseconds value step` of each metric's file; old ones have no step."""
    for name, text in _texts(folder):
        for number, line in enumerate(text.splitlines(keepends=True), start=1):
            words = line.split()
            is_whole = line.endswith("\n")
            try:
                if not is_whole and len(words) < 3:
                    raise ValueError(line)
                at, value, step = int(words[0]), float(words[1]), int(words[2]) if len(words) > 2 else 0
            except (ValueError, IndexError):
                damages.append(f"metrics/{name}, line {number} is cut or damaged; it was left out.")
                continue
            if not is_whole:
                damages.append(
                    f"metrics/{name}, line {number} has no line end, so it may be cut; imported as it stands."
                )
            yield name, step, value, at


def _run(
    facts: Mapping[str, Any],
    logged: Iterable[Logged],
    *,
    params: Mapping[str, str],
    tags: Mapping[str, str],
    experiment: str | None,
    read_at: int,
    damages: tuple[str, ...],
) -> Run:
    status = facts.get("status")
    said = status if isinstance(status, str) else _BY_NUMBER.get(status or 0, "UNKNOWN")
    name = facts.get("run_name") or tags.get(_NAME) or facts["run_id"]
    settings = {key: yaml_value(value) for key, value in params.items()}
    return Run(
        source_id=str(facts["run_id"]),
        name=str(name),
        points=tuple(_points(logged)),
        read_at=read_at,
        agent=experiment,
        parent=tags.get(_PARENT),
        settings=settings,
        facts={"experiment": experiment, "tags": dict(tags), "commit": tags.get(_COMMIT)},
        status=_STATUS.get(said, "failed"),
        error_kind=None if said in _STATUS else "unfinished",
        error_message=None if said == "FINISHED" else f"MLflow says {said} of this run.",
        started_at=_micros(facts.get("start_time")),
        ended_at=_micros(facts.get("end_time")),
        seed=whole(settings.get("seed")),
        tags=tuple(f"{key}={value}" for key, value in tags.items() if not key.startswith("mlflow.")),
        damages=damages,
    )


def yaml_value(text: str) -> Any:
    """Return a parameter as the number or truth value that its text spells."""
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        return {"True": True, "False": False}.get(text, text)


def _micros(milliseconds: object) -> int | None:
    found = whole(milliseconds)
    return found * 1000 if found and found > 0 else None


def _points(logged: Iterable[Logged]) -> Iterator[Point]:
    at_once: list[tuple[str, float]] = []
    place: tuple[int, int] | None = None
    for name, step, value, at in logged:
        if place is not None and place != (step, at):
            yield Point(place[0], tuple(at_once), _micros(place[1]))
            at_once = []
        place = (step, at)
        at_once.append((name, value))
    if place is not None:
        yield Point(place[0], tuple(at_once), _micros(place[1]))
