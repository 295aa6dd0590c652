"""Mistakes that no field shows alone: settings that contradict each other, or that would be ignored."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from runyard.config.dataset import TrainingData
from runyard.config.estimators import ESTIMATORS, GROWING, Ensemble, Svm
from runyard.config.few_shot import FewShot
from runyard.config.losses import CrossEntropy
from runyard.config.models import (
    SERIES_NETS,
    CausalLm,
    Cnn1d,
    EncoderLogreg,
    Lstm,
    Majority,
    Mlp,
    TextEncoder,
    TfidfLogreg,
)
from runyard.config.monitoring import Monitoring
from runyard.config.optimizers import Muon, Sgd
from runyard.config.part import Part
from runyard.config.reinforcement import Dpo, is_rewarded
from runyard.config.schedules import OneCycle
from runyard.config.scores import better
from runyard.config.training import Evaluation, Hyperparameters, Optimization
from runyard.core.errors import Problem

if TYPE_CHECKING:
    from runyard.config.run import RunConfig

METHODS: dict[type[Part], tuple[str, ...]] = {
    TextEncoder: ("lora", "full", "frozen"),
    CausalLm: ("lora", "full"),
    **dict.fromkeys(SERIES_NETS, ("full",)),
    TfidfLogreg: ("full",),
    EncoderLogreg: ("frozen",),
    **dict.fromkeys(ESTIMATORS, ("full",)),
    Majority: ("full",),
}
TYPES: dict[type[Part], tuple[str, ...]] = {
    TextEncoder: ("fine_tuning", "transfer_learning", "few_shot"),
    CausalLm: ("fine_tuning", "from_scratch", "transfer_learning", "reinforcement"),
    **dict.fromkeys(SERIES_NETS, ("from_scratch", "transfer_learning", "few_shot")),
    TfidfLogreg: ("from_scratch", "few_shot"),
    EncoderLogreg: ("fine_tuning", "few_shot"),
    Majority: ("from_scratch", "few_shot"),
    **dict.fromkeys(ESTIMATORS, ("from_scratch",)),
}
BASELINE_USES: dict[type[Part], frozenset[str]] = {
    TfidfLogreg: frozenset(),
    EncoderLogreg: frozenset({"max_length", "batch_size"}),
    **dict.fromkeys(ESTIMATORS, frozenset({"loss"})),
    **dict.fromkeys(GROWING, frozenset({"loss", "early_stopping"})),
    Majority: frozenset(),
}

# What of the monitoring is said of the layers, which TRL's loop does not show.
_UNHEARD = (
    "track_gradients",
    "layer_norm_frequency",
    "gradient_histogram_frequency",
    "track_weights",
    "weight_histogram_frequency",
    "track_activations",
    "activation_histogram_frequency",
)


def following(model: type[Part]) -> dict[str, dict[str, object]]:
    """Return what of the sections follows a model where it is not given."""
    if model is CausalLm:
        scores: tuple[str, ...] = ("perplexity", "token_accuracy")
        return {"evaluation": {"metrics": scores}, "training_data": {"split_by": "random"}}
    usual = Evaluation.model_fields["metrics"].default, TrainingData.model_fields["split_by"].default
    return {"evaluation": {"metrics": usual[0]}, "training_data": {"split_by": usual[1]}}


def scores_of(model: type[Part]) -> tuple[str, ...]:
    """Return the scores that a model of this type can have."""
    return ("perplexity", "token_accuracy", "bleu") if model is CausalLm else ("accuracy", "f1_macro")


def contradictions(config: "RunConfig") -> Iterator[Problem]:
    """Yield every contradiction of a config whose fields are valid one by one."""
    kind, data = config.model.model_type, config.training_data
    for key, given, allowed in (
        ("method", config.method, METHODS[type(config.model)]),
        ("training_type", config.training_type, TYPES[type(config.model)]),
    ):
        if given not in allowed:
            yield Problem(key, f"{given!r} does not go with a model of type {kind}", allowed)
    is_transfer = config.training_type == "transfer_learning"
    if is_transfer and config.start_from is None:
        yield Problem("start_from", "a transfer starts from a saved model: a run, AGENT@VERSION or AGENT@latest")
    if config.start_from is not None and not is_transfer:
        yield Problem("start_from", "goes with training_type transfer_learning alone")
    if (data.source is None) == (data.path is None):
        what = "name a data set (source) or a file (path)" if data.source is None else "give source or path, not both"
        yield Problem("training_data", what)
    yield from _of_data(config)
    if config.resources.gradient_checkpointing and not (hasattr(config.model, "base_model") and trains_inside(config)):
        message = f"has no effect on method {config.method} of a model of type {kind}"
        yield Problem("resources.gradient_checkpointing", message)
    yield from of_optimization(config)
    yield from _of_scores(config)
    if config.training_type != "few_shot" and config.few_shot != FewShot():
        yield Problem("few_shot", "goes with training_type few_shot alone")
    if config.training_type == "reinforcement":
        yield from _of_reinforcement(config)
    elif config.reinforcement != Dpo():
        yield Problem("reinforcement", "goes with training_type reinforcement alone")
    elif config.optimization.early_stopping.monitor == "reward":
        yield Problem("optimization.early_stopping.monitor", "reward is measured by reinforcement alone")
    if isinstance(config.model, CausalLm):
        yield from _of_language(config)
    if type(config.model) in BASELINE_USES:
        yield from _without_effect(config)
    if isinstance(config.model, ESTIMATORS):
        yield from _of_estimators(config)


def _of_data(config: "RunConfig") -> Iterator[Problem]:
    model, data = config.model, config.training_data
    is_text = isinstance(model, TextEncoder | TfidfLogreg | EncoderLogreg)
    if data.split_by == "group" and data.group_column is None and is_text:
        yield Problem("training_data.group_column", "is needed to split by group")
    if data.split_by == "time" and data.time_column is None:
        yield Problem("training_data.time_column", "is needed to split by time")
    if isinstance(model, Cnn1d | Lstm) and data.split_by == "column":
        yield Problem("training_data.split_by", "series have no split column", ("random", "stratified", "group"))
    if not isinstance(model, (*ESTIMATORS, Mlp)):
        for name in ("feature_columns", "categorical_columns"):
            if getattr(data, name):
                yield Problem(f"training_data.{name}", f"has no effect on a model of type {model.model_type}")
    strange = sorted(set(data.categorical_columns) - set(data.feature_columns)) if data.feature_columns else []
    if strange:
        yield Problem("training_data.categorical_columns", f"{strange[0]!r} is not among the feature columns")
    label = {data.label_column} & {*data.feature_columns}
    if label:
        yield Problem("training_data.feature_columns", f"{data.label_column!r} is the label: it would give itself away")


def _of_estimators(config: "RunConfig") -> Iterator[Problem]:
    loss, model = config.optimization.loss, config.model
    if not isinstance(loss, CrossEntropy):
        yield Problem("optimization.loss", f"{loss.kind!r} has no effect on a {model.model_type}", ("cross_entropy",))
    elif loss.label_smoothing:
        yield Problem("optimization.loss.label_smoothing", f"has no effect on a model of type {model.model_type}")
    if isinstance(model, Svm) and model.kernel == "linear" and model.gamma != "scale":
        yield Problem("model.gamma", "has no effect with a linear kernel")
    if isinstance(model, Ensemble) and model.combine == "soft_voting" and model.folds != Ensemble().folds:
        yield Problem("model.folds", "has no effect on soft voting")


def trains_inside(config: "RunConfig") -> bool:
    """Whether gradients go through the base model, and not through a head alone."""
    return config.method != "frozen" and not isinstance(config.model, EncoderLogreg)


def of_optimization(config: "RunConfig") -> Iterator[Problem]:
    """Yield the contradictions inside the optimisation, whatever is trained."""
    hyper, optimization = config.hyperparameters, config.optimization
    optimizer, stopping = optimization.optimizer, optimization.early_stopping
    if isinstance(optimizer, Sgd) and optimizer.nesterov and optimizer.momentum == 0:
        yield Problem("optimization.optimizer.momentum", "must be above 0 with nesterov")
    if isinstance(optimization.schedule, OneCycle) and hyper.warmup_steps:
        yield Problem("hyperparameters.warmup_steps", "must be 0: one_cycle is its own warm-up (rise_share)", ("0",))
    if getattr(optimization.schedule, "min_lr", 0.0) > hyper.learning_rate:
        yield Problem("optimization.schedule.min_lr", f"is above the learning rate {hyper.learning_rate:g}")
    if optimization.freezing.enabled and config.method == "frozen":
        yield Problem("optimization.freezing", "with method frozen nothing but the head is trained anyway")
    if optimization.freezing.unfreeze_every >= hyper.epochs:
        yield Problem(
            "optimization.freezing.unfreeze_every", f"must be below the {hyper.epochs} epochs, or nothing is unfrozen"
        )
    plateau = optimization.reduce_on_plateau
    if plateau.enabled and plateau.monitor not in ("val_loss", *config.evaluation.metrics):
        yield Problem("optimization.reduce_on_plateau.monitor", f"{plateau.monitor} is not among evaluation.metrics")
    right = better(stopping.monitor)
    if stopping.mode != right:
        yield Problem("optimization.early_stopping.mode", f"the best {stopping.monitor} is the {right} one", (right,))
    if stopping.monitor not in ("val_loss", "reward", *config.evaluation.metrics):
        yield Problem("optimization.early_stopping.monitor", f"{stopping.monitor} is not among evaluation.metrics")


def batch_unit(config: "RunConfig") -> int:
    """Return what the batch is a multiple of: the answers to a prompt where they are rewarded, else 1."""
    if config.training_type != "reinforcement" or isinstance(config.reinforcement, Dpo):
        return 1
    return config.reinforcement.generations


def _of_reinforcement(config: "RunConfig") -> Iterator[Problem]:
    """TRL has its own loop: what it would not do is refused, not ignored."""
    algorithm, hyper, optimization = config.reinforcement, config.hyperparameters, config.optimization
    if config.start_from is not None:
        yield Problem("start_from", "reinforcement starts from model.base_model")
    if isinstance(optimization.optimizer, Muon):
        yield Problem("optimization.optimizer", "muon is two optimizers; reinforcement takes one")
    if optimization.reduce_on_plateau.enabled:
        yield Problem("optimization.reduce_on_plateau", "has no effect on reinforcement")
    if optimization.validation_frequency:
        yield Problem("optimization.validation_frequency", "has no effect on reinforcement: each epoch is validated")
    for name in ("ema", "freezing", "skip_nonfinite_steps", "keep_best"):
        if getattr(optimization, name) != getattr(Optimization(), name):
            yield Problem(f"optimization.{name}", "has no effect on reinforcement")
    for name in _UNHEARD:
        if getattr(config.monitoring, name) != getattr(Monitoring(), name):
            yield Problem(f"monitoring.{name}", "has no effect on reinforcement, which watches no layers")
    if getattr(optimization.loss, "label_smoothing", 0.0):
        yield Problem("optimization.loss.label_smoothing", "has no effect on reinforcement, whose loss is its own")
    if config.resources.devices > 1:
        yield Problem("resources.devices", "reinforcement trains in one process", ("1",))
    monitor, right = optimization.early_stopping.monitor, "reward" if is_rewarded(algorithm) else "val_loss"
    if monitor != right:
        yield Problem("optimization.early_stopping.monitor", f"{algorithm.kind} measures {right}", (right,))
    if not isinstance(algorithm, Dpo):
        answers = hyper.batch_size * hyper.gradient_accumulation
        if hyper.batch_size % algorithm.generations or answers % algorithm.generations:
            said = f"a batch of {hyper.batch_size} answers is no multiple of the {algorithm.generations} to each prompt"
            yield Problem("hyperparameters.batch_size", said)
        if config.training_data.split_by != "random":
            yield Problem("training_data.split_by", "prompts to be rewarded are split at random", ("random",))


def _of_scores(config: "RunConfig") -> Iterator[Problem]:
    kind, allowed = config.model.model_type, scores_of(type(config.model))
    for name in config.evaluation.metrics:
        if name not in allowed:
            yield Problem("evaluation.metrics", f"{name!r} is no score of a model of type {kind}", allowed)
    if not isinstance(config.model, CausalLm):
        for key in ("samples", "sample_tokens"):
            if getattr(config.evaluation, key) != Evaluation.model_fields[key].default:
                yield Problem(f"evaluation.{key}", f"has no effect on a model of type {kind}")


def _of_language(config: "RunConfig") -> Iterator[Problem]:
    """A language model has no classes: what needs some is refused."""
    if config.training_type == "from_scratch" and config.method != "full":
        yield Problem("method", "adapters need pretrained weights; from_scratch trains all of them", ("full",))
    if config.training_data.split_by == "stratified":
        allowed = ("random", "group", "column")
        yield Problem("training_data.split_by", "a language model's examples have no classes", allowed)
    loss = config.optimization.loss
    if not isinstance(loss, CrossEntropy):
        yield Problem("optimization.loss.kind", f"{loss.kind!r} needs classes", ("cross_entropy",))
    elif loss.class_weights is not None:
        yield Problem("optimization.loss.class_weights", "a language model has no classes")
    if config.hyperparameters.dropout != Hyperparameters.model_fields["dropout"].default:
        yield Problem("hyperparameters.dropout", "has no effect on a causal_lm; set model.lora.dropout")


def _without_effect(config: "RunConfig") -> Iterator[Problem]:
    """A baseline is fitted in one go: what only a training loop would read is refused, not ignored."""
    used = BASELINE_USES[type(config.model)]
    sections: tuple[tuple[str, Part, Part], ...] = (
        ("hyperparameters", config.hyperparameters, Hyperparameters()),
        ("optimization", config.optimization, Optimization()),
    )
    if config.resources.devices > 1:
        yield Problem("resources.devices", f"has no effect on a model of type {config.model.model_type}", ("1",))
    for section, given, default in sections:
        for name in type(given).model_fields:
            if name not in used and getattr(given, name) != getattr(default, name):
                yield Problem(f"{section}.{name}", f"has no effect on a model of type {config.model.model_type}")
