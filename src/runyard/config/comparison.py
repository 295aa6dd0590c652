"""Several models on the same data and splits: what is compared, by which metric, and what may not differ."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from runyard.config.estimators import ESTIMATORS
from runyard.config.losses import CrossEntropy
from runyard.config.models import SERIES_NETS, EncoderLogreg, TextEncoder, TfidfLogreg
from runyard.config.part import Part
from runyard.config.run import RunConfig, canonical, chosen, parse_run_config, replicate_group
from runyard.config.training import Evaluation
from runyard.config.yaml_text import read_yaml
from runyard.core.errors import Invalid, Problem

MOST_MODELS, MOST_SEEDS = 30, 100
# Fitted in one go, the same whatever the seed: one run says all.
SEEDLESS = ("majority", "tfidf_logreg", "encoder_logreg", "logistic_regression")


@dataclass(frozen=True)
class Comparison:
    """Candidates and baselines, each trained once per seed; names are unique."""

    name: str
    candidates: tuple[RunConfig, ...]
    baselines: tuple[RunConfig, ...]
    seeds: int

    @property
    def metric(self) -> str:
        return leading(self.candidates).optimization.early_stopping.monitor

    @property
    def mode(self) -> Literal["min", "max"]:
        return leading(self.candidates).optimization.early_stopping.mode

    def runs(self) -> list[RunConfig]:
        """Return the config of every run, the first seed of each model first."""
        models = (*self.candidates, *self.baselines)
        return [
            _drawn(config, config.seed + draw)
            for draw in range(self.seeds)
            for config in models
            if draw == 0 or depends_on_seed(config)
        ]

    def described(self) -> dict[str, Any]:
        """Return the parent's config, as plain JSON values."""
        first = self.candidates[0]
        return {
            "name": self.name,
            "agent": first.agent,
            "workspace": first.workspace,
            "training_type": first.training_type,
            "metric": self.metric,
            "mode": self.mode,
            "seeds": self.seeds,
            "runs": len(self.runs()),
            "training_data": canonical(first)["training_data"],
            "models": {config.name: chosen(config) for config in self.candidates},
            "baselines": [config.name for config in self.baselines],
        }


def leading(models: Sequence[RunConfig]) -> RunConfig:
    """Return the model that says what is monitored: what is fitted in one go monitors nothing."""
    return next((config for config in models if config.model.model_type not in SEEDLESS), models[0])


def _drawn(config: RunConfig, seed: int) -> RunConfig:
    """Return a model's config for one seed; of a few-shot training that is one of its draws."""
    few = config.few_shot.model_copy(update={"draws": 1}) if config.training_type == "few_shot" else config.few_shot
    return config.model_copy(update={"seed": seed, "few_shot": few})


def depends_on_seed(config: RunConfig) -> bool:
    """Return whether another seed is another result: all but what is fitted in one go on the same examples."""
    kind = config.model.model_type
    return kind not in SEEDLESS or (config.training_type == "few_shot" and kind != "majority")


def read_models(files: Sequence[Path]) -> list[RunConfig]:
    """Read the models to compare: a YAML each, or in one YAML a block `models` of what differs from the rest of it.

    Raises:
        NotFound: there is no such file.
        Invalid: with every mistake of every model.
    """
    found: list[tuple[str, dict[str, Any]]] = []
    for file in files:
        values = read_yaml(file)
        if isinstance(values, dict) and "models" in values:
            found += _variants(values, Path(file).name)
        else:
            found.append((Path(file).name, values))
    configs, problems = [], []
    for where, values in found:
        try:
            configs.append(parse_run_config(values))
        except Invalid as error:
            problems += [Problem(f"{where}: {p.path}", p.message, p.allowed) for p in error.problems]
            if not error.problems:
                raise
    if problems:
        raise Invalid("The models cannot be compared: their configurations have mistakes.", problems=problems)
    return configs


def _variants(values: dict[str, Any], file: str) -> Iterator[tuple[str, dict[str, Any]]]:
    models = values["models"]
    shared = {key: value for key, value in values.items() if key not in ("models", "seeds")}
    if isinstance(models, Mapping):
        problems = [
            Problem(f"models.{name}", f"must be a block of keys, is {part!r}")
            for name, part in models.items()
            if part is not None and not isinstance(part, Mapping)
        ]
        if problems:
            raise Invalid(f"{file} names models without their settings.", problems=problems)
        models = [{"name": str(name), **(part or {})} for name, part in models.items()]
    if not isinstance(models, list) or not models or not all(isinstance(part, dict) for part in models):
        problem = Problem("models", "must be a list of blocks, or blocks by name")
        raise Invalid(f"{file} names no models.", problems=[problem])
    for number, part in enumerate(models, start=1):
        yield f"{file}, model {part.get('name', number)}", _merged(shared, part)


def _merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in changes.items():
        inner = merged.get(key)
        # Another kind of model has other keys.
        is_block = isinstance(inner, dict) and isinstance(value, dict) and "model_type" not in value
        merged[key] = _merged(inner, value) if is_block and isinstance(inner, dict) else value
    return merged


