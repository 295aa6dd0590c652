"""Which reader reads which kind of source, and the import itself: read, plan, write, fold."""

from __future__ import annotations

from pathlib import Path

from runyard.core.errors import Invalid, NotFound, Problem
from runyard.core.paths import Yard
from runyard.runtime import Runtime
from runyard.service.imports import record
from runyard.service.imports.source import COLUMNS, LOSSES, Columns, Kind, Source
from runyard.store.flock import flock

_TABLES = (Kind.csv, Kind.jsonl, Kind.parquet)


def read(kind: Kind, path: Path, columns: Columns) -> Source:
    """Read a source; the readers' own libraries are loaded by the one that is used.

    Raises:
        NotFound: there is nothing of that kind.
        Invalid: it holds something else, or the mapping names what it does not have.
        Corrupt: it is damaged from its beginning.
    """
    if not path.exists():
        raise NotFound(f"There is no {path}.", hint="Check the path.")
    if kind not in _TABLES and (parts := [part for part in columns.named if part in COLUMNS]):
        problems = [Problem(f"--map {part}", f"{kind} has no columns to choose from", LOSSES) for part in parts]
        raise Invalid("Columns can be mapped for tables alone.", problems=problems)
    match kind:
        case Kind.transformers:
            from runyard.service.imports import transformers

            return transformers.read(path)
        case Kind.tensorboard:
            from runyard.service.imports import tensorboard

            return tensorboard.read(path)
        case Kind.csv | Kind.jsonl | Kind.parquet:
            from runyard.service.imports import tables

            return tables.read(path, kind.value, columns)
        case Kind.mlflow:
            from runyard.service.imports import mlflow

            return mlflow.read(path)
        case Kind.wandb:
            from runyard.service.imports import wandb

            return wandb.read(path)
        case Kind.optuna:
            from runyard.service.imports import optuna

            return optuna.read(path)


def look(
    yard: Yard, kind: Kind, path: Path, columns: Columns, *, agent: str | None, workspace: str | None
) -> tuple[Source, record.Plan]:
    """Return what an import would do; nothing is written, and the yard need not exist."""
    source = read(kind, path, columns)
    _refuse_unknown(source, columns)
    return source, record.plan(yard, kind.value, source, columns, agent=agent, workspace=workspace)


def bring_in(
    rt: Runtime, kind: Kind, path: Path, columns: Columns, *, agent: str | None, workspace: str | None
) -> tuple[Source, record.Plan]:
    """Import what is new in a source and fold it into the tables.

    Raises:
        Unavailable: the yard cannot be written, or another import is at it.
    """
    with flock(rt.yard.store / "import.lock", verb="import", wait_seconds=60.0):
        source, planned = look(rt.yard, kind, path, columns, agent=agent, workspace=workspace)
        record.write(rt.yard, planned)
    rt.store.ingest(verb="import", wait_seconds=30.0, snapshot=True)
    return source, planned


def _refuse_unknown(source: Source, columns: Columns) -> None:
    names = {name for run in source.runs for point in run.points for name, _ in point.values}
    problems = [
        Problem(f"--map {part}", f"no run has a metric named {name!r}", tuple(sorted(names)[:50]))
        for part in LOSSES
        if (name := columns.of(part)) and name not in names
    ]
    if problems and source.runs:
        raise Invalid("The mapping names metrics that the source does not have.", problems=problems)
