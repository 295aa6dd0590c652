"""Optuna: each trial of a study is a step of one run."""

from __future__ import annotations

from typing import Any

from runyard.integrations.attached import Attached


class Hooks(Attached):
    """An Optuna callback that logs to Runyard: at the step of each trial its objective and its numeric parameters.

    Of several objectives each has its number: `objective/0`. Pruned and failed trials have none. A run of its own ends
    with the script. `run` and options: as in `Attached`. For trials as runs of their own see `runyard import optuna`.
    """

    def __call__(self, study: Any, trial: Any) -> None:
        goals = ["max" if direction.name == "MAXIMIZE" else "min" for direction in study.directions]
        names = ["objective"] if len(goals) == 1 else [f"objective/{place}" for place in range(len(goals))]
        if self._run is None:
            run = self._begin({}, name=study.study_name)
            for name, goal in zip(names, goals, strict=True):
                run.define_metric(name, goal=goal)
        open_run = self._open()
        if open_run is None:
            return
        values = dict(zip(names, trial.values, strict=True)) if trial.values and trial.state.name == "COMPLETE" else {}
        values |= {
            f"params/{name}": value
            for name, value in trial.params.items()
            if isinstance(value, int | float) and not isinstance(value, bool)
        }
        if trial.datetime_complete and trial.datetime_start:
            values["trial_seconds"] = (trial.datetime_complete - trial.datetime_start).total_seconds()
        open_run.log(values, step=trial.number + 1)
        if open_run.should_stop:
            study.stop()
