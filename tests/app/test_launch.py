"""The Launch page: the form follows the model, every mistake is named, the YAML is the run's own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from streamlit.testing.v1 import AppTest

from runyard.config.estimators import Ensemble
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

    at.selectbox(key=keyed(at, "model.model_type")).set_value("ensemble").run()
    assert {"model.combine", "model.members", "training_data.feature_columns"} <= fields(at)
    assert "hyperparameters.epochs" not in fields(at)
    assert "optimization.early_stopping.patience" not in fields(at), "an ensemble is fitted in one go"
    assert isinstance(load_run_config(at.code[0].value).model, Ensemble)
    assert not at.exception


def test_the_form_follows_the_kind_of_training(visit: Visit, empty: Path) -> None:
    at = visit(empty, "launch")
    assert not {path for path in fields(at) if path.startswith("few_shot")}

    at.selectbox(key=keyed(at, "training_type")).set_value("few_shot").run()

    assert {"few_shot.shots", "few_shot.draws"} <= fields(at)
    assert not at.exception


def test_a_run_to_repeat_that_is_not_there_is_a_sentence(visit: Visit, empty: Path) -> None:
    at = visit(empty, "launch", **{"from": "abc"})
    assert not at.exception
    assert "There is no run" in at.info[0].value


def test_a_language_model_brings_its_own_scores_and_splits(visit: Visit, empty: Path) -> None:
    at = visit(empty, "launch")
    at.selectbox(key=keyed(at, "model.model_type")).set_value("causal_lm").run()

    assert {"model.lora.rank", "model.adapter", "training_data.template", "evaluation.samples"} <= fields(at)
    assert not {"hyperparameters.dropout", "training_data.label_column", "model.channels"} & fields(at)
    scores = at.multiselect(key=keyed(at, "evaluation.metrics"))
    assert (scores.options, scores.value) == (
        ["perplexity", "token_accuracy", "bleu"],
        ["perplexity", "token_accuracy"],
    )
    assert at.selectbox(key=keyed(at, "training_data.split_by")).options == ["random", "group", "column"]
    config = load_run_config(at.code[0].value)
    assert (config.model.model_type, config.method, config.training_type) == ("causal_lm", "lora", "fine_tuning")
    assert config.evaluation.metrics == ("perplexity", "token_accuracy")

    at.selectbox(key=keyed(at, "method")).set_value("full").run()
    assert not {"model.lora.rank", "model.adapter"} & fields(at)
    at.selectbox(key=keyed(at, "model.model_type")).set_value("text_encoder").run()
    again = load_run_config(at.code[0].value)
    assert (again.evaluation.metrics, again.training_data.split_by) == (("accuracy", "f1_macro"), "stratified")
    assert "evaluation.samples" not in fields(at)
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


def rates_of(at: AppTest) -> tuple[str, str]:
    """Return the alternative text and the caption of the learning rate's curve."""
    (chart,) = at.get("vega_lite_chart")
    return chart.proto.alt, next(one.value for one in at.caption if "steps" in one.value)


def test_the_learning_rate_is_drawn_before_the_run(visit: Visit, empty: Path) -> None:
    at = visit(empty, "launch")
    _, caption = rates_of(at)
    config = load_run_config(at.code[0].value)
    hyper = config.hyperparameters
    per_epoch = -(-round(0.8 * 400) // hyper.batch_size)  # of the 400 digits of the demo, a fifth is held out
    assert caption.startswith(f"About {per_epoch * hyper.epochs:,} steps, {per_epoch} an epoch; up to ")

    at.selectbox(key=keyed(at, "optimization.schedule.kind")).set_value("constant").run()
    at.number_input(key=keyed(at, "hyperparameters.learning_rate")).set_value(0.0625).run()
    assert rates_of(at)[0] == "Learning rate over the run: up to 0.0625, 0.0625 at the end"
    at.text_input(key=keyed(at, "training_data.source")).set_value("unknown-data").run()
    assert "not known yet" in rates_of(at)[1]
    at.selectbox(key=keyed(at, "model.model_type")).set_value("tfidf_logreg").run()
    assert not at.get("vega_lite_chart"), "nothing steps there"
    assert not at.exception
