"""Runyard: log a training run in two lines, query it as rows, see it on a page.

    with runyard.init(agent="support-bot", config={"lr": 3e-4}) as run:
        run.log_epoch(1, train_loss=0.9, val_loss=1.1)

`record_execution`, `record_feedback`, `record_update` and `record_task_score` say how models are used.

Importing this package imports nothing heavy; DuckDB comes with the first tick of the background thread.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from runyard.logged_run import Run
from runyard.recording import record_execution, record_feedback, record_task_score, record_update
from runyard.sdk import define_metric, finish, init, log, log_epoch

if TYPE_CHECKING:
    from pathlib import Path
    from uuid import UUID

    from duckdb import DuckDBPyRelation

    from runyard.notebook import RunCard

__all__ = [
    "Run",
    "define_metric",
    "finish",
    "init",
    "launch",
    "log",
    "log_epoch",
    "query",
    "record_execution",
    "record_feedback",
    "record_task_score",
    "record_update",
    "run",
]


def launch(config: str | Path | Mapping[str, Any], *, home: str | Path | None = None) -> UUID:
    """Queue a run from a YAML file or a mapping of the same shape; returns its id.

    Raises:
        Invalid: the config has mistakes, all of them listed.
        NotFound: its data or base model is not there.
    """
    from runyard.config.run import load_run_config, parse_run_config
    from runyard.runtime import open_runtime
    from runyard.service.launch import launch as launch_run

    parsed = parse_run_config(dict(config)) if isinstance(config, Mapping) else load_run_config(config)
    runtime = open_runtime(home, create=True)
    try:
        return launch_run(runtime, parsed, launched_by="sdk-launch")
    finally:
        runtime.close()


def query(sql: str, *, home: str | Path | None = None) -> DuckDBPyRelation:
    """Return a DuckDB relation on the newest data: `.pl()`, `.df()`, `.fetchall()`, `.show()`.

    What waits in the journals is ingested first.

    Raises:
        NotFound: there is no yard, or nothing in it yet.
        Unavailable: the store cannot be had.
    """
    from runyard.runtime import open_runtime

    runtime = open_runtime(home)
    try:
        runtime.store.ingest(verb="query", wait_seconds=5.0, snapshot=True)
        return runtime.store.relation(sql)
    finally:
        runtime.close()


def run(ref: str = "@latest", *, home: str | Path | None = None) -> RunCard:
    """Return a run to look at: a notebook shows its status, best epoch and loss curves, `print` the same in words.

    Args:
        ref: id, unique prefix, name, `@latest` or `@best:METRIC`.

    Raises:
        NotFound: there is no yard, or no such run.
        Conflict: several runs fit.
    """
    from runyard.notebook import card

    return card(ref, home)
