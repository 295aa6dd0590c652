"""The Launch page: the form follows the model, every mistake is named, the YAML is the run's own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from streamlit.testing.v1 import AppTest

from runyard.config.run import load_run_config

Visit = Callable[..., AppTest]


def keyed(at: AppTest, ending: str) -> str:
    """Return the key of the field at a path."""
    kinds = (*at.text_input, *at.number_input, *at.selectbox, *at.toggle, *at.multiselect)
    return next(str(widget.key) for widget in kinds if str(widget.key).endswith(f"/{ending}"))


def fields(at: AppTest) -> set[str]:
    kinds = (*at.text_input, *at.number_input, *at.selectbox, *at.toggle, *at.multiselect)
    return {str(widget.key).partition("/")[2] for widget in kinds}


def test_the_yaml_is_the_configuration_of_the_form(visit: Visit, empty: Path) -> None:
    at = visit(empty, "launch")

    at.number_input(key=keyed(at, "hyperparameters.learning_rate")).set_value(0.0005).run()
    at.text_input(key=keyed(at, "model.channels")).set_value("8, 16").run()

    config = load_run_config(at.code[0].value)
    assert config.hyperparameters.learning_rate == 0.0005
    assert config.model.channels == (8, 16)  # type: ignore[union-attr]
    assert at.code[1].value == f"runyard --yard {empty} launch digits-CNN.yaml"


def test_the_form_follows_the_model(visit: Visit, empty: Path) -> None:
    at = visit(empty, "launch")
    assert "model.channels" in fields(at)

    at.selectbox(key=keyed(at, "model.model_type")).set_value("text_encoder").run()
    assert {"model.base_model", "model.lora.rank", "hyperparameters.max_length"} <= fields(at)
    assert "model.channels" not in fields(at)

    at.selectbox(key=keyed(at, "model.model_type")).set_value("tfidf_logreg").run()
    assert "model.max_features" in fields(at)
    assert not {path for path in fields(at) if path.startswith(("hyperparameters", "optimization"))}
    assert not at.exception


def test_the_optimizer_brings_its_own_fields(visit: Visit, empty: Path) -> None:
    at = visit(empty, "launch")

    at.selectbox(key=keyed(at, "optimization.optimizer.kind")).set_value("sgd").run()

    assert "optimization.optimizer.momentum" in fields(at)
    assert "optimization.optimizer.beta1" not in fields(at)
    assert load_run_config(at.code[0].value).optimization.optimizer.kind == "sgd"


def test_every_mistake_is_named_with_its_path(visit: Visit, empty: Path) -> None:
    at = visit(empty, "launch")

    at.text_input(key=keyed(at, "training_data.source")).set_value("").run()
    at.number_input(key=keyed(at, "hyperparameters.learning_rate")).set_value(0.0).run()

    said = at.warning[0].value.replace("&#95;", "_").replace("&#46;", ".")
    assert "**hyperparameters.learning_rate**" in said
    assert "**training_data**" in said
    start = next(button for button in at.button if button.label == "Start run")
    assert start.disabled
    assert not list((empty / "runs").iterdir())


def test_data_that_is_not_there_starts_nothing(visit: Visit, empty: Path) -> None:
    at = visit(empty, "launch")

    at.text_input(key=keyed(at, "training_data.source")).set_value("no-such-data").run()
    next(button for button in at.button if button.label == "Start run").click().run()

    assert "no-such-data" in at.info[0].value.replace("&#45;", "-")
    assert not list((empty / "runs").iterdir())
