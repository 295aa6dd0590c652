"""Saved models, loaded again: they say what the trained model said, and a changed file is noticed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from runyard.config.run import load_run_config
from runyard.core.errors import Corrupt, Invalid, NotFound, RunyardError
from runyard.train.benchmark import benchmark
from runyard.train.saved import SavedModel, load_saved
from runyard.train.suites import Suite, held_out, of_file, predictions

TEXT = {"base_model": "tiny", "max_length": 16, "learning_rate": 0.02, "batch_size": 8, "epochs": 2}
KINDS: dict[str, dict[str, Any]] = {
    "lora": {"model_type": "text_encoder", "method": "lora"},
    "full": {"model_type": "text_encoder", "method": "full"},
    "frozen": {"model_type": "text_encoder", "method": "frozen"},
    "encoder_logreg": {"model_type": "encoder_logreg"},
    "tfidf_logreg": {"model_type": "tfidf_logreg"},
    "cnn1d": {},
}


def config_of(kind: str, reviews: dict[str, Any], waves: dict[str, Any]) -> dict[str, Any]:
    chosen = dict(KINDS[kind])
    if kind == "cnn1d":
        return {**waves, "epochs": 2}
    model = {"model_type": chosen.pop("model_type")}
    if kind == "tfidf_logreg":
        return {**reviews, "model": model}
    model["base_model"] = "tiny"
    if kind == "encoder_logreg":
        return {**reviews, "model": model, "max_length": 16}
    return {**reviews, **{key: value for key, value in TEXT.items() if key != "base_model"}, **chosen, "model": model}


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_run_is_benchmarked_with_the_scores_of_its_best_epoch(
    bench: Any, reviews: dict[str, Any], waves: dict[str, Any], encoder: Path, kind: str
) -> None:
    """The saved model, loaded from its files, must score what the loop measured when it chose the weights."""
    folder = bench.prepare(**config_of(kind, reviews, waves))
    code, story = bench.finish(folder)
    assert code == 0, folder.log.read_text()
    epochs = story.epochs()
    best = min(epochs, key=lambda epoch: epoch["val_loss"])
    measured = {metric["name"]: metric["value"] for metric in best["metrics"]}
    found = {event["metric"]: event for event in story.of("benchmark")}
    assert {name: event["accuracy_score"] for name, event in found.items()} == pytest.approx(measured, abs=1e-9)
    assert len({event["id"] for event in found.values()}) == 2
    for event in found.values():
        assert event["at"] >= story.ended["at"], "a benchmark belongs to the training before it"
        assert event["model_version_id"] == folder.path.name
        assert event["n_examples"] == story.of("planned")[0]["validation_size"]
        assert min(event["speed_score"], event["efficiency_score"]) > 0

    config, model = load_run_config(folder.config), load_saved(folder.model, story.ended["model_sha256"])
    suite = held_out(config, bench.yard)
    shares = model.shares(suite.inputs)
    assert shares.sum(axis=1) == pytest.approx(np.ones(len(suite.labels)))
    right = [share[model.classes.index(label)] for share, label in zip(shares, suite.labels, strict=True)]
    assert -np.log(right).mean() == pytest.approx(best["val_loss"], rel=1e-4)


def spoil_a_byte(folder: Path) -> None:
    path = folder / "model.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def forge_the_manifest(folder: Path) -> None:
    from runyard.train.files import write_manifest

    spoil_a_byte(folder)
    write_manifest(folder)


DAMAGES: dict[str, tuple[Callable[[Path], Any], type[RunyardError]]] = {
    "a byte": (spoil_a_byte, Corrupt),
    "a byte and its sum": (forge_the_manifest, Corrupt),
    "a file more": (lambda folder: (folder / "tokenizer.py").write_text("print()"), Corrupt),
    "a file less": (lambda folder: (folder / "config.json").unlink(), Corrupt),
    "a broken manifest": (lambda folder: (folder / "manifest.json").write_text("{"), Corrupt),
    "no manifest": (lambda folder: (folder / "manifest.json").unlink(), NotFound),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_model_that_is_not_what_was_saved_is_not_loaded(
    bench: Any, reviews: dict[str, Any], learned: Any, name: str
) -> None:
    folder = learned(bench, **reviews, model={"model_type": "tfidf_logreg"})
    sha256 = bench.story(folder).ended["model_sha256"]
    load_saved(folder.model, sha256)
    damage, error = DAMAGES[name]
    damage(folder.model)
    with pytest.raises(error):
        load_saved(folder.model, sha256)


@pytest.fixture
def waves_model(bench: Any, waves: dict[str, Any], learned: Any) -> tuple[Any, SavedModel]:
    folder = learned(bench, **waves, epochs=3)
    return load_run_config(folder.config), load_saved(folder.model)


def test_series_are_predicted_with_the_mean_of_their_windows(
    bench: Any, waves_model: tuple[Any, SavedModel], tmp_path: Path
) -> None:
    config, model = waves_model
    config = config.model_copy(update={"training_data": config.training_data.model_copy(update={"stride": 24})})
    random = np.random.default_rng(0)
    long, short = random.normal(size=(60, 2)), random.normal(size=(24, 2))
    np.savez(tmp_path / "new.npz", values=np.concatenate([long, short]), lengths=[60, 24])
    rows = predictions(config, tmp_path / "new.npz", bench.yard, model)
    expected = model.shares(np.stack([long[:24], long[24:48]]).astype(np.float32)).mean(axis=0)
    assert [row["row"] for row in rows] == [1, 2]
    assert list(rows[0]["probabilities"].values()) == pytest.approx(expected.tolist())
    assert rows[0]["probability"] == max(rows[0]["probabilities"].values())

    np.savez(tmp_path / "odd.npz", values=long, lengths=[50, 10])
    with pytest.raises(Invalid, match="shorter than the 24 steps"):
        predictions(config, tmp_path / "odd.npz", bench.yard, model)
    np.savez(tmp_path / "wide.npz", X=random.normal(size=(3, 24, 5)))
    with pytest.raises(Invalid, match="5 channels"):
        predictions(config, tmp_path / "wide.npz", bench.yard, model)


def test_a_file_is_judged_by_its_own_examples(
    bench: Any, waves: dict[str, Any], waves_model: tuple[Any, SavedModel], tmp_path: Path
) -> None:
    config, model = waves_model
    with np.load(bench.yard.datasets / "waves.npz") as arrays:
        np.savez(tmp_path / "some.npz", X=arrays["X"][:30], y=arrays["y"][:30])
    suite = of_file(config, tmp_path / "some.npz", bench.yard, model)
    (row,) = benchmark(model, suite, ["accuracy"], "an-id")
    hits = model.shares(suite.inputs).argmax(axis=1) == [model.classes.index(label) for label in suite.labels]
    assert (row["accuracy_score"], row["n_examples"]) == (pytest.approx(hits.mean()), 30)
    assert row["benchmark_name"].startswith("some@")
    assert row["benchmark_name"].endswith(":accuracy")


def test_a_class_that_the_model_does_not_know_is_a_miss(waves_model: tuple[Any, SavedModel]) -> None:
    _, model = waves_model
    x = np.zeros((4, 24, 2), dtype=np.float32)
    said = model.classes[int(model.shares(x)[0].argmax())]
    (row,) = benchmark(model, Suite("s", x, [said, said, said, "new"]), ["accuracy"], "an-id")
    assert row["accuracy_score"] == 0.75
    with pytest.raises(Invalid, match="No label of s is a class of the model"):
        benchmark(model, Suite("s", x, ["new"] * 4), ["accuracy"], "an-id")


def test_equal_names_are_equal_examples(bench: Any, reviews: dict[str, Any]) -> None:
    """Seeds, methods and hyperparameters do not change what is held out; the data and the split do."""
    base = {**reviews, "model": {"model_type": "tfidf_logreg"}}

    def name(**changes: Any) -> str:
        return held_out(load_run_config(bench.prepare(**{**base, **changes}).config), bench.yard).name

    first = name(seed=1)
    assert first == name(seed=2, name="other", model={"model_type": "tfidf_logreg", "ngram_max": 1})
    split = {"training_data": {**reviews["training_data"], "validation_split": 0.4}}
    assert first != name(**split)
    path = bench.yard.datasets / "reviews.jsonl"
    path.write_text(path.read_text() + "\n" + json.dumps({"text": "fresh tea", "label": "great"}))
    assert first != name(seed=1)
    assert first.startswith("reviews/held-out@")


@pytest.mark.parametrize("how", ["part of another run", "switched off"])
def test_no_benchmark_where_none_is_wanted(bench: Any, reviews: dict[str, Any], how: str) -> None:
    evaluation = {"benchmark": how != "switched off"}
    folder = bench.prepare(**reviews, model={"model_type": "tfidf_logreg"}, evaluation=evaluation)
    part = "import sys; from runyard.train.__main__ import main; sys.exit(main([*sys.argv[1:], '--part']))"
    exit_code, story = bench.finish(folder, code=part if evaluation["benchmark"] else "")
    assert (exit_code, story.ended["status"], story.of("benchmark")) == (0, "completed", [])


def test_a_benchmark_that_fails_leaves_the_run_completed_and_says_why(bench: Any, reviews: dict[str, Any]) -> None:
    folder = bench.prepare(**reviews, model={"model_type": "tfidf_logreg"})
    code = """
import sys
from runyard.train import benchmark, __main__ as runner
def broken(*_):
    raise MemoryError("no room")
benchmark.benchmark = broken
sys.exit(runner.main())
"""
    exit_code, story = bench.finish(folder, code=code)
    assert (exit_code, story.ended["status"], story.of("benchmark")) == (0, "completed", [])
    (notice,) = story.of("notice")
    assert "could not be benchmarked" in notice["message"]
    assert f"runyard benchmark {folder.path.name}" in notice["hint"]
