"""Data and model folders that cannot be used are named before a run is started."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from runyard.config.dataset import TrainingData
from runyard.config.run import load_run_config, parse_run_config
from runyard.core.errors import Invalid, NotFound, RunyardError
from runyard.core.paths import Yard
from runyard.core.settings import Settings
from runyard.data.checks import check_classes, check_data
from runyard.data.facts import read_data
from runyard.data.features import read_features
from runyard.data.series import read_series
from runyard.data.sources import base_models, find_model, find_source, names_of_data_sets
from runyard.data.survey import survey
from runyard.data.tables import read_table


@pytest.fixture
def yard(tmp_path: Path) -> Yard:
    yard = Yard(tmp_path / "yard")
    yard.create()
    return yard


def check(yard: Yard, model: str = "tfidf_logreg", **data: Any) -> None:
    check_data(parse_run_config({"model": {"model_type": model}, "training_data": data}), yard)


def complaint(yard: Yard, model: str = "tfidf_logreg", **data: Any) -> str:
    with pytest.raises(RunyardError) as caught:
        check(yard, model, **data)
    error = caught.value
    return " ".join([error.message, error.hint, *map(str, getattr(error, "problems", ()))])


GOOD = 'text,label\nnice food,great\nbad food,other\n"a, b",other\n'


def test_good_tables_of_each_format_are_read_alike(yard: Yard) -> None:
    rows = [
        {"text": "nice food", "label": "great"},
        {"text": "bad food", "label": "other"},
        {"text": "a, b", "label": "other"},
    ]
    (yard.datasets / "a.csv").write_text("\ufeff" + GOOD, "utf-8")
    (yard.datasets / "b.jsonl").write_text("\n".join(json.dumps(row) for row in rows) + "\n\n", "utf-8")
    (yard.datasets / "c").mkdir()
    pq.write_table(pa.Table.from_pylist(rows), yard.datasets / "c" / "c.parquet")
    for name in ("a", "b", "c"):
        config = parse_run_config({"model": {"model_type": "tfidf_logreg"}, "training_data": {"source": name}})
        check_data(config, yard)
        table = read_table(find_source(config.training_data, yard), config.training_data)
        assert table.texts == [row["text"] for row in rows]
        assert table.labels == [row["label"] for row in rows]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("x.csv", "", ["empty"]),
        ("x.csv", "text,label\n", ["no rows"]),
        ("x.csv", "text,lable\na,b\nc,d\n", ["no column 'label'", "did you mean lable", "text"]),
        ("x.csv", "text,label\na,x\nb,x\n", ["one class", "'x'"]),
        ("x.csv", "text,label\na,x\nb\nc,y\n", ["line 3", "1 fields", "expected 2"]),
        ("x.csv", "text,label\na,x\nb,\nc,nan\n,y\n", ["line 3", "label", "line 5", "'text'"]),
        ("x.csv", 'text,label\n"a,x\nb,y\n', ["line", "expected"]),
        ("x.csv", b"text,label\n\xff\xfe,x\n", ["UTF-8"]),
        ("x.jsonl", '{"text": "a", "label": 1}\n{"text": \n', ["line 2", "not JSON", "expected one JSON object"]),
        ("x.jsonl", '{"text": "a", "label": 1}\n[1]\n', ["line 2", "list"]),
        ("x.jsonl", '{"text": "a", "label": 1}\n{"text": "b"}\n', ["line 2", "no column 'label'"]),
        ("x.jsonl", '{"text": "a", "label": NaN}\n{"text": "b", "label": 1}\n', ["line 1", "nan"]),
        ("x.jsonl", '{"text": "a", "label": null}\n{"text": "b", "label": 1}\n', ["line 1", "None"]),
        ("x.parquet", b"PAR1 this is none", ["not a Parquet file"]),
        ("x.xlsx", "a", ["format"]),
        ("x.csv", "text,label\n" + "".join(f"t{i},{i}\n" for i in range(90)), ["90 classes", "ids"]),
    ],
)
def test_bad_tables_are_named(yard: Yard, name: str, content: str | bytes, words: list[str]) -> None:
    path = yard.home / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    said = complaint(yard, path=str(path))
    assert [word for word in words if word not in said] == []


@pytest.mark.parametrize("labels", [("²", "³"), ("--1", "-2"), ("1", "9" * 5000)])
def test_what_only_looks_like_a_number_is_a_class(yard: Yard, labels: tuple[str, str]) -> None:
    assert check_classes([*labels, *labels], "x") == sorted(labels)


def test_a_line_that_is_nested_too_deeply_is_named(yard: Yard) -> None:
    path, nested = yard.home / "x.jsonl", "[" * 100_000 + "]" * 100_000
    path.write_text(f'{{"text": "a", "label": 1}}\n{{"text": {nested}, "label": 2}}\n', "utf-8")
    assert "line 2" in complaint(yard, path=str(path))


def test_a_whole_number_that_no_float_holds_is_named(yard: Yard) -> None:
    path = yard.home / "x.jsonl"
    rows = [{"size": 10**400 if n == 3 else n, "when": n, "label": "ab"[n % 2]} for n in range(12)]
    path.write_text("\n".join(map(json.dumps, rows)), "utf-8")
    data = TrainingData(path=str(path), feature_columns=("size",))
    assert [feature.kind for feature in read_features(find_source(data, yard), data).features] == ["category"]
    assert survey(find_source(data, yard), data).rows == 12
    assert "line 4" in complaint(yard, "svm", path=str(path), split_by="time", time_column="size")


def test_the_rows_of_an_array_are_as_many_as_its_header_says(yard: Yard) -> None:
    np.save(yard.datasets / "grid.npy", np.random.default_rng(0).random((5000, 6)))
    assert read_data(TrainingData(source="grid"), yard).examples == 5000


def test_the_home_folder_of_nobody_is_not_there(yard: Yard) -> None:
    assert "no such home folder" in complaint(yard, path="~nosuchuser/x.csv")
    with pytest.raises(NotFound, match="no such home folder"):
        find_model("~nosuchuser/model", yard)
    with pytest.raises(NotFound, match="no such home folder"):
        load_run_config("~nosuchuser/train.yaml")


def test_what_is_not_there_is_named_with_what_is(yard: Yard) -> None:
    (yard.datasets / "reviews.csv").write_text(GOOD, "utf-8")
    assert "reviews" in complaint(yard, source="revews")
    assert "does not exist" in complaint(yard, path=str(yard.home / "none.csv"))
    assert "folder" in complaint(yard, path=str(yard.home))
    with pytest.raises(NotFound):
        check(yard, source="../secrets")


def test_folders_elsewhere_are_looked_through_after_the_yards_own(yard: Yard, tmp_path: Path) -> None:
    rows = json.dumps({"text": "fine", "label": "good"}) + "\n"
    data, models = tmp_path / "data", tmp_path / "shelf"
    (data / "raw").mkdir(parents=True)
    (data / "raw" / "both.jsonl").write_text(rows * 2)
    (data / "raw" / "elsewhere.jsonl").write_text(rows)
    (yard.datasets / "both.jsonl").write_text(rows)
    weights = json.dumps({"__metadata__": {}}).encode()
    for folder in (models / "pretrained" / "small", models / "both", yard.models / "both"):
        folder.mkdir(parents=True)
        (folder / "config.json").write_text('{"model_type": "bert"}')
        (folder / "tokenizer.json").write_text("{}")
        (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(weights)) + weights)
    env = {"TRAINING_DATA_DIR": str(data), "RUNYARD_MODELS_DIR": str(models)}
    wide = Settings.from_env(yard.home, env).yard

    assert find_source(TrainingData(source="elsewhere"), wide).path == data / "raw" / "elsewhere.jsonl"
    assert find_source(TrainingData(source="both"), wide).path == yard.datasets / "both.jsonl"
    assert names_of_data_sets(wide) == ["both", "elsewhere"]
    assert find_model("small", wide) == models / "pretrained" / "small"
    assert find_model("both", wide) == yard.models / "both"
    assert sorted(folder.name for folder in base_models(wide)) == ["both", "small"]
    with pytest.raises(NotFound):
        find_model("small", yard)


def test_a_split_column_needs_words_that_say_it(yard: Yard) -> None:
    path = yard.home / "x.csv"
    path.write_text("text,label,split\na,x,train\nb,y,somewhere\n", "utf-8")
    assert "line 3" in complaint(yard, path=str(path), split_by="column")


def save(yard: Yard, **arrays: Any) -> str:
    path = yard.home / "x.npz"
    np.savez(path, **arrays)
    return str(path)


def test_series_of_both_shapes_are_read(yard: Yard) -> None:
    values = np.arange(24, dtype=np.float32).reshape(12, 2)
    paths = {
        "ragged": save(yard, values=values, lengths=np.array([5, 7]), y=np.array([0, 1]), subject=np.array([1, 2]))
    }
    check(yard, "cnn1d", path=paths["ragged"], split_by="group")
    config = parse_run_config({"model": {"model_type": "cnn1d"}, "training_data": {"path": paths["ragged"]}})
    series = read_series(find_source(config.training_data, yard), config.training_data)
    assert [piece.shape for piece in series.series] == [(5, 2), (7, 2)]
    assert (np.concatenate(series.series) == values).all()
    assert series.labels == ["0", "1"]
    assert series.groups == ["1", "2"]
    check(yard, "cnn1d", path=save(yard, X=np.zeros((4, 9)), y=np.array(["a", "b", "a", "b"])))
    check(yard, "cnn1d", source="sklearn-digits")


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"X": np.zeros((4, 9, 2))}, "y"),
        ({"y": np.zeros(4)}, "Expected"),
        ({"X": np.zeros((4, 9, 2)), "y": np.zeros(4)}, "one class"),
        ({"X": np.zeros((4, 9, 2)), "y": np.zeros(3)}, "shape (3,)"),
        ({"X": np.full((4, 9, 2), np.nan), "y": np.arange(4)}, "NaN"),
        ({"X": np.zeros((4, 9, 2)), "y": np.array([0, 1, np.nan, 1])}, "label of series 2 is NaN"),
        ({"values": np.zeros((9, 2)), "lengths": np.array([4, 4]), "y": np.arange(2)}, "add up"),
        ({"X": np.array([[1], [2, 3]], dtype=object), "y": np.arange(2)}, "lengths"),
        ({"X": np.zeros((0, 9, 2)), "y": np.zeros(0)}, "shape (0, 9, 2)"),
        ({"X": np.array([["a"], ["b"]]), "y": np.arange(2)}, "type"),
    ],
)
def test_bad_series_are_named(yard: Yard, arrays: dict[str, Any], words: str) -> None:
    assert words in complaint(yard, "cnn1d", path=save(yard, **arrays))


def test_series_without_groups_cannot_be_split_by_group(yard: Yard) -> None:
    path = save(yard, X=np.zeros((4, 9, 2)), y=np.arange(4) % 2)
    assert "no array 'group'" in complaint(yard, "cnn1d", path=path, split_by="group")


@pytest.mark.parametrize("by", [{"split_by": "group"}, {"split_by": "time", "time_column": "t"}])
def test_digits_have_nothing_to_split_by(yard: Yard, by: dict[str, str]) -> None:
    assert "sklearn-digits has no" in complaint(yard, "cnn1d", source="sklearn-digits", **by)


def test_data_of_the_wrong_kind_are_named(yard: Yard) -> None:
    (yard.datasets / "a.csv").write_text(GOOD, "utf-8")
    assert "table" in complaint(yard, "cnn1d", source="a")
    assert "series" in complaint(yard, path=save(yard, X=np.zeros((4, 9, 2)), y=np.arange(4)))
    (yard.home / "z.npz").write_bytes(b"PK nothing")
    assert "not an NPZ" in complaint(yard, "cnn1d", path=str(yard.home / "z.npz"))


def test_model_folders_that_are_none_are_named(yard: Yard) -> None:
    (yard.datasets / "a.csv").write_text(GOOD, "utf-8")
    model = yard.models / "m"

    def said() -> str:
        return complaint_of_model(yard)

    assert "no model 'm'" in said()
    model.mkdir()
    assert "config.json is missing" in said()
    (model / "config.json").write_text("{}", "utf-8")
    (model / "tokenizer.json").write_text("{}", "utf-8")
    (model / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1\n", "utf-8")
    assert "names no model_type" in said()
    assert "damaged" in said()
    (model / "config.json").write_text('{"model_type": "bert"}', "utf-8")
    header = json.dumps({"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    whole = struct.pack("<Q", len(header)) + header + b"\0" * 4
    (model / "model.safetensors").write_bytes(whole[:-1])
    assert "damaged" in said()
    (model / "model.safetensors").write_bytes(whole)
    check_model(yard)


def check_model(yard: Yard) -> None:
    values = {"model": {"model_type": "encoder_logreg", "base_model": "m"}, "training_data": {"source": "a"}}
    check_data(parse_run_config(values), yard)


def complaint_of_model(yard: Yard) -> str:
    with pytest.raises((Invalid, NotFound)) as caught:
        check_model(yard)
    return caught.value.message
