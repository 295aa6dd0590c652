"""Callbacks decide, the loop acts: each looks at where the run stands and says what is due."""

import math
import time
from collections.abc import Mapping
from enum import Flag, auto
from pathlib import Path
from threading import Event
from typing import Any, Protocol

from runyard.config.run import RunConfig
from runyard.config.scores import better
from runyard.config.stopping import EarlyStopping, ReduceOnPlateau
from runyard.train.checkpoint import checkpoint_name
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
    """Two questions, and a state that travels with the checkpoints; `judges` says that it compares epochs."""

    judges: bool

    def after_step(self, progress: Progress) -> Action:
        """Say what is due after an optimizer step."""
        ...

    def after_epoch(self, progress: Progress, scores: Mapping[str, float]) -> Action:
        """Say what is due after an epoch with these scores on the validation examples."""
        ...

    def state(self) -> dict[str, Any]:
        """Return what a resume needs, as plain values."""
        ...

    def restore(self, state: dict[str, Any]) -> None:
        """Take up a state again."""
        ...


class Quiet:
    """A callback that never asks for anything: what others start from."""

    judges = False

    def after_step(self, progress: Progress) -> Action:
        return Action.NOTHING

    def after_epoch(self, progress: Progress, scores: Mapping[str, float]) -> Action:
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
    """Marks the epochs that are strictly better than all before; a value that is not finite never is.

    Of the `keep` best ones it ranks the checkpoints; of equal ones the earlier comes first.
    """

    judges = True

    def __init__(self, rule: EarlyStopping, keep: int = 1) -> None:
        self._rule, self._keep = rule, keep
        self._best = math.inf

    def after_epoch(self, progress: Progress, scores: Mapping[str, float]) -> Action:
        value = _oriented(self._rule, scores)
        if not math.isfinite(value):
            return Action.NOTHING
        ranked = [*progress.ranked, (value, checkpoint_name(progress.step))]
        progress.ranked = sorted(ranked, key=lambda one: one[0])[: self._keep]
        if value >= self._best:
            return Action.NOTHING
        self._best = value
        return Action.BEST

    def state(self) -> dict[str, Any]:
        return {"best": self._best}

    def restore(self, state: dict[str, Any]) -> None:
        self._best = state["best"]


class StopEarly(Quiet):
    """Stops after `patience` epochs in a row without a gain of more than the threshold."""

    judges = True

    def __init__(self, rule: EarlyStopping) -> None:
        self._rule = rule
        self._reference = math.inf
        self._waited = 0

    def after_epoch(self, progress: Progress, scores: Mapping[str, float]) -> Action:
        value = _oriented(self._rule, scores)
        if math.isfinite(value) and value < self._reference - self._rule.threshold:
            self._reference, self._waited = value, 0
            return Action.NOTHING
        self._waited += 1
        return Action.STOP if self._waited >= self._rule.patience else Action.NOTHING

    def state(self) -> dict[str, Any]:
        return {"reference": self._reference, "waited": self._waited}

    def restore(self, state: dict[str, Any]) -> None:
        self._reference, self._waited = state["reference"], state["waited"]


def _oriented(rule: EarlyStopping, scores: Mapping[str, float]) -> float:
    """Return the monitored value turned so that smaller is better."""
    return scores[rule.monitor] if rule.mode == "min" else -scores[rule.monitor]


class Plateau(Quiet):
    """Lowers the scale of the rate by torch's own rule."""

    judges = True
    _counted = ("best", "cooldown_counter", "num_bad_epochs", "last_epoch")

    def __init__(self, rule: ReduceOnPlateau) -> None:
        import torch  # here, since the models of scikit-learn stop early, too, and do without it

        self._rule = rule
        self._scale = torch.optim.SGD([torch.zeros(1)], lr=1.0)  # the rule wants an optimizer to turn down
        self._judge = torch.optim.lr_scheduler.ReduceLROnPlateau(
            self._scale,
            mode=better(rule.monitor),
            factor=rule.factor,
            patience=rule.patience,
            threshold=rule.threshold,
            threshold_mode="abs",
        )

    def after_epoch(self, progress: Progress, scores: Mapping[str, float]) -> Action:
        self._judge.step(scores[self._rule.monitor])
        progress.rate_scale = self._scale.param_groups[0]["lr"]
        return Action.NOTHING

    def state(self) -> dict[str, Any]:
        judged = self._judge.state_dict()
        return {"judge": {name: judged[name] for name in self._counted}, "scale": self._scale.param_groups[0]["lr"]}

    def restore(self, state: dict[str, Any]) -> None:
        # Not the rule's settings: a fork or a later attempt may have others.
        self._judge.load_state_dict({name: state["judge"][name] for name in self._counted})
        self._scale.param_groups[0]["lr"] = state["scale"]


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
        Best(rule, optimization.keep_best),
        CancelWatch(signalled, request),
    ]
    if rule.enabled:
        callbacks.append(StopEarly(rule))
    if optimization.reduce_on_plateau.enabled:
        callbacks.append(Plateau(optimization.reduce_on_plateau))
    return callbacks
