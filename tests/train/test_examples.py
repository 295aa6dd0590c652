"""The examples are true: every option is in the reference, and it and the two templates train on small data."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

from runyard.config.part import Part
from runyard.config.run import RunConfig, chosen, load_run_config, parse_run_config

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
REFERENCE = EXAMPLES / "all_options.yaml"


def parts_of(annotation: Any) -> list[type[Part]]:
    if isinstance(annotation, type) and issubclass(annotation, Part):
        return [annotation]
    return [part for inner in get_args(annotation) for part in parts_of(inner)]


def options(part: type[Part], given: Any, path: str = "") -> Iterator[tuple[str, str, bool]]:
    """Yield each option below a part: its path, its name, and whether it is of a variant that is not chosen."""
    for name, field in part.model_fields.items():
        here, below = f"{path}{name}", parts_of(field.annotation)
        if not below:
            yield here, name, given is None
            continue
        kinds = [tag for tag in ("kind", "model_type") if tag in below[0].model_fields]
        value = given.get(name) if isinstance(given, dict) else None
        for one in below:
            is_chosen = value is not None and (not kinds or value.get(kinds[0]) == one.model_fields[kinds[0]].default)
            yield from options(one, value if is_chosen else None, f"{here}.")
            if kinds and not is_chosen:
                yield f"{here}.{kinds[0]}", str(one.model_fields[kinds[0]].default), True


def test_the_reference_has_every_option() -> None:
    text, given = REFERENCE.read_text("utf-8"), yaml.safe_load(REFERENCE.read_text("utf-8"))
    comments = " ".join(line.partition("#")[2] for line in text.splitlines())

    def is_there(path: str) -> bool:
        value: Any = given
        for key in path.split("."):
            if not isinstance(value, dict) or key not in value:
                return False
            value = value[key]
        return True

    found = list(options(RunConfig, given))
    missing = {path for path, name, elsewhere in found if not elsewhere and not is_there(path)}
    missing |= {f"{path} ({name})" for path, name, elsewhere in found if elsewhere and name not in comments + text}
    assert not missing, f"{REFERENCE.name} lacks: {sorted(missing)}"
    assert len(found) > 100


def test_every_line_of_the_reference_is_explained_or_plain() -> None:
    """A key without a comment says by its name alone what it is; blocks of values have theirs on the block."""
    plain = {"tags", "model_type", "enabled", "monitor", "text_column", "label_column", "kind"}
    blocks = {"training_data", "hyperparameters", "optimization", "evaluation", "deployment", "monitoring", "resources"}
    lines = [line for line in REFERENCE.read_text("utf-8").splitlines() if line.strip() and line.lstrip()[0] != "#"]
    bare = {line.split(":")[0].strip() for line in lines if "#" not in line}
    assert bare <= plain | blocks


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_example_can_be_read(path: Path) -> None:
    if path.stem == "compare":
        from runyard.config.comparison import compare, read_models

        assert compare(read_models([path])).runs()
    else:
        assert load_run_config(path).name


def small(name: str, **changes: Any) -> dict[str, Any]:
    """Return an example's values with data and sizes of the tests."""
    values = chosen(load_run_config(EXAMPLES / name))
    for section, block in changes.items():
        values[section] = {**values.get(section, {}), **block}
    return values


def test_all_options_train(bench: Any, reviews: dict[str, Any], encoder: Path) -> None:
    values = small("all_options.yaml", model={"base_model": "tiny"}, training_data={"source": "reviews"})
    folder = bench.prepare(**values)
    assert load_run_config(folder.config) == parse_run_config(values)
    code, story = bench.finish(folder)
    assert code == 0, folder.log.read_text()
    assert len(story.epochs()) == 2
    assert {event["metric"] for event in story.of("benchmark")} == {"accuracy", "f1_macro"}


def test_the_templates_train(bench: Any, waves: dict[str, Any], reviews: dict[str, Any], encoder: Path) -> None:
    shutil.copy(bench.yard.datasets / "reviews.jsonl", bench.yard.home / "my-texts.jsonl")
    texts = {"path": str(bench.yard.home / "my-texts.jsonl")}
    hyper = {"epochs": 2, "max_length": 16}
    tuned = small("fine_tune.yaml", model={"base_model": "tiny"}, training_data=texts, hyperparameters=hyper)
    _, story = bench.fit(**tuned)
    assert [epoch["val_metric"] > 0 for epoch in story.epochs()] == [True, True]

    series = {"path": str(bench.yard.datasets / "waves.npz")}
    shape = {"model_type": "cnn1d", "channels": [8], "kernel_size": 3}
    net = small("custom_training.yaml", model=shape, training_data=series, hyperparameters={"epochs": 2})
    _, story = bench.fit(**net)
    assert story.epochs()[1]["train_loss"] < story.epochs()[0]["train_loss"]
