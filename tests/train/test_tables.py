"""Models of scikit-learn, and the net, on tables: they learn, say what every run says, and load without Runyard."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tables import WRITERS, gappy_wine, rows_of, write_csv

from runyard.config.run import load_run_config, parse_run_config
from runyard.core.errors import Corrupt, Invalid
from runyard.train.estimator_files import load_estimator
from runyard.train.saved import load_saved
from runyard.train.suites import held_out, of_file, predictions
from runyard.train.table_data import read_table_data

SMALL = {
    "random_forest": {"trees": 50, "trees_per_epoch": 20},
    "gradient_boosting": {"rounds": 20, "rounds_per_epoch": 8, "min_samples_leaf": 5},
    "svm": {"folds": 3},
    "logistic_regression": {},
}
MEMBERS = {kind: {"model_type": kind, **more} for kind, more in SMALL.items()}
MODELS: dict[str, dict[str, Any]] = {
    **MEMBERS,
    "soft_voting": {"model_type": "ensemble", "members": MEMBERS},
    "stacking": {
        "model_type": "ensemble",
        "combine": "stacking",
        "folds": 3,
        "members": {"a": {"model_type": "svm", "folds": 3}, "b": MEMBERS["logistic_regression"]},
    },
    "mlp": {"model_type": "mlp", "widths": [16]},
}
EPOCHS = {"random_forest": [20, 40, 50], "gradient_boosting": [8, 16, 20]}
ALONE = """
import json, sys
import numpy as np, skops.io
folder, rows = sys.argv[1], json.loads(sys.stdin.read())
about = json.load(open(folder + "/config.json"))
x = np.empty((len(rows), len(about["columns"])), dtype=object)
for j, column in enumerate(about["columns"]):
    empty = np.nan if column["kind"] == "number" else ""
    x[:, j] = [empty if row[column["name"]] is None else row[column["name"]] for row in rows]
