"""The SDK's functions: init, log, log_epoch, finish, on the current run of the process. `init` alone may raise."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

from runyard.core.errors import Conflict, Invalid, Problem, Unavailable
from runyard.core.ids import new_id
from runyard.core.journal import Journal, RunJournal
from runyard.core.settings import Settings
from runyard.logged_run import Run, Status

_ALIASES = {
    "lr": "learning_rate",
    "max_epochs": "epochs",
    "num_epochs": "epochs",
    "gradient_accumulation_steps": "gradient_accumulation",
    "patience": "early_stopping_patience",
}

_current: Run | None = None


def init(
    *,
    agent: str = "default",
    name: str | None = None,
    config: Mapping[str, Any] | None = None,
    workspace: str = "default",
    tags: tuple[str, ...] | list[str] = (),
    training_type: str = "from_scratch",
    monitor: str = "val_loss",
    mode: Literal["min", "max"] = "min",
    home: str | Path | None = None,
) -> Run:
    """Start a run in the yard (`home`, `RUNYARD_HOME` or ./yard) and make it the current one; no server is needed.

    Use it in a `with`: a script that leaves by `sys.exit(1)` fails its run there. Outside one only an exception is
    seen at the end of the process, never its exit code: the run counts as completed unless `finish("failed")` is said.

    Args:
        agent: what is trained; runs of one agent are its history.
        config: hyperparameters, flat or nested; `seed` and `epochs` among them are understood.
        monitor: the metric that decides which epoch is best, with `mode` min or max.

    Raises:
        Conflict: a run is open already in this process.
        Invalid: a value cannot be used, or the config has no JSON form.
        Unavailable: the yard cannot be written.
    """
    global _current
    if before := current():
        raise Conflict(f"Run {before.name} is still open.", hint="Call runyard.finish() first.")
    if mode not in ("min", "max"):
        raise Invalid("init() cannot use this.", problems=[Problem("mode", f"{mode!r} is not a mode", ("min", "max"))])
    settings = Settings.from_env(home)
    hyperparameters = {_ALIASES.get(key, key): value for key, value in (config or {}).items()}
    seed = hyperparameters.pop("seed", None)
    run_id = new_id()
    name = name or f"{agent}-{str(run_id)[-6:]}"
    yard = settings.yard
    stored = _config(hyperparameters, agent, workspace, training_type, monitor, mode, seed)
    try:
        yard.create()
        yard.run(run_id).path.mkdir()
        pen = RunJournal(Journal(yard.run(run_id).journal(1)), run_id)
        _begin(pen, stored, name=name, tags=list(tags), seed=seed)
    except OSError as error:
        raise Unavailable(
            f"The yard at {yard.home} cannot be written: {error.strerror}.",
            hint="Choose another with home= or RUNYARD_HOME, or mend its owner, mode or disk.",
        ) from error
    run = _current = Run(pen, yard, name=name, monitor=monitor)
    run.begin()
    return run


def current() -> Run | None:
    """Return the run that is open in this process, if there is one."""
    return None if _current is None or _current.has_ended else _current


def log(values: Mapping[str, Any], step: int | None = None, epoch: float | None = None) -> None:
    """Log numbers to the current run; without one, says so once and does nothing."""
    if run := current():
        run.log(values, step, epoch)
    else:
        _say_no_run("log")


def log_epoch(epoch: int, /, **values: Any) -> None:
    """Log a finished epoch to the current run; without one, says so once and does nothing."""
    if run := current():
        run.log_epoch(epoch, **values)
    else:
        _say_no_run("log_epoch")


def define_metric(name: str, *, goal: Literal["min", "max"] | None = None, unit: str | None = None) -> None:
    """Say which values of a metric of the current run are good; without a run, says so once and does nothing."""
    if run := current():
        run.define_metric(name, goal=goal, unit=unit)
    else:
        _say_no_run("define_metric")


def finish(status: Status = "completed") -> None:
    """End the current run, if there is one."""
    if run := current():
        run.finish(status)


def _config(
    hyperparameters: dict[str, Any], agent: str, workspace: str, training_type: str, monitor: str, mode: str, seed: Any
) -> dict[str, Any]:
    config = {
        "agent": agent,
        "workspace": workspace,
        "training_type": training_type,
        "hyperparameters": hyperparameters,
        "optimization": {"early_stopping": {"enabled": False, "monitor": monitor, "mode": mode}},
    }
    if seed is not None:
        config["seed"] = seed
    try:
        loaded: dict[str, Any] = json.loads(json.dumps(config, default=_plain))
    except (TypeError, ValueError) as error:
        raise Invalid("The config has no JSON form.", problems=[Problem("config", str(error))]) from error
    return loaded


def _begin(pen: RunJournal, config: dict[str, Any], *, name: str, tags: list[str], seed: Any) -> None:
    from runyard.core import provenance  # importlib.metadata and git: only once a run begins

    without_seed = {key: value for key, value in config.items() if key != "seed"}
    pen.emit(
        "queued",
        kind="train",
        name=name,
        agent=config["agent"],
        workspace=config["workspace"],
        tags=tags,
        config=config,
        digest=_sha256(config),
        group=_sha256(without_seed),
        seed=seed if isinstance(seed, int) else None,
        launched_by="sdk",
    )
    pen.emit(
        "started",
        device=os.environ.get("RUNYARD_DEVICE", "cpu"),
        accelerators=1,
        git=provenance.git_state(Path.cwd()),
        **provenance.process(),
    )


def _sha256(config: dict[str, Any]) -> str:
    import hashlib

    return hashlib.sha256(json.dumps(config, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else str(value)


_said: set[str] = set()


def _say_no_run(verb: str) -> None:
    if verb not in _said:
        _said.add(verb)
        with suppress(Exception):
            print(f"runyard: {verb}() without a run; call runyard.init() first (said once)", file=sys.stderr)


def _after_fork() -> None:
    if run := current():
        run.continue_in_child()


os.register_at_fork(after_in_child=_after_fork)
