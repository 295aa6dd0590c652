"""The Datasets page: what is in a data set, how it would be split, and a file that is added."""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from ready import ready_yard
from streamlit.testing.v1 import AppTest

from runyard.core.errors import Conflict, Invalid
from runyard.runtime import open_runtime
from runyard.service import datasets

Visit = Any


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    rows = [
        {"review": f"the soup of the day was {'cold and late' if n % 4 == 0 else 'warm and good'} {n}",
         "label": "bad" if n % 4 == 0 else "good", "date": f"2026-03-{n % 28 + 1:02d}", "guest": f"g{n % 7}"}
        for n in range(40)
    ]  # fmt: skip
    rows[5]["label"] = ""
    file = tmp_path / "reviews.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)), "utf-8")
    rt = open_runtime(ready_yard(tmp_path / "yard").home)
    datasets.add(rt, file)
    good = tmp_path / "table.csv"
    good.write_text("x,label\n" + "".join(f"{n},{'ab'[n % 2]}\n" for n in range(12)), "utf-8")
    datasets.add(rt, good, "small")
    rt.close()
    return tmp_path / "yard"


def metrics(at: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in at.metric}


def test_a_data_set_is_shown_with_its_columns_and_what_is_wrong(visit: Visit, filled: Path) -> None:
    at = visit(filled, "datasets", name="reviews")
    assert metrics(at) == {"Examples": "40", "Columns": "4", "Classes": "2", "Missing values": "0.6%"}
    columns = at.dataframe[0].value
    assert dict(zip(columns["name"], columns["looks like"], strict=True)) == {
        "review": "the text", "label": "the class", "date": "a time", "guest": ""}  # fmt: skip
    said = " ".join(warning.value for warning in at.warning)
    assert "1 rows have no label" in said
    assert "1 of 40 have no label" in said, "the preview of the split says what a training would"
    versions = at.dataframe[1].value
    assert versions["rows"].tolist() == [40]
    assert versions["id"][0].startswith("reviews@")


def test_the_split_is_shown_before_anything_is_trained(visit: Visit, filled: Path) -> None:
    at = visit(filled, "datasets", name="small")
    assert not at.warning
    at.selectbox(key="dataset-split").set_value("time").run()
    at.selectbox(key="dataset-time").set_value("x").run()
    assert not at.exception
    assert not at.warning
    at.selectbox(key="dataset-split").set_value("column").run()
    assert "train, validation, val or test" in at.warning[0].value.replace("\\", "")


def test_an_upload_is_kept_only_if_it_is_a_data_set_and_overwrites_nothing(filled: Path) -> None:
    rt = open_runtime(filled)
    try:
        added = datasets.add_upload(rt, BytesIO(b"a,label\n1,x\n2,y\n"), "..\\..\\new.csv")
        assert added.source.path == filled / "datasets" / "new.csv"
        same = datasets.add_upload(rt, BytesIO(b"a,label\n1,x\n2,y\n"), "new.csv")
        assert same.version == added.version
        before = {path.name for path in (filled / "datasets").iterdir()}
        with pytest.raises(Conflict, match="another data set 'new'"):
            datasets.add_upload(rt, BytesIO(b"a,label\n1,x\n2,z\n"), "new.csv")
        for content, name in (
            (b"a,label\n1\n", "torn.csv"),
            (b"", "empty.csv"),
            (b"x", "run.sh"),
            (b"PAR1", "p.parquet"),
        ):
            with pytest.raises(Invalid) as caught:
                datasets.add_upload(rt, BytesIO(content), name)
            assert str(filled) not in caught.value.message, "the place beside is nobody's business"
        with pytest.raises(Invalid, match="cannot be the name"):
            datasets.add_upload(rt, BytesIO(b"a,label\n1,x\n"), "new.csv", "../../x")
        assert {path.name for path in (filled / "datasets").iterdir()} == before
    finally:
        rt.close()


def test_a_page_shows_no_file_outside_the_yard(visit: Visit, filled: Path) -> None:
    at = visit(filled, "datasets", name="/etc/hostname")
    assert at.selectbox(key="dataset").value in ("reviews", "small", "sklearn-digits")
