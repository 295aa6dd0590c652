"""The border: other people's names for our keys and values, and what comes with later versions.

Everything behind this module knows canonical names only. A key that names something this version does not do
is a mistake with a clear word, unless it is switched off.
"""

from typing import Any

from runyard.config import dataset, models, monitoring, recovery, training
from runyard.config.estimators import ESTIMATORS
from runyard.config.problems import did_you_mean
from runyard.core.errors import Problem

_TOP = ("name", "agent", "workspace", "training_type", "start_from", "method", "seed", "tags")
_SECTIONS: dict[str, tuple[str, ...]] = {
    "model": (
        "model_type",
        "base_model",
        "lora",
        "adapter",
        *(name for part in models.SERIES_NETS for name in part.model_fields),
        *models.TfidfLogreg.model_fields,
        *(name for part in ESTIMATORS for name in part.model_fields),
    ),
    "training_data": tuple(dataset.TrainingData.model_fields),
    "hyperparameters": tuple(training.Hyperparameters.model_fields),
    "optimization": tuple(training.Optimization.model_fields),
    "evaluation": tuple(training.Evaluation.model_fields),
    "deployment": tuple(training.Deployment.model_fields),
    "monitoring": tuple(monitoring.Monitoring.model_fields),
    "resources": tuple(training.Resources.model_fields),
    "recovery": tuple(recovery.Recovery.model_fields),
}
_STOPPING = "optimization.early_stopping"
_PLATEAU = "optimization.reduce_on_plateau"
_EMA = "optimization.ema"
_FREEZING = "optimization.freezing"
_SWITCHES = (_STOPPING, _PLATEAU, _EMA)  # blocks for which a bare yes or no may stand
_SCORES = {"validation_loss": "val_loss", "f1": "f1_macro", "f1_score": "f1_macro"}

# A key that stands in the block `training`, at the top or in a neighbouring section, and where it belongs.
MOVES: dict[str, str] = {
    **{name: f"hyperparameters.{name}" for name in training.Hyperparameters.model_fields},
    **{name: f"optimization.{name}" for name in training.Optimization.model_fields},
    **{name: f"monitoring.{name}" for name in monitoring.Monitoring.model_fields},
    **{name: name for name in ("seed", "method", "training_type", "start_from", "agent", "tags")},
    "lr": "hyperparameters.learning_rate",
    "max_epochs": "hyperparameters.epochs",
    "num_epochs": "hyperparameters.epochs",
    "gradient_accumulation_steps": "hyperparameters.gradient_accumulation",
    "dropout_rate": "hyperparameters.dropout",
    "optimizer_config": "optimization.optimizer",
    "lr_schedule": "optimization.schedule",
    "scheduler": "optimization.schedule",
    "scheduler_type": "optimization.schedule",
    "lr_schedule_config": "optimization.schedule",
    "scheduler_params": "optimization.schedule",
    "loss_config": "optimization.loss",
    "class_weights": "optimization.loss.class_weights",
    "label_smoothing": "optimization.loss.label_smoothing",
    "ema_decay": f"{_EMA}.decay",
    "freeze_layers": f"{_FREEZING}.frozen_layers",
    "frozen_layers": f"{_FREEZING}.frozen_layers",
    "gradual_unfreezing": f"{_FREEZING}.unfreeze_every",
    "unfreeze_every": f"{_FREEZING}.unfreeze_every",
    "keep_last": "optimization.keep_checkpoints",
    "save_total_limit": "optimization.keep_checkpoints",
    "save_top_k": "optimization.keep_best",
    "tensorboard": "monitoring.tensorboard_logging",
    "mlflow": "monitoring.mlflow_logging",
    "wandb": "monitoring.wandb_logging",
    "early_stopping_patience": f"{_STOPPING}.patience",
    "early_stopping_monitor": f"{_STOPPING}.monitor",
    "checkpoint_monitor": f"{_STOPPING}.monitor",
    "reduce_lr_on_plateau": _PLATEAU,
    "reduce_lr_monitor": f"{_PLATEAU}.monitor",
    "reduce_lr_factor": f"{_PLATEAU}.factor",
    "reduce_lr_patience": f"{_PLATEAU}.patience",
    "model_checkpoint": "evaluation.save_best_model",
    "metrics": "evaluation.metrics",
    "threads": "resources.threads",
    "device": "resources.device",
    "devices": "resources.devices",
    "world_size": "resources.devices",
}
# Keys that have another name inside one part.
INSIDE: dict[str, dict[str, str]] = {
    "model": {
        "model_base": "model.base_model",
        "model_id": "model.base_model",
        "dropout": "hyperparameters.dropout",
        "name": "name",
    },
    "training_data": {"dataset_id": "training_data.source"},
    "optimization.optimizer": {
        "type": "optimization.optimizer.kind",
        "name": "optimization.optimizer.kind",
        "beta_1": "optimization.optimizer.beta1",
        "beta_2": "optimization.optimizer.beta2",
        "eps": "optimization.optimizer.epsilon",
        "alpha": "optimization.optimizer.rho",
        "weight_decay": "hyperparameters.weight_decay",
        "learning_rate": "hyperparameters.learning_rate",
        "lr": "hyperparameters.learning_rate",
    },
    "optimization.schedule": {
        "type": "optimization.schedule.kind",
        "name": "optimization.schedule.kind",
        "eta_min": "optimization.schedule.min_lr",
        "T_max": "optimization.schedule.total_steps",
        "warmup_steps": "hyperparameters.warmup_steps",
    },
    "optimization.loss": {"type": "optimization.loss.kind", "name": "optimization.loss.kind"},
    **{path: {"metric": f"{path}.monitor", "min_delta": f"{path}.threshold"} for path in _SWITCHES},
}
# Words for a value, by where the value stands.
VALUES: dict[str, dict[str, str]] = {
    "model.model_type": {
        "cnn": "cnn1d",
        "transformer": "text_encoder",
        "logreg": "logistic_regression",
        "language_model": "causal_lm",
        "rf": "random_forest",
        "svc": "svm",
    },
    "optimization.loss.kind": {
        "categorical_crossentropy": "cross_entropy",
        "sparse_categorical_crossentropy": "cross_entropy",
        "crossentropy": "cross_entropy",
        "weighted_cross_entropy": "cross_entropy",
        "weighted_categorical_crossentropy": "cross_entropy",
        "focal_loss": "focal",
        "leak_aware_loss": "leak_aware",
        "cost_matrix": "expected_cost",
    },
    "optimization.schedule.kind": {
        "warmup": "exponential",
        "constant_with_warmup": "constant",
        "warmup_stable_decay": "wsd",
        "onecycle": "one_cycle",
        "cosine_with_restarts": "cosine_restarts",
    },
    **{f"{path}.monitor": _SCORES for path in _SWITCHES},
    "evaluation.metrics": {"f1": "f1_macro", "f1_score": "f1_macro"},
}
_WEIGHTED = {"weighted_cross_entropy", "weighted_categorical_crossentropy"}
_CHOICES = {
    "optimization.optimizer": "adamw",
    "optimization.schedule": "cosine",
    "optimization.loss": "cross_entropy",
}
_STRATEGIES = ("data_parallel", "ddp", None)
_LATER = """
    auto_deploy deployment_target health_check_enabled health_check_timeout auto_rollback deployment_tags
    gradient_checkpointing sweep search_space preset_name
"""
LATER = frozenset(_LATER.split())
_TASKS = ("classification", "text_classification", "series_classification", "time_series_classification")


