"""Runyard: log a training run in two lines, query it as rows, see it on a page.

    with runyard.init(agent="support-bot", config={"lr": 3e-4}) as run:
        run.log_epoch(1, train_loss=0.9, val_loss=1.1)

`record_execution`, `record_feedback`, `record_update` and `record_task_score` say how models are used.

Importing this package imports nothing heavy; DuckDB comes with the first tick of the background thread.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from runyard.logged_run import Run
from runyard.recording import record_execution, record_feedback, record_task_score, record_update
from runyard.sdk import define_metric, finish, init, log, log_epoch

if TYPE_CHECKING:
    from pathlib import Path
    from uuid import UUID

    import torch
    from duckdb import DuckDBPyRelation

    from runyard.notebook import RunCard
    from runyard.train.fitted import Fitted

__all__ = [
    "Run",
    "define_metric",
    "finish",
    "fit",
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
    "start",
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


def start(model_id: str, dataset_id: str, preset_name: str, *, home: str | Path | None = None) -> UUID:
    """Start a run from a model, a data set and a preset, fitted to this machine; returns its id.

    Args:
        model_id: a model of the yard, or the kind of a net, such as cnn1d.
        dataset_id: a data set of the yard, or the path of a file.
        preset_name: as in `runyard presets list`, such as quick_test.

    Raises:
        NotFound: there is no such model, data set or preset.
        Invalid: they do not go together, or do not fit this machine; with what would.
    """
    from runyard.runtime import open_runtime
    from runyard.service.presets import start as start_run

    runtime = open_runtime(home, create=True)
    try:
        return start_run(runtime, model_id, dataset_id, preset_name, launched_by="sdk-launch")
    finally:
        runtime.close()


def fit(
    module: torch.nn.Module,
    data: Any,
    config: Mapping[str, Any] | str | Path | None = None,
    *,
    loss: Callable[[torch.Tensor, torch.Tensor], torch.Tensor] | None = None,
    home: str | Path | None = None,
    resume: str | None = None,
) -> Fitted:
    """Train a torch module of your own on arrays, in this process, and write it down like any other run.

    The module gets batches of X and returns (examples, classes), or the numbers of a regression; it is trained in
    place and ends with the weights of its best epoch.

    Args:
        data: (X, y), of which a share is held out, or ((X, y), (X, y)) for training and validation: arrays, tensors,
            frames or lists; X may be a mapping of them, which the module gets by name. Whole numbers (from 0) and words
            are classes, floats are real numbers.
        config: hyperparameters, flat (`{"learning_rate": 1e-3, "epochs": 20}`) or in the sections of a run's YAML, or
            the path of a YAML file. `name`, `agent`, `seed`, `tags` are understood.
        loss: a function of (outputs, targets) to the mean over the examples, instead of the config's.
        resume: the run to go on with, cancelled or failed: its id, its name or `@latest`.

    Raises:
        Invalid: the module, the data or the config cannot be used, or do not fit together.
        Conflict: the run cannot be resumed with this module or these data.
        RunyardError: the training diverged.
    """
    from runyard.fitting import fit as fit_module

    return fit_module(module, data, config, loss=loss, home=home, resume=resume)


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
