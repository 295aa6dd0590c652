"""A run in MLflow too: where MLFLOW_TRACKING_URI says, or in a database file of the yard."""

import os
from collections.abc import Iterator, Sequence
from typing import Any

from runyard.config.run import RunConfig, canonical
from runyard.train.mirrors import Event, values_of

_MOST_METRICS, _MOST_PARAMS, _LONGEST = 1000, 100, 500
_ENDS = {"completed": "FINISHED", "cancelled": "KILLED", "failed": "FAILED"}


class MLflow:
    """One MLflow run for all attempts, found by its tag; its experiment is named after the agent."""

    def __init__(self, uri: str, config: RunConfig, run_id: str) -> None:
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        from mlflow import MlflowClient
        from mlflow.entities import Metric, Param

        self._metric = Metric
        self._client: Any = MlflowClient(tracking_uri=os.environ.get("MLFLOW_TRACKING_URI") or uri)
        name = f"runyard/{config.agent}"
        experiment = self._client.get_experiment_by_name(name)
        number = self._client.create_experiment(name) if experiment is None else experiment.experiment_id
        if earlier := self._client.search_runs([number], f"tags.`runyard.run` = '{run_id}'", max_results=1):
            self._run = earlier[0].info.run_id
            return
        tags = {"runyard.run": run_id, "runyard.workspace": config.workspace, **dict.fromkeys(config.tags, "true")}
        self._run = self._client.create_run(number, run_name=config.name, tags=tags).info.run_id
        params = [Param(key, str(value)[:_LONGEST]) for key, value in flat(config)]
        for start in range(0, len(params), _MOST_PARAMS):
            self._client.log_batch(self._run, params=params[start : start + _MOST_PARAMS])

    def log(self, events: Sequence[Event]) -> None:
        metrics = [
            self._metric(name, value, event["at"] // 1000, event.get("step") or 0)
            for event in events
            for name, value in values_of(event).items()
        ]
        for start in range(0, len(metrics), _MOST_METRICS):
            self._client.log_batch(self._run, metrics=metrics[start : start + _MOST_METRICS])
        for event in events:
            if event["k"] == "ended":
                self._client.set_terminated(self._run, _ENDS[event["status"]])

    def close(self) -> None:
        pass


def flat(config: RunConfig) -> Iterator[tuple[str, Any]]:
    """Yield the values of a configuration by dotted names."""
    waiting: list[tuple[str, Any]] = [("", canonical(config))]
    while waiting:
        prefix, value = waiting.pop(0)
        if isinstance(value, dict):
            waiting += [(f"{prefix}.{key}" if prefix else str(key), inner) for key, inner in value.items()]
        elif value is not None:
            yield prefix, value