def to_canonical_names(values: dict[Any, Any]) -> tuple[dict[str, Any], list[Problem]]:
    """Return the mapping under canonical names, and the mistakes that can be seen on the way."""
    border = _Border()
    for key, value in values.items():
        border.top(str(key), value)
    return border.finish(), border.problems


class _Border:
    """Collects values at their canonical places."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.problems: list[Problem] = []
        self._origin: dict[str, str] = {}
        self._balanced = False
        self._distributed: tuple[Any, str] | None = None

    def top(self, key: str, value: Any) -> None:
        if key == "training" or key == "callbacks":
            self._loose_block(key, value)
        elif key in _SECTIONS:
            if isinstance(value, dict):
                self.values.setdefault(key, {})
                for inner, given in value.items():
                    self._in_section(key, str(inner), given)
            elif key == "recovery" and isinstance(value, bool):
                self._put("recovery.enabled", value, key)
            elif value is not None:
                self._put(key, value, key)
        elif key in MOVES and key not in _TOP:
            self._place(MOVES[key], value, key)
        elif not self._is_later(key, value, key):
            self._put(key, value, key)

    def _loose_block(self, block: str, value: Any) -> None:
        if isinstance(value, list):
            value = {str(name): True for name in value}
        if not isinstance(value, dict):
            self.problems.append(Problem(block, "must be a block of keys"))
            return
        for key, given in value.items():
            where = f"{block}.{key}"
            if key in MOVES:
                self._place(MOVES[key], given, where)
            elif key == "callbacks":
                self._loose_block("callbacks", given)
            elif not self._is_later(str(key), given, where):
                known = tuple(sorted(MOVES))
                self.problems.append(Problem(where, f"there is no such key{did_you_mean(key, known)}", known))

    def _in_section(self, section: str, key: str, value: Any) -> None:
        where = f"{section}.{key}"
        if section == "model" and key == "task":
            if value not in _TASKS:
                self.problems.append(Problem(where, f"{value!r} is not in this version", _TASKS))
        elif section == "training_data" and key == "split" and isinstance(value, list):
            self._split(value, where)
        elif key in INSIDE.get(section, {}):
            self._place(INSIDE[section][key], value, where)
        elif key in _SECTIONS[section]:
            self._place(where, value, where)
        elif key in MOVES and section in ("hyperparameters", "optimization", "evaluation", "monitoring"):
            self._place(MOVES[key], value, where)
        elif not self._is_later(key, value, where):
            self._put(where, value, where)

    def _place(self, path: str, value: Any, origin: str) -> None:
        """Put a value where it belongs; a part may be a bare name, a switch or a block."""
        if path == "resources.devices" and isinstance(value, list):
            if value != list(range(len(value))):
                message = "must be a number or 0, 1, 2 …; CUDA_VISIBLE_DEVICES says which ones these are"
                self.problems.append(Problem(origin, message))
                return
            value = len(value)
        if path == "deployment.auto_deploy" and self._is_later("auto_deploy", value, origin):
            return
        if path.startswith("monitoring.") and value is None:  # as with a key that is left out
            return
        if path == f"{_FREEZING}.unfreeze_every" and isinstance(value, bool):
            value = int(value)
        if path in _CHOICES and isinstance(value, str):
            path = f"{path}.kind"
        elif path in _SWITCHES and isinstance(value, bool):
            path = f"{path}.enabled"
        elif (path in _CHOICES or path in _SWITCHES) and isinstance(value, dict):
            for key, given in value.items():
                where = f"{origin}.{key}"
                if not self._is_later(str(key), given, where):
                    self._place(INSIDE.get(path, {}).get(key, f"{path}.{key}"), given, where)
            return
        if path == "optimization.loss.kind" and isinstance(value, str) and value in _WEIGHTED:
            self._balanced = True
        words = VALUES.get(path, {})
        if isinstance(value, list | tuple):
            value = [words.get(v, v) if isinstance(v, str) else v for v in value]
        elif isinstance(value, str):
            value = words.get(value, value)
        self._put(path, value, origin)

    def _put(self, path: str, value: Any, origin: str) -> None:
        *sections, leaf = path.split(".")
        block = self.values
        for section in sections:
            inner = block.setdefault(section, {})
            if not isinstance(inner, dict):
                return
            block = inner
        if leaf in block and block[leaf] != value:
            self.problems.append(
                Problem(
                    origin,
                    f"says the same as {self._origin.get(path, sections[0] if sections else path)}, with another value",
                )
            )
        block[leaf] = value
        self._origin[path] = origin

    def _split(self, shares: list[Any], where: str) -> None:
        numbers = [s for s in shares if isinstance(s, int | float) and not isinstance(s, bool) and s >= 0]
        if len(numbers) != len(shares) or len(shares) not in (2, 3) or not sum(numbers[:2]) > 0:
            self.problems.append(Problem(where, "must be the shares of train and validation, for example [0.8, 0.2]"))
        elif len(shares) == 3 and shares[2]:
            self.problems.append(
                Problem(where, "a share for testing is not in this version; give train and validation")
            )
        else:
            self._put("training_data.validation_split", numbers[1] / sum(numbers[:2]), where)

    def _is_later(self, key: str, value: Any, where: str) -> bool:
        """Return whether a key is dealt with by that: of a later version, or without a meaning of its own."""
        if key == "strategy" and value not in _STRATEGIES:
            self.problems.append(Problem(where, f"{value!r} is not in this version", ("data_parallel",)))
        if key == "distributed":
            self._distributed = (value, where)
        if key in ("strategy", "distributed"):  # the number of devices says it all
            return True
        if key not in LATER:
            return False
        if value not in (False, None, 0, "", "none", [], {}):
            self.problems.append(Problem(where, "is not in this version"))
        return True

    def finish(self) -> dict[str, Any]:
        optimization = self.values.get("optimization")
        for path, usual in _CHOICES.items():
            part = optimization.get(path.split(".")[1]) if isinstance(optimization, dict) else None
            if isinstance(part, dict):
                part.setdefault("kind", usual)
                if self._balanced and path == "optimization.loss":
                    part.setdefault("class_weights", "balanced")
        if self._distributed is not None:
            self._check_distributed(*self._distributed)
        model = self.values.get("model")
        if isinstance(model, dict) and "model_type" not in model and model.get("base_model"):
            model["model_type"] = "text_encoder"
        return self.values

    def _check_distributed(self, value: Any, where: str) -> None:
        resources = self.values.get("resources")
        devices = resources.get("devices", 1) if isinstance(resources, dict) else 1
        if isinstance(value, bool) and isinstance(devices, int) and value != (devices > 1):
            said = "is false" if devices > 1 else "is true"
            self.problems.append(Problem(where, f"{said}, and devices is {devices}: the number of devices says it"))