def compare(
    models: Sequence[RunConfig], *, seeds: int = 1, baselines: bool = True, name: str | None = None
) -> Comparison:
    """Put models together that learn the same from the same data, and the baselines that they have to beat.

    Args:
        seeds: runs of each model, with seeds from its own one on.

    Raises:
        Invalid: their data, splits or metrics differ, naming what; or there are too few or too many of them.
    """
    problems = list(_differences(models))
    if not 1 <= seeds <= MOST_SEEDS:
        problems.append(Problem("seeds", f"{seeds} is not between 1 and {MOST_SEEDS}"))
    if problems:
        hint = "Compare models on the same data, split and metric: what differs between them should be the model."
        raise Invalid("These models cannot be compared.", hint=hint, problems=problems)
    unique = tuple(_named_apart(models))
    first = leading(unique).optimization
    comparable = first.early_stopping.monitor != "val_loss" or first.loss == CrossEntropy()
    simple = tuple(_baselines(unique)) if baselines and comparable else ()
    return Comparison(name or f"compare-{unique[0].name}", unique, simple, seeds)


def _differences(models: Sequence[RunConfig]) -> Iterator[Problem]:
    if not 1 <= len(models) <= MOST_MODELS:
        yield Problem("models", f"{len(models)} are not between 1 and {MOST_MODELS}")
    if not models:
        return
    first = leading(models)
    for other in (config for config in models if config is not first):
        label = f"{other.name} against {first.name}"
        mine, theirs = canonical(first), canonical(other)
        for key, value in theirs["training_data"].items():
            if value != mine["training_data"][key]:
                yield Problem(f"training_data.{key}", f"{label}: {value!r} is not {mine['training_data'][key]!r}")
        monitors = [config.optimization.early_stopping.monitor for config in (other, first)]
        if other.model.model_type in SEEDLESS:
            monitors[0] = monitors[1]
        if monitors[0] != monitors[1]:
            yield Problem("optimization.early_stopping.monitor", f"{label}: {monitors[0]} is not {monitors[1]}")
        elif monitors[0] == "val_loss" and other.optimization.loss != first.optimization.loss:
            said = "their validation losses are of different losses; monitor accuracy or f1_macro"
            yield Problem("optimization.loss", f"{label}: {said}")
        if sorted(other.evaluation.metrics) != sorted(first.evaluation.metrics):
            yield Problem("evaluation.metrics", f"{label}: {list(other.evaluation.metrics)} are not the same")
        if _shots(other) != _shots(first):
            yield Problem("few_shot", f"{label}: they learn from different numbers of examples")
    twice = [name for name, count in Counter(map(replicate_group, models)).items() if count > 1]
    for group in twice:
        names = " and ".join(config.name for config in models if replicate_group(config) == group)
        yield Problem("models", f"{names} are the same but for their names and seeds; --seeds repeats a model")


def _shots(config: RunConfig) -> Any:
    return config.few_shot.shots if config.training_type == "few_shot" else None


def _named_apart(models: Sequence[RunConfig]) -> Iterator[RunConfig]:
    taken: Counter[str] = Counter()
    for config in models:
        taken[config.name] += 1
        again = f"{config.name}-{taken[config.name]}"
        yield config if taken[config.name] == 1 else config.model_copy(update={"name": again})


def _baselines(models: Sequence[RunConfig]) -> Iterator[RunConfig]:
    """Yield the majority class, and the simple models that go with these data and are not among the candidates."""
    first = models[0]
    there = {config.model.model_type for config in models}
    parts: list[dict[str, Any]] = [{"model_type": "majority"}]
    if isinstance(first.model, TextEncoder | EncoderLogreg | TfidfLogreg):
        parts.append({"model_type": "tfidf_logreg"})
        encoder = next((config.model for config in models if isinstance(config.model, TextEncoder)), None)
        if encoder is not None:
            parts.append({"model_type": "encoder_logreg", "base_model": encoder.base_model})
    elif isinstance(first.model, (*SERIES_NETS, *ESTIMATORS)):
        parts.append({"model_type": "logistic_regression"})
    else:
        return
    values = canonical(first)
    names = {config.name for config in models}
    for part in parts:
        if part["model_type"] in there:
            continue
        shared = {key: values[key] for key in ("agent", "workspace", "seed", "tags", "training_data", "resources")}
        few = {"training_type": "few_shot", "few_shot": values["few_shot"]} if _shots(first) else {}
        name = part["model_type"].replace("_", "-")
        kept: Part = Evaluation(metrics=first.evaluation.metrics)
        baseline = {"name": f"baseline {name}" if name in names else name, "evaluation": kept.model_dump(mode="json")}
        length = {"max_length": first.hyperparameters.max_length} if part["model_type"] == "encoder_logreg" else {}
        yield parse_run_config({**shared, **few, **baseline, "model": part, "hyperparameters": length})
