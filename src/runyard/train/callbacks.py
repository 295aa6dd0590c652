"""Callbacks decide, the loop acts: each looks at where the run stands and says what is due."""

import math
import time
from enum import Flag, auto
from pathlib import Path
from threading import Event
from typing import Any, Protocol

from runyard.config.run import RunConfig
from runyard.config.training import EarlyStopping
from runyard.train.progress import Progress


class Action(Flag):
    """What the loop is asked to do."""

    NOTHING = 0
    VALIDATE = auto()
    CHECKPOINT = auto()
    BEST = auto()
    STOP = auto()
    CANCEL = auto()


class Callback(Protocol):
    """Two questions, and a state that travels with the checkpoints."""

    def after_step(self, progress: Progress) -> Action:
        """Say what is due after an optimizer step."""
        ...

    def after_epoch(self, progress: Progress, monitored: float) -> Action:
        """Say what is due after an epoch whose monitored value is known."""
        ...

    def state(self) -> dict[str, Any]:
        """Return what a resume needs, as plain values."""
        ...

    def restore(self, state: dict[str, Any]) -> None:
        """Take up a state again."""
        ...


class Quiet:
    """A callback that never asks for anything: what others start from."""

    def after_step(self, progress: Progress) -> Action:
        return Action.NOTHING

    def after_epoch(self, progress: Progress, monitored: float) -> Action:
        return Action.NOTHING

    def state(self) -> dict[str, Any]:
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        pass


class Every(Quiet):
    """Asks for an action at every n-th step; n = 0 is never."""

    def __init__(self, steps: int, action: Action) -> None:
        self._steps, self._action = steps, action

    def after_step(self, progress: Progress) -> Action:
        due = self._steps > 0 and progress.step % self._steps == 0
        return self._action if due else Action.NOTHING


class Best(Quiet):
    """Marks the epochs that are strictly better than all before; a value that is not finite never is."""

    def __init__(self, mode: str) -> None:
        self._sign = 1.0 if mode == "min" else -1.0
        self._best = math.inf

    def after_epoch(self, progress: Progress, monitored: float) -> Action:
        value = self._sign * monitored
        if not math.isfinite(value) or value >= self._best:
            return Action.NOTHING
        self._best = value
        return Action.BEST

    def state(self) -> dict[str, Any]:
        return {"best": self._best}

    def restore(self, state: dict[str, Any]) -> None:
        self._best = state["best"]


class StopEarly(Quiet):
    """Stops after `patience` epochs in a row without a gain of more than the threshold."""

    def __init__(self, rule: EarlyStopping) -> None:
        self._rule = rule
        self._sign = 1.0 if rule.mode == "min" else -1.0
        self._reference = math.inf
        self._waited = 0

    def after_epoch(self, progress: Progress, monitored: float) -> Action:
        value = self._sign * monitored
        if math.isfinite(value) and value < self._reference - self._rule.threshold:
            self._reference, self._waited = value, 0
            return Action.NOTHING
        self._waited += 1
        return Action.STOP if self._waited >= self._rule.patience else Action.NOTHING

    def state(self) -> dict[str, Any]:
        return {"reference": self._reference, "waited": self._waited}

    def restore(self, state: dict[str, Any]) -> None:
        self._reference, self._waited = state["reference"], state["waited"]


class CancelWatch(Quiet):
    """Cancels when the signal came, or when the file of the request lies there (looked at twice a second)."""

    def __init__(self, signalled: Event, request: Path) -> None:
        self._signalled, self._request = signalled, request
        self._next_look = 0.0

    def after_step(self, progress: Progress) -> Action:
        if not self._signalled.is_set() and time.monotonic() >= self._next_look:
            self._next_look = time.monotonic() + 0.5
            if self._request.exists():
                self._signalled.set()
        return Action.CANCEL if self._signalled.is_set() else Action.NOTHING


def usual_callbacks(config: RunConfig, signalled: Event, request: Path) -> list[Callback]:
    """Return the callbacks of a config."""
    optimization = config.optimization
    rule = optimization.early_stopping
    callbacks: list[Callback] = [
        Every(optimization.validation_frequency, Action.VALIDATE),
        Every(optimization.checkpoint_frequency, Action.CHECKPOINT),
        Best(rule.mode),
        CancelWatch(signalled, request),
    ]
    if rule.enabled:
        callbacks.append(StopEarly(rule))
    return callbacks