path = folder + "/model.skops"
model = skops.io.load(path, trusted=skops.io.get_untrusted_types(file=path))
assert "runyard" not in sys.modules
print(json.dumps(model.predict_proba(x).tolist()))
"""


@pytest.fixture
def wine(bench: Any) -> dict[str, Any]:
    write_csv(bench.yard.datasets / "wine.csv", gappy_wine())
    return {"source": "wine", "group_column": "grower", "time_column": "vintage"}


@pytest.mark.parametrize("kind", MODELS)
def test_each_model_learns_a_table_with_gaps_and_words_and_is_benchmarked(
    bench: Any, wine: dict[str, Any], kind: str
) -> None:
    extra = {"epochs": 30, "learning_rate": 0.01} if kind == "mlp" else {"class_weights": "balanced"}
    folder = bench.prepare(model=MODELS[kind], training_data=wine, **extra)
    code, story = bench.finish(folder)
    assert code == 0, folder.log.read_text()
    planned, epochs = story.of("planned")[0], story.epochs()
    assert planned["classes"] == ["class_0", "class_1", "class_2"]
    assert planned["dataset_size"] + planned["validation_size"] == 178
    if kind != "mlp":
        assert [epoch["step"] for epoch in epochs] == EPOCHS.get(kind, [1])
        assert planned["total_epochs"] == len(epochs)
    best = min(epochs, key=lambda epoch: epoch["val_loss"])
    measured = {metric["name"]: metric["value"] for metric in best["metrics"]}
    assert measured["accuracy"] > 0.85, "two fifths are of the largest class"
    if kind == "soft_voting":
        assert {f"{name}/accuracy" for name in MEMBERS} < set(measured)
    found = {event["metric"]: event["accuracy_score"] for event in story.of("benchmark")}
    assert found == pytest.approx({name: measured[name] for name in found}, abs=1e-9)
    assert set(found) == {"accuracy", "f1_macro"}
    config, model = load_run_config(folder.config), load_saved(folder.model, story.ended["model_sha256"])
    suite = held_out(config, bench.yard)
    right = [s[model.classes.index(y)] for s, y in zip(model.shares(suite.inputs), suite.labels, strict=True)]
    assert -np.log(np.clip(right, 1e-15, 1)).mean() == pytest.approx(best["val_loss"], rel=1e-4)


@pytest.mark.slow
def test_a_saved_estimator_says_the_same_with_scikit_learn_and_skops_alone(
    bench: Any, wine: dict[str, Any], tmp_path: Path
) -> None:
    folder = bench.prepare(model=MODELS["soft_voting"], training_data=wine)
    assert bench.finish(folder)[0] == 0, folder.log.read_text()
    rows = gappy_wine()[::7]
    write_csv(tmp_path / "new.csv", rows)
    model = load_saved(folder.model)
    said = predictions(load_run_config(folder.config), tmp_path / "new.csv", bench.yard, model)
    done = subprocess.run(
        [sys.executable, "-c", ALONE, str(folder.model)],
        input=json.dumps(rows),
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={"PATH": "", "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    ours = [[line["probabilities"][name] for name in model.classes] for line in said]
    assert json.loads(done.stdout) == ours
    assert not any(b"pickle" in path.read_bytes() for path in folder.model.iterdir())


def test_the_same_table_in_each_format_gives_the_same_rows(bench: Any) -> None:
    rows = gappy_wine()
    found = []
    for ending, write in WRITERS.items():
        write(bench.yard.datasets / f"wine.{ending}", rows)
        config = parse_run_config(
            {
                "model": {"model_type": "svm"},
                "training_data": {"path": str(bench.yard.datasets / f"wine.{ending}"), "time_column": "vintage"},
            }
        )
        found.append(read_table_data(config, bench.yard, lambda *_: None))
    for data in found:
        assert data.features == found[0].features
        assert {feature.kind for feature in data.features if feature.name in ("cellar", "grower")} == {"category"}
        assert repr(data.x.tolist()) == repr(found[0].x.tolist())
        assert (data.training, data.validation) == (found[0].training, found[0].validation)


def test_arrays_are_tables(bench: Any) -> None:
    rows = rows_of("breast_cancer")
    names = [name for name in rows[0] if name != "label"]
    x = np.array([[row[name] for name in names] for row in rows])
    y = np.array([row["label"] == "benign" for row in rows], dtype=np.int64)
    np.savez(bench.yard.datasets / "named.npz", X=x, y=y, feature_names=np.array(names))
    np.save(bench.yard.datasets / "bare.npy", np.column_stack([x, y]))
    seen = {}
    for name in ("named", "bare"):
        folder = bench.prepare(model={"model_type": "logistic_regression"}, training_data={"source": name})
        code, story = bench.finish(folder)
        assert code == 0, folder.log.read_text()
        seen[name] = story.epochs()
        assert seen[name][0]["val_loss"] < 0.2
    assert seen["named"] == seen["bare"]


def test_series_are_laid_flat_for_an_estimator(bench: Any, waves: dict[str, Any], tmp_path: Path) -> None:
    folder = bench.prepare(model=MEMBERS["random_forest"], training_data=waves["training_data"])
    code, story = bench.finish(folder)
    assert code == 0, folder.log.read_text()
    assert story.epochs()[-1]["metrics"][0]["value"] > 0.85
    model = load_saved(folder.model)
    assert (model.reads, model.window) == ("series", 24)
    with np.load(bench.yard.datasets / "waves.npz") as file:
        np.savez(tmp_path / "new.npz", X=file["X"][:5])
    assert len(predictions(load_run_config(folder.config), tmp_path / "new.npz", bench.yard, model)) == 5


def test_a_class_without_a_training_window_is_named(bench: Any) -> None:
    random, lengths = np.random.default_rng(0), np.array([30, 30, 8] * 10)
    values, y = random.normal(size=(lengths.sum(), 2)).astype(np.float32), np.array(["a", "b", "brief"] * 10)
    np.savez(bench.yard.datasets / "ragged.npz", values=values, lengths=lengths, y=y)
    config = parse_run_config({"model": MEMBERS["svm"], "training_data": {"source": "ragged", "window": 16}})
    with pytest.raises(Invalid, match="No training series of 'brief' is as long as a window of 16 steps"):
        read_table_data(config, bench.yard, lambda *_: None)


def test_a_forest_keeps_its_best_epoch_and_stops_when_it_gets_no_better(bench: Any, wine: dict[str, Any]) -> None:
    model = {"model_type": "gradient_boosting", "rounds": 400, "rounds_per_epoch": 10, "shrinkage": 1.0}
    folder = bench.prepare(
        model=model, training_data={**wine, "split_by": "time"}, early_stopping={"enabled": True, "patience": 2}
    )
    code, story = bench.finish(folder)
    assert code == 0, folder.log.read_text()
    stop, epochs = story.of("early_stop")[0], story.epochs()
    assert stop["epoch"] == len(epochs) < 40
    assert stop["best_epoch"] == min(epochs, key=lambda epoch: epoch["val_loss"])["epoch"] < len(epochs)
    assert load_estimator(folder.model / "model.skops")["model"].n_iter_ == 10 * stop["best_epoch"]
    assert story.ended["early_stopped"] is True


def test_what_is_learnt_of_columns_comes_from_the_training_part(bench: Any) -> None:
    rows = [{"a": float(n), "label": "xy"[n % 2], "split": "train"} for n in range(20)]
    rows += [{"a": 1e9, "label": "x", "split": "test"}, {"a": 1e9, "label": "y", "split": "test"}]
    write_csv(bench.yard.datasets / "far.csv", rows)
    folder = bench.prepare(
        model={"model_type": "logistic_regression"}, training_data={"source": "far", "split_by": "column"}
    )
    assert bench.finish(folder)[0] == 0, folder.log.read_text()
    scale = load_estimator(folder.model / "model.skops")["prepare"].named_transformers_["numbers"]["scale"]
    assert scale.mean_[0] == pytest.approx(9.5)


def test_a_file_with_something_else_in_it_is_not_loaded(tmp_path: Path) -> None:
    import skops.io

    class Bad:
        pass

    Bad.__module__, Bad.__qualname__ = "shutil", "rmtree"
    skops.io.dump({"model": Bad()}, tmp_path / "model.skops")
    with pytest.raises(Corrupt, match="shutil"):
        load_estimator(tmp_path / "model.skops")


def test_new_rows_are_held_against_the_columns_of_the_training(
    bench: Any, wine: dict[str, Any], tmp_path: Path
) -> None:
    folder = bench.prepare(model={"model_type": "logistic_regression"}, training_data=wine)
    assert bench.finish(folder)[0] == 0
    config, model = load_run_config(folder.config), load_saved(folder.model)
    rows = gappy_wine()
    write_csv(tmp_path / "words.csv", [{**row, "alcohol": "much"} for row in rows[:3]])
    with pytest.raises(Invalid) as caught:
        predictions(config, tmp_path / "words.csv", bench.yard, model)
    assert "line 2: column 'alcohol' holds 'much', not a finite number" in str(caught.value.problems[0])
    write_csv(tmp_path / "less.csv", [{k: v for k, v in row.items() if k != "hue"} for row in rows[:3]])
    with pytest.raises(Invalid, match="no column 'hue'"):
        predictions(config, tmp_path / "less.csv", bench.yard, model)
    write_csv(tmp_path / "more.csv", [{**row, "cellar": "east"} for row in rows])
    assert len(of_file(config, tmp_path / "more.csv", bench.yard, model).labels) == 178
    assert len(predictions(config, tmp_path / "more.csv", bench.yard, model)) == 178
