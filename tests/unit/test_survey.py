"""A data file is known before anything is trained on it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from runyard.config.dataset import TrainingData
from runyard.core.errors import Invalid
from runyard.core.paths import Yard
from runyard.data.marks import moment_of
from runyard.data.sources import find_source
from runyard.data.split import split
from runyard.data.survey import Survey, survey
from runyard.data.tables import read_table


@pytest.fixture
def yard(tmp_path: Path) -> Yard:
    yard = Yard(tmp_path / "yard")
    yard.create()
    return yard


def look(path: Path, yard: Yard, **data: Any) -> Survey:
    given = TrainingData(path=str(path), **data)
    return survey(find_source(given, yard), given)


def jsonl(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("\n".join(map(json.dumps, rows)), "utf-8")
    return path


def test_columns_their_kinds_and_what_they_look_like(yard: Yard) -> None:
    rows = [
        {
            "review": "the soup was cold and the bread was not " + "x " * n,
            "sentiment": "good" if n % 3 else "bad",
            "stars": n % 5 if n else None,
            "user": f"u{n % 4}",
            "date": f"2026-01-{n + 1:02d}",
            "fresh": n % 2 == 0,
            "tags": ["a"],
            "nothing": None,
        }
        for n in range(20)
    ]
    found = look(jsonl(yard.home / "a.jsonl", rows), yard)
    kinds = {column.name: (column.kind, column.looks_like) for column in found.columns}
    assert kinds == {
        "review": ("text", "text"),
        "sentiment": ("word", "label"),
        "stars": ("number", None),
        "user": ("word", "group"),
        "date": ("date", "time"),
        "fresh": ("truth", None),
        "tags": ("list", None),
        "nothing": ("empty", None),
    }
    assert (found.rows, found.label, found.classes, found.unlabelled) == (20, "sentiment", {"good": 13, "bad": 7}, 0)
    stars = found.columns[2]
    assert (stars.missing, stars.distinct) == (1, 5)
    assert (found.columns[0].median, found.columns[0].longest) == (18.5, 28)
    assert found.words() == []


def test_what_is_wrong_is_said_in_words(yard: Yard) -> None:
    rows = [{"x": n, "label": "" if n < 3 else "same"} for n in range(10)]
    said = " ".join(look(jsonl(yard.home / "a.jsonl", rows), yard).words())
    assert "3 rows have no label" in said
    assert "one class, 'same'" in said
    ids = jsonl(yard.home / "b.jsonl", [{"words": f"w{n}", "label": n} for n in range(90)])
    assert "ids, not classes" in " ".join(look(ids, yard).words())
    assert "No column looks like a class" in " ".join(
        look(jsonl(yard.home / "c.jsonl", [{"x": 0.5}] * 3), yard).words()
    )


def test_series_and_folders_are_known_too(yard: Yard) -> None:
    np.savez(yard.home / "s.npz", X=np.zeros((6, 4, 2)), y=np.arange(6) % 2, subject=np.arange(6))
    series = look(yard.home / "s.npz", yard)
    assert (series.rows, series.classes) == (6, {"0": 3, "1": 3})
    assert series.columns[0].example == "4 steps × 2 channels"
    for name, text in (("spam/1.txt", "buy it now or never"), ("spam/2.txt", "a"), ("ham/1.txt", "see you at noon")):
        path = yard.home / "mail" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    data = TrainingData(path=str(yard.home / "mail"))
    source = find_source(data, yard)
    table = read_table(source, data)
    assert dict(zip(table.texts, table.labels, strict=True))["buy it now or never"] == "spam"
    assert survey(source, data).classes == {"spam": 2, "ham": 1}
    before = source.sha256()
    (yard.home / "mail" / "ham" / "1.txt").write_text("see you at one", "utf-8")
    assert source.sha256() != before
    (yard.home / "mail" / "stray.txt").write_text("?", "utf-8")
    with pytest.raises(Invalid, match="texts of no class"):
        survey(source, data)


def data_of(by: str, **more: Any) -> TrainingData:
    return TrainingData(source="x", split_by=by, validation_split=0.25, **more)


def test_by_time_the_newest_are_held_out_and_those_of_one_moment_stay_together() -> None:
    times = [moment_of(f"2026-01-{day:02d}") for day in (9, 1, 8, 2, 8, 3, 7, 4)]
    training, validation = split(list("abababab"), None, None, data_of("time", time_column="t"), times)
    assert validation == [0, 2, 4]
    assert max(times[i] for i in training) < min(times[i] for i in validation)
    assert moment_of("2026-01-01T01:00:00+01:00") == moment_of("2026-01-01") == moment_of(moment_of("2026-01-01"))
    with pytest.raises(ValueError, match="soon"):
        moment_of("soon")


def test_splits_that_would_mislead_are_refused() -> None:
    late = [*"abababab", "c"]
    with pytest.raises(Invalid, match="no training example has: 'c' \\(1\\)"):
        split(late, None, None, data_of("time", time_column="t"), [float(n) for n in range(9)])
    groups, held_out = ["g1", "g2", "g1", "g3"], [False, False, True, True]
    column = data_of("column", group_column="who")
    with pytest.raises(Invalid, match="1 groups of 'who' are in the training and in the validation part: 'g1'"):
        split(list("abab"), groups, held_out, column)
    assert split(list("abab"), ["g1", "g2", "g4", "g3"], held_out, column) == ([0, 1], [2, 3])
    with pytest.raises(Invalid, match="one class only"):
        split(list("aab"), None, [False, False, True], data_of("column"))


@pytest.mark.parametrize("by", ["group", "time", "column"])
def test_a_split_by_marks_that_are_not_there_is_refused(by: str) -> None:
    with pytest.raises(Invalid, match=f"split by {by} is not possible: x has no") as caught:
        split(list("abababab"), None, None, data_of(by, group_column="g", time_column="t"))
    assert [problem.path for problem in caught.value.problems] == ["training_data.split_by"]
    assert "random" in caught.value.hint


def test_rows_without_a_label_are_counted_and_refused_or_left_out(yard: Yard) -> None:
    path = yard.home / "x.csv"
    path.write_text("text,label\n" + "".join(f"t{n},{'' if n % 4 == 0 else 'ab'[n % 2]}\n" for n in range(60)), "utf-8")
    data = TrainingData(path=str(path))
    with pytest.raises(Invalid) as caught:
        read_table(find_source(data, yard), data)
    assert "15 of 60 have no label" in caught.value.message
    assert "unlabelled to skip" in caught.value.hint
    assert len(caught.value.problems) == 10
    lenient = TrainingData(path=str(path), unlabelled="skip")
    table = read_table(find_source(lenient, yard), lenient)
    assert (len(table.labels), table.skipped) == (45, 15)
    path.write_text("text,label\na,\nb,\n", "utf-8")
    with pytest.raises(Invalid, match="None of the 2 rows"):
        read_table(find_source(lenient, yard), lenient)


@pytest.mark.parametrize(
    ("row", "shape", "says"),
    [
        ({"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "ho"}]}, "messages", "conv"),
        ({"prompt": "add two numbers", "completion": "a + b", "topic": "sums"}, "pairs", "prompts with answers"),
        ({"text": "once upon a time there was a net"}, "texts", "continue the texts"),
    ],
)
def test_what_a_language_model_learns_from_is_known(
    tmp_path: Path, yard: Yard, row: dict[str, Any], shape: str, says: str
) -> None:
    found = look(jsonl(tmp_path / "a.jsonl", [row] * 3), yard)

    assert (found.shape, found.label, found.classes, found.broken) == (shape, None, {}, ())
    assert says in found.words()[0]


def test_rows_that_no_language_model_can_learn_from_are_named_by_line(tmp_path: Path, yard: Yard) -> None:
    rows = [{"prompt": "hi", "response": "ho"}, {"prompt": "hi", "response": ""}, {"prompt": "hi", "response": 3}]
    found = look(jsonl(tmp_path / "a.jsonl", rows), yard)

    assert [line.split(":")[0] for line in found.broken] == ["a.jsonl, line 2", "a.jsonl, line 3"]
    assert "response is empty" in found.broken[0]
    assert set(found.broken) < set(found.words())


def test_texts_with_classes_are_no_language_models(tmp_path: Path, yard: Yard) -> None:
    rows = [
        {"text": "a fine meal of four words", "label": "good"},
        {"text": "a bad meal of four words", "label": "bad"},
    ]
    assert look(jsonl(tmp_path / "a.jsonl", rows), yard).shape is None
