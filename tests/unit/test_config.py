"""Configs: what is accepted, what every mistake says, and what a digest depends on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from runyard.config.estimators import Ensemble
from runyard.config.models import Cnn1d, TextEncoder
from runyard.config.part import Part
from runyard.config.run import (
    RunConfig,
    canonical,
    digest,
    load_run_config,
    parse_run_config,
    replicate_group,
    to_yaml,
)
from runyard.core.errors import Invalid, NotFound, Problem

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "train.yaml"
SMALL: dict[str, Any] = {"model": {"model_type": "cnn1d"}, "training_data": {"source": "watch"}}


def problems(text: str) -> dict[str, Problem]:
    """Return the problems of a YAML text by path."""
    with pytest.raises(Invalid) as caught:
        load_run_config(text)
    return {problem.path: problem for problem in caught.value.problems}


def every_part(model: type[Part] = RunConfig) -> set[type[Part]]:
    found = {model}
    schema_models = [model]
    while schema_models:
        for field in schema_models.pop().model_fields.values():
            for part in _parts(field.annotation):
                if part not in found:
                    found.add(part)
                    schema_models.append(part)
    return found


def _parts(annotation: Any) -> list[type[Part]]:
    if isinstance(annotation, type) and issubclass(annotation, Part):
        return [annotation]
    return [part for inner in getattr(annotation, "__args__", ()) for part in _parts(inner)]


def test_the_example_loads_and_shows_every_option() -> None:
    config = load_run_config(EXAMPLE)
    assert isinstance(config.model, TextEncoder)
    assert config.hyperparameters.learning_rate == 1e-3
    text = EXAMPLE.read_text("utf-8")
    names = {name for part in every_part() for name in part.model_fields}
    assert [name for name in sorted(names) if f"{name}:" not in text and f"{name}" not in text] == []


def test_every_field_has_a_title_a_sentence_and_a_group() -> None:
    lacking = [
        f"{part.__name__}.{name}"
        for part in every_part()
        for name, field in part.model_fields.items()
        if not (field.title and field.description and field.description.endswith("."))
        or (name not in ("kind", "model_type") and not field.json_schema_extra)
    ]
    assert lacking == []


def test_the_schema_can_be_made_for_forms() -> None:
    schema = TypeAdapter(RunConfig).json_schema()
    assert schema["properties"]["model"]["discriminator"]["propertyName"] == "model_type"


@pytest.mark.parametrize(
    ("section", "path"),
    [
        ({"early_stopping": {"monitor": [1]}}, "optimization.early_stopping.monitor"),
        ({"early_stopping": {"monitor": {}}}, "optimization.early_stopping.monitor"),
        ({"loss": {"kind": {}}}, "optimization.loss"),
        ({"loss": {"kind": [1]}}, "optimization.loss"),
    ],
)
def test_a_list_or_a_block_where_a_word_belongs_is_named(section: dict[str, Any], path: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse_run_config({**SMALL, "optimization": section})
    assert path in {problem.path for problem in caught.value.problems}


def test_method_and_type_follow_the_model() -> None:
    assert parse_run_config(SMALL).method == "full"
    assert parse_run_config(SMALL).training_type == "from_scratch"
    encoder = {**SMALL, "model": {"model_type": "encoder_logreg"}}
    assert parse_run_config(encoder).method == "frozen"
    text = {**SMALL, "model": {"base_model": "all-MiniLM-L6-v2"}}
    assert parse_run_config(text).model.model_type == "text_encoder"


def test_all_mistakes_come_at_once_with_what_is_allowed() -> None:
    found = problems(
        """
        model: {model_type: cnn1d, chanels: [1]}
        training_data: {source: watch, path: x.npz, split_bye: group}
        hyperparameters: {learning_rate: -1, epoch: 3, batch_size: many, warmup_steps: yes}
        optimization:
          optimizer: adamm
          schedule: two_cycles
          loss: {kind: hinge}
          gradient_clipping: .nan
          early_stopping: {monitr: f1, patience: 0, monitor: acuracy}
        training: {devices: [2, 3], optimzer: x}
        monitoring: {health_check_timeout: 9}
        deployment: {auto_deploy: true}
        seed: -2
        """
    )
    assert set(found) == {
        "model.chanels",
        "training_data.split_bye",
        "training_data",
        "hyperparameters.learning_rate",
        "hyperparameters.epoch",
        "hyperparameters.batch_size",
        "hyperparameters.warmup_steps",
        "optimization.optimizer",
        "optimization.schedule",
        "optimization.loss",
        "optimization.gradient_clipping",
        "optimization.early_stopping.monitr",
        "optimization.early_stopping.patience",
        "optimization.early_stopping.monitor",
        "training.devices",
        "training.optimzer",
        "monitoring.health_check_timeout",
        "deployment.auto_deploy",
        "seed",
    }
    assert "did you mean adam" in found["optimization.optimizer"].message
    assert found["optimization.optimizer"].allowed[:4] == ("adam", "adamw", "nadam", "radam")
    assert "did you mean epochs" in found["hyperparameters.epoch"].message
    assert "did you mean accuracy" in found["optimization.early_stopping.monitor"].message
    assert found["optimization.schedule"].allowed[-1] == "one_cycle"
    assert found["optimization.loss"].allowed == ("cross_entropy", "focal", "leak_aware", "expected_cost")
    assert "not in this version" in found["deployment.auto_deploy"].message
    assert "CUDA_VISIBLE_DEVICES" in found["training.devices"].message
    assert "-1" in found["hyperparameters.learning_rate"].message
    assert "source or path" in found["training_data"].message


@pytest.mark.parametrize(
    ("text", "path", "word"),
    [
        ("model: {model_type: cnn}\ntraining_data: {}", "training_data", "name a data set"),
        ("training_data: {source: a}\nseed: 1", "model", "missing"),
        ("model: {model_type: cnn1d}\nmethod: lora\ntraining_data: {source: a}", "method", "cnn1d"),
        (
            "model: {model_type: tfidf_logreg}\ntraining_data: {source: a}\nlearning_rate: 0.1",
            "hyperparameters.learning_rate",
            "no effect",
        ),
        (
            "model: {model_type: cnn1d}\ntraining_data: {source: a}\noptimizer: {kind: sgd, nesterov: true}",
            "optimization.optimizer.momentum",
            "above 0",
        ),
        (
            "model: {model_type: cnn1d}\ntraining_data: {source: a}\nlr: 0.1\nlearning_rate: 0.2",
            "learning_rate",
            "another value",
        ),
        (
            "model: {model_type: cnn1d}\ntraining_data: {source: a}\nloss: {class_weights: {a: -1}}",
            "optimization.loss.class_weights",
            "weight of a",
        ),
        ("model: {model_type: cnn1d}\ntraining_data: {source: a}\nname: a/b", "name", "pattern"),
        (
            "model: {model_type: cnn1d}\ntraining_data: {source: a, split: [0.7, 0.2, 0.1]}",
            "training_data.split",
            "not in this version",
        ),
        (
            "model: {model_type: cnn1d}\ntraining_data: {source: a}\nevaluation: {metrics: [accuracy, rouge]}",
            "evaluation.metrics.1",
            "not in this version",
        ),
        (
            "model: {model_type: cnn1d}\ntraining_data: {source: a}\nschedule: one_cycle\nwarmup_steps: 10",
            "hyperparameters.warmup_steps",
            "its own warm-up",
        ),
        (
            "model: {model_type: cnn1d}\ntraining_data: {source: a}\ntraining: {distributed: false, world_size: 4}",
            "training.distributed",
            "devices is 4",
        ),
        (
            "model: {model_type: cnn1d}\ntraining_data: {source: a}\ntraining: {distributed: true}",
            "training.distributed",
            "devices is 1",
        ),
    ],
)
def test_a_mistake_is_named(text: str, path: str, word: str) -> None:
    found = problems(text)
    assert list(found) == [path]
    assert word in found[path].message


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name: a\nmodel: [1\n", "line 3"),
        ("name: a\nname: b\n", "line 2, column 1: the key 'name' stands here twice"),
        ("a: &x 1\nb: *x\n", "anchors"),
        ("a: 1\n\tb: 2\n", "line 2"),
        ("a: !!python/object:os.system x\n", "line 1"),
        ("- a\n- b: 1\n", "must be a mapping"),
        ("# nothing: here\n", "is empty"),
    ],
)
def test_yaml_that_cannot_be_read_is_named_with_its_line(text: str, words: str) -> None:
    with pytest.raises(Invalid) as caught:
        load_run_config(text)
    assert words in caught.value.message


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no file"):
        load_run_config(tmp_path / "missing.yaml")
    with pytest.raises(Invalid, match="cannot be read"):
        load_run_config(tmp_path)
    (tmp_path / "binary.yaml").write_bytes(b"a: \xff\xfe")
    with pytest.raises(Invalid, match="UTF-8"):
        load_run_config(tmp_path / "binary.yaml")


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from([*RunConfig.model_fields, "training", "lr", "callbacks", "x"]), inner)
        ),
        max_leaves=12,
    )
)
def test_no_input_makes_the_parser_fail_otherwise(values: Any) -> None:
    with pytest.raises(Invalid) as caught:
        parse_run_config(values)
    assert caught.value.message


def configs() -> st.SearchStrategy[dict[str, Any]]:
    """Valid configs under their canonical names."""
    optimizer = st.sampled_from(
        [{"kind": "adam", "beta1": 0.8}, {"kind": "adamw"}, {"kind": "sgd", "momentum": 0.9}, {"kind": "rmsprop"}]
    )
    schedule = st.sampled_from(
        [{"kind": "constant"}, {"kind": "cosine", "min_lr": 1e-6}, {"kind": "exponential", "decay_rate": 0.9}]
    )
    return st.fixed_dictionaries(
        {
            "model": st.sampled_from(
                [{"model_type": "cnn1d", "channels": [4]}, {"model_type": "text_encoder", "base_model": "m"}]
            ),
            "training_data": st.fixed_dictionaries({"source": st.sampled_from(["a", "b"])}),
            "hyperparameters": st.fixed_dictionaries(
                {},
                optional={
                    "learning_rate": st.floats(1e-5, 1),
                    "epochs": st.integers(1, 99),
                    "gradient_accumulation": st.integers(1, 8),
                    "dropout": st.floats(0, 0.9),
                },
            ),
            "optimization": st.fixed_dictionaries(
                {},
                optional={
                    "optimizer": optimizer,
                    "schedule": schedule,
                    "gradient_clipping": st.none() | st.floats(0.1, 9),
                    "early_stopping": st.fixed_dictionaries({"patience": st.integers(1, 20)}),
                },
            ),
        },
        optional={"seed": st.integers(0, 2**32 - 1), "tags": st.lists(st.text("ab", min_size=1), max_size=2)},
    )


@given(configs(), st.booleans())
def test_yaml_and_back_is_the_same_config(values: dict[str, Any], full: bool) -> None:
    config = parse_run_config(values)
    again = load_run_config(to_yaml(config, full=full))
    assert again == config
    assert digest(again) == digest(config)
    assert parse_run_config(json.loads(json.dumps(canonical(config)))) == config


@given(configs(), configs())
def test_digests_agree_just_for_equal_configs(one: dict[str, Any], other: dict[str, Any]) -> None:
    first, second = parse_run_config(one), parse_run_config(other)
    assert (digest(first) == digest(second)) == (first == second)


def test_a_default_that_is_written_out_does_not_change_the_digest() -> None:
    written = {**SMALL, "hyperparameters": {"epochs": 3}, "optimization": {"optimizer": "adamw"}}
    assert digest(parse_run_config(SMALL)) == digest(parse_run_config(written))


def test_replicates_differ_in_what_does_not_change_the_experiment() -> None:
    def group(**changes: Any) -> str:
        return replicate_group(parse_run_config({**SMALL, **changes}))

    base = group()
    same: list[dict[str, Any]] = [
        {"seed": 3},
        {"name": "other"},
        {"tags": ["a"]},
        {"monitoring": {"log_every_steps": 9}},
        {"resources": {"device": "cpu"}},
    ]
    assert {group(**changes) for changes in same} == {base}
    assert group(epochs=4) != base
    assert group(training_data={"path": "/a/x.npz"}) == group(training_data={"path": "/b/x.npz"})
    assert group(training_data={"path": "/a/x.npz"}) != group(training_data={"path": "/a/y.npz"})


def test_configs_are_frozen() -> None:
    config = parse_run_config(SMALL)
    with pytest.raises(ValueError, match="frozen"):
        config.seed = 3  # type: ignore[misc]
    assert isinstance(config.model, Cnn1d)


def test_the_example_of_a_table_loads() -> None:
    config = load_run_config(EXAMPLE.with_name("table.yaml"))
    assert isinstance(config.model, Ensemble)
    assert list(config.model.members) == ["forest", "boosting", "linear"]
    assert load_run_config(to_yaml(config)) == config
    assert load_run_config(to_yaml(config, full=False)) == config


@pytest.mark.parametrize(
    ("text", "path", "words"),
    [
        ("model: {model_type: random_forest}\nhyperparameters: {epochs: 9}", "hyperparameters.epochs", "no effect"),
        ("model: {model_type: svm}\noptimization: {optimizer: sgd}", "optimization.optimizer", "no effect"),
        ("model: {model_type: svm}\nearly_stopping: {patience: 3}", "optimization.early_stopping", "no effect"),
        ("model: {model_type: svm}\nloss: focal", "optimization.loss", "no effect"),
        (
            "model: {model_type: svm}\nloss: {kind: cross_entropy, label_smoothing: 0.1}",
            "optimization.loss.label_smoothing",
            "no effect",
        ),
        ("model: {model_type: svm, kernel: linear, gamma: 2}", "model.gamma", "linear kernel"),
        ("model: {model_type: svm, gamma: wide}", "model.gamma", "scale, auto"),
        ("model: {model_type: ensemble, folds: 3}", "model.folds", "soft voting"),
        (
            "model: {model_type: ensemble, members: {a: {model_type: svm}, b: {model_type: svn}}}",
            "model.members.b.model_type",
            "did you mean svm",
        ),
        (
            "model: {model_type: ensemble, members: {a: {model_type: svm, folds: 1}, b: {model_type: svm}}}",
            "model.members.a.folds",
            "greater than or equal to 2",
        ),
        ("model: {model_type: lstm}\nfeatures: x", "features", "no such key"),
    ],
)
def test_what_means_nothing_to_a_model_of_tables_is_refused(text: str, path: str, words: str) -> None:
    found = problems(f"{text}\ntraining_data: {{source: a}}")
    assert list(found) == [path]
    assert words in found[path].message


@pytest.mark.parametrize(
    ("model", "data", "path"),
    [
        ("tfidf_logreg", {"feature_columns": ["a"]}, "training_data.feature_columns"),
        ("svm", {"feature_columns": ["a"], "categorical_columns": ["b"]}, "training_data.categorical_columns"),
        ("svm", {"feature_columns": ["a", "label"]}, "training_data.feature_columns"),
        ("svm", {"split_by": "time"}, "training_data.time_column"),
        ("cnn1d", {"split_by": "column"}, "training_data.split_by"),
    ],
)
def test_data_options_that_do_not_go_with_a_model_are_refused(model: str, data: dict[str, Any], path: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse_run_config({"model": {"model_type": model}, "training_data": {"source": "a", **data}})
    assert [problem.path for problem in caught.value.problems] == [path]
