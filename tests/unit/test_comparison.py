"""What may be compared: the same data, split and metric; several files or variants in one; baselines and seeds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from runyard.config.comparison import compare, read_models
from runyard.config.run import parse_run_config
from runyard.core.errors import Invalid

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "compare.yaml"


def config(name: str = "a", **changes: Any) -> Any:
    values = {"name": name, "model": {"model_type": "mlp", "widths": [8]}, "training_data": {"source": "waves"}}
    return parse_run_config({**values, **changes})


def encoder(name: str = "e", **changes: Any) -> Any:
    return config(name, model={"model_type": "text_encoder", "base_model": "tiny"}, **changes)


CNN = {"model_type": "cnn1d"}


@pytest.mark.parametrize(
    ("other", "path"),
    [
        ({"training_data": {"source": "others"}}, "training_data.source"),
        ({"training_data": {"source": "waves", "validation_split": 0.3}}, "training_data.validation_split"),
        ({"training_data": {"source": "waves", "max_examples": 9}}, "training_data.max_examples"),
        ({"optimization": {"early_stopping": {"monitor": "accuracy"}}}, "optimization.early_stopping.monitor"),
        ({"optimization": {"loss": "focal"}}, "optimization.loss"),
        ({"evaluation": {"metrics": ["accuracy"]}}, "evaluation.metrics"),
        ({"training_type": "few_shot"}, "few_shot"),
    ],
)
def test_what_differs_is_named(other: dict[str, Any], path: str) -> None:
    with pytest.raises(Invalid, match="cannot be compared") as said:
        compare([config(), config("b", **{"model": CNN, **other})])
    assert [problem.path for problem in said.value.problems] == [path]
    assert "b against a" in said.value.problems[0].message


def test_the_same_model_twice_is_no_comparison() -> None:
    with pytest.raises(Invalid) as said:
        compare([config("a", seed=1), config("b", seed=2)])
    assert "the same but for their names and seeds" in said.value.problems[0].message


def test_every_model_has_every_seed_but_what_no_seed_changes() -> None:
    comparison = compare([encoder(seed=5), config("t", model={"model_type": "tfidf_logreg"})], seeds=3)
    runs = [(run.name, run.seed) for run in comparison.runs()]
    assert runs == [
        *(("e", 5), ("t", 0), ("majority", 5), ("encoder-logreg", 5)),
        *(("e", 6), ("e", 7)),
    ]
    assert comparison.described()["baselines"] == ["majority", "encoder-logreg"]
    assert comparison.described()["runs"] == 6


def test_baselines_learn_from_the_same_examples() -> None:
    data = {"source": "texts", "label_column": "stars", "validation_split": 0.4}
    comparison = compare([encoder(training_data=data)])
    assert [one.model.model_type for one in comparison.baselines] == ["majority", "tfidf_logreg", "encoder_logreg"]
    assert {one.training_data for one in comparison.baselines} == {comparison.candidates[0].training_data}


def test_losses_of_another_kind_have_no_baselines() -> None:
    focal = {"optimization": {"loss": "focal"}}
    assert compare([config(**focal)]).baselines == ()
    by_accuracy = {"optimization": {"loss": "focal", "early_stopping": {"monitor": "accuracy"}}}
    assert [one.name for one in compare([config(**by_accuracy)]).baselines] == ["majority", "logistic-regression"]


def test_models_of_one_name_are_told_apart() -> None:
    assert [one.name for one in compare([config(), config(model=CNN)]).candidates] == ["a", "a-2"]


def test_one_file_may_hold_all_models() -> None:
    models = read_models([EXAMPLE])
    assert len(models) > 1
    assert len({one.training_data for one in models}) == 1
    compare(models)


def test_mistakes_of_all_files_are_said_at_once(tmp_path: Path) -> None:
    (tmp_path / "one.yaml").write_text("model: {model_type: mpl}\ntraining_data: {source: waves}\n")
    (tmp_path / "two.yaml").write_text(
        "training_data: {source: waves}\nmodels: {x: {model: {model_type: mlp, width: 3}}}\n"
    )
    with pytest.raises(Invalid) as said:
        read_models([tmp_path / "one.yaml", tmp_path / "two.yaml"])
    assert [p.path for p in said.value.problems] == ["one.yaml: model.model_type", "two.yaml, model x: model.width"]
    (tmp_path / "none.yaml").write_text("models: 3\n")
    with pytest.raises(Invalid, match="names no models"):
        read_models([tmp_path / "none.yaml"])
    (tmp_path / "bare.yaml").write_text("models: {small: cnn1d, large: [1], same:}\n")
    with pytest.raises(Invalid, match="without their settings") as said:
        read_models([tmp_path / "bare.yaml"])
    assert [p.path for p in said.value.problems] == ["models.small", "models.large"]
