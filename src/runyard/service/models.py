"""What one does with a saved model: name it, judge it on examples, let it predict."""

from __future__ import annotations

import hashlib
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson

from runyard.config.reinforcement import ClassifierReward, Dpo
from runyard.config.run import RunConfig, load_run_config
from runyard.core import errors
from runyard.core.errors import Conflict, Invalid, NotFound, Problem, RunyardError
from runyard.core.paths import RunFolder
from runyard.runtime import Runtime
from runyard.service.processes import apply_model
from runyard.service.runs import resolve

_VERSION = re.compile(r"(?P<agent>[^@]+)@(?P<version>[^@]+)")
_BY_VERSION = "SELECT run_id FROM model_versions WHERE agent_id = $agent AND version = $version"
_NEWEST = "SELECT run_id FROM model_versions WHERE agent_id = $agent ORDER BY created_at DESC, id DESC LIMIT 1"
_KNOWN = "SELECT version FROM model_versions WHERE agent_id = $agent ORDER BY created_at DESC, id DESC LIMIT 10"
_SAVED = """
SELECT r.name, r.status, r.agent_id, s.model_version, s.model_sha256, r.config ->> '$.model.model_type' AS model_type
FROM runs AS r LEFT JOIN training_sessions AS s ON s.id = r.id
WHERE r.id = $id
"""
_OF_A_KIND = "Weights go between models of one type: text_encoder, causal_lm, cnn1d, mlp or lstm."


@dataclass(frozen=True)
class Saved:
    """The model that a run saved; `version` is None where it is none of its agent: that of a trial, say."""

    run_id: UUID
    agent: str
    version: str | None
    folder: RunFolder
    sha256: str


@dataclass(frozen=True)
class Judged:
    """The rows of `benchmark_executions` that came of it, and whether they were recorded."""

    saved: Saved
    rows: list[dict[str, Any]]
    recorded: bool


def find_saved(rt: Runtime, ref: str) -> Saved:
    """Return the model that a reference names: a run as in `resolve`, AGENT@VERSION, or AGENT@latest.

    Raises:
        NotFound: there is no such run or version.
        Conflict: the run has saved no model, or a prefix names several runs.
    """
    run_id = _of_version(rt, *found.groups()) if (found := _VERSION.fullmatch(ref)) else resolve(rt, ref)
    row = rt.store.live(_SAVED, {"id": str(run_id)}).row(0, named=True)
    if row["model_type"] == "own_module":
        raise Conflict(
            f"Run {row['name'] or run_id} trained a module of its own script, which alone can use it.",
            hint="Load model.safetensors of its folder into that module: docs/own-modules.md.",
        )
    if not row["model_sha256"]:
        raise Conflict(
            f"Run {row['name'] or run_id} has saved no model: it is {row['status']}.",
            hint="What Runyard trains saves one when it completes: see `runyard runs --status completed`.",
        )
    return Saved(run_id, row["agent_id"], row["model_version"], rt.yard.run(run_id), row["model_sha256"])


def _of_version(rt: Runtime, agent: str, version: str) -> UUID:
    rt.store.ingest(verb="look", wait_seconds=2.0)
    newest = version == "latest"
    parameters = {"agent": agent} if newest else {"agent": agent, "version": version.removeprefix("v")}
    found = rt.store.live(_NEWEST if newest else _BY_VERSION, parameters)["run_id"].to_list()
    if not found:
        known = ", ".join(rt.store.live(_KNOWN, {"agent": agent})["version"].to_list())
        raise NotFound(
            f"Agent {agent!r} has no version {version!r}." if known else f"Agent {agent!r} has no versions.",
            hint=f"Its newest ones are: {known}." if known else "A completed training makes one.",
        )
    return UUID(str(found[0]))


def pin_source(rt: Runtime, config: RunConfig) -> RunConfig:
    """Return a transfer's config with the run that it starts from by its id.

    Raises:
        NotFound, Conflict: as `find_saved`.
        Corrupt: the saved model was changed.
        Invalid: it is a model of another kind.
    """
    assert config.start_from is not None
    saved = find_saved(rt, config.start_from)
    kind = load_run_config(saved.folder.config).model.model_type
    if kind != config.model.model_type:
        problem = Problem("start_from", f"{config.start_from} is a {kind}, this model a {config.model.model_type}")
        raise Invalid("The transfer starts from another kind of model.", hint=_OF_A_KIND, problems=[problem])
    manifest = saved.folder.model / "manifest.json"
    if not manifest.is_file():
        raise NotFound(f"The model of run {saved.run_id} is gone.", hint="Start from another one.")
    if hashlib.sha256(manifest.read_bytes()).hexdigest() != saved.sha256:
        raise errors.Corrupt(f"The model of run {saved.run_id} is not what it saved.", hint="Start from another one.")
    return config.model_copy(update={"start_from": str(saved.run_id)})


def pin_reward(rt: Runtime, config: RunConfig) -> RunConfig:
    """Return a config whose reward is a saved classifier with the run that saved it by its id.

    Raises:
        NotFound, Conflict: as `find_saved`.
    """
    algorithm = config.reinforcement
    if config.training_type != "reinforcement" or isinstance(algorithm, Dpo):
        return config
    if not isinstance(algorithm.reward, ClassifierReward):
        return config
    reward = algorithm.reward.model_copy(update={"model": str(find_saved(rt, algorithm.reward.model).run_id)})
    return config.model_copy(update={"reinforcement": algorithm.model_copy(update={"reward": reward})})


def judge(rt: Runtime, ref: str, data: Path | None = None) -> Judged:
    """Judge a saved model on a file of labelled examples, or on what its training held out, and record the scores.

    Raises:
        NotFound: there is no such model or file.
        Invalid: the examples cannot be used, or none has a class of the model.
        Conflict: the run has saved no model.
        Corrupt: the model is not what the run saved.
    """
    saved = find_saved(rt, ref)
    rows = _applied(rt, "evaluate", saved, data)
    if saved.version is not None:
        for row in rows:
            rt.record(saved.run_id, "benchmark", **row)
        rt.store.ingest(verb="benchmark", wait_seconds=5.0, snapshot=True)
    return Judged(saved, rows, recorded=saved.version is not None)


def predict(rt: Runtime, ref: str, data: Path) -> list[dict[str, Any]]:
    """Return what a saved model says of each text or series of a file: row (1-based), prediction, probabilities.

    Raises:
        NotFound, Invalid, Conflict, Corrupt: as `judge`; labels are not needed.
    """
    return _applied(rt, "predict", find_saved(rt, ref), data)


def _applied(rt: Runtime, verb: str, saved: Saved, data: Path | None) -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "result.jsonl"
        arguments = [verb, str(saved.folder.path), "--sha256", saved.sha256, "--result", str(result)]
        if data is not None:
            arguments += ["--data", str(data.resolve())]
        code, log = apply_model(rt, arguments)
        if code == 0:
            return [orjson.loads(line) for line in result.read_bytes().splitlines()]
        if result.is_file() and (about := result.read_bytes()):
            raise _error(orjson.loads(about))
        last = (log.strip().splitlines() or ["it said nothing"])[-1]
        raise RunyardError(f"The model could not be applied: {last}", hint="Fewer examples at once need less memory.")


def _error(about: dict[str, Any]) -> RunyardError:
    kind = getattr(errors, about["error"], RunyardError)
    if kind is Invalid:
        problems = [Problem(path, message, tuple(allowed)) for path, message, allowed in about["problems"]]
        return Invalid(about["message"], hint=about["hint"], problems=problems)
    found: RunyardError = kind(about["message"], hint=about["hint"])
    return found
