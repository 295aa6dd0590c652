"""What language models learn from: every shape as it is read, every broken row by its line."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from runyard.config.dataset import TrainingData
from runyard.core.errors import Invalid
from runyard.data.dialogues import ANSWERS, Dialogues, last_answer, open_question, read_dialogues
from runyard.data.sources import Source
from runyard.data.split import split

USER, ANSWER = {"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}


def read(folder: Path, rows: list[dict[str, Any]], *, answers: Sequence[str] = ANSWERS, **data: Any) -> Dialogues:
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    given = TrainingData(path=str(path), split_by=data.pop("split_by", "random"), **data)
    return read_dialogues(Source("rows", "jsonl", path), given, answers=answers)


@pytest.mark.parametrize(
    ("row", "shape"),
    [
        ({"messages": [USER, {**ANSWER, "name": "x"}]}, "messages"),
        ({"messages": json.dumps([USER, ANSWER])}, "messages"),
        ({"prompt": "hi", "completion": "hello"}, "pairs"),
        ({"prompt": "hi", "response": "hello", "text": "not this"}, "pairs"),
        ({"prompt": [USER], "completion": [ANSWER]}, "pairs"),
    ],
)
def test_a_question_with_its_answer(tmp_path: Path, row: dict[str, Any], shape: str) -> None:
    found = read(tmp_path, [row])
    assert (found.shape, found.examples) == (shape, [[USER, ANSWER]])
    assert last_answer(found.examples[0]) == ([USER], "hello")


def test_a_plain_text_is_an_answer_to_nothing(tmp_path: Path) -> None:
    found = read(tmp_path, [{"body": "once"}], text_column="body")
    assert (found.shape, found.examples) == ("texts", [[{"role": "assistant", "content": "once"}]])


def test_groups_and_a_split_column_are_read_where_they_are_needed(tmp_path: Path) -> None:
    rows = [{"prompt": "a", "completion": "b", "who": 1, "split": s} for s in ("train", "val")]
    assert read(tmp_path, rows, split_by="group", group_column="who").groups == ["1", "1"]
    assert read(tmp_path, rows, split_by="column").held_out == [False, True]
    with pytest.raises(Invalid) as caught:
        read(tmp_path, [{"prompt": "a", "completion": "b"}], split_by="group", group_column="who")
    assert "column 'who'" in caught.value.problems[0].message


def test_with_a_split_column_a_group_on_both_sides_is_seen(tmp_path: Path) -> None:
    rows = [{"prompt": "a", "completion": "b", "who": who, "split": s} for who, s in (("x", "train"), ("x", "val"))]
    found = read(tmp_path, rows, split_by="column", group_column="who")
    rule = TrainingData(source="rows", split_by="column", group_column="who")
    with pytest.raises(Invalid, match="1 groups of 'who' are in the training and in the validation part"):
        split(["", ""], found.groups, found.held_out, rule, classified=False)


def test_prompts_alone_are_enough_to_be_answered(tmp_path: Path) -> None:
    found = read(tmp_path, [{"prompt": "hi"}], answers=())
    assert open_question(found.examples[0]) == [USER]
    more = read(tmp_path, [{"messages": [USER, ANSWER, USER, ANSWER]}], answers=())
    assert open_question(more.examples[0]) == [USER, ANSWER, USER]


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"messages": [USER]}, "messages have no answer"),
        ({"messages": [USER, {**ANSWER, "content": " "}]}, "messages have no answer"),
        ({"messages": []}, "an empty list"),
        ({"messages": "hi"}, "not JSON"),
        ({"messages": ["hi"]}, "messages[0] is a text without role and content"),
        ({"messages": [{"role": "asistant", "content": "x"}]}, "did you mean assistant?"),
        ({"messages": [USER, {"role": "assistant", "content": 4}]}, "messages[1].content is a number (4)"),
        ({"prompt": 4, "completion": "x"}, "prompt is a number (4)"),
        ({"prompt": "x", "completion": None}, "completion is missing"),
        ({"prompt": "x", "completion": "  "}, "completion is empty"),
        ({"prompt": "x", "answer": "y"}, "a prompt without completion or response"),
        ({"text": ""}, "column 'text' is empty"),
        ({"text": ["x"]}, "column 'text' is a list"),
    ],
)
def test_a_broken_row_is_named(tmp_path: Path, row: dict[str, Any], words: str) -> None:
    good = {"messages": [USER, ANSWER]} if "messages" in row else {"prompt": "a", "completion": "b", "text": "c"}
    if "text" in row:
        good = {"text": "c"}
    with pytest.raises(Invalid) as caught:
        read(tmp_path, [good, row])
    (problem,) = caught.value.problems
    assert problem.path == "rows.jsonl, line 2"
    assert words in problem.message


def test_all_broken_rows_are_named_at_once_but_no_more_than_ten(tmp_path: Path) -> None:
    with pytest.raises(Invalid) as caught:
        read(tmp_path, [{"prompt": "", "completion": "x"}] * 14)
    assert len(caught.value.problems) == 10


@pytest.mark.parametrize("rows", [[], [{"mesages": [USER, ANSWER]}]])
def test_a_file_without_dialogues_is_a_mistake(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    with pytest.raises(Invalid) as caught:
        read(tmp_path, rows)
    assert "messages" in caught.value.hint
    if rows:
        assert "did you mean mesages?" in caught.value.message
