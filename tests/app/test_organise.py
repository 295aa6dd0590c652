"""Runs kept in order on the pages: names, tags, groups, notes; archived and deleted runs, and the way back."""

from __future__ import annotations

import html
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pytest
from streamlit.testing.v1 import AppTest

from runyard.runtime import open_runtime
from runyard.service import order

Visit = Callable[..., AppTest]
Full = tuple[Path, dict[str, UUID]]


@pytest.fixture
def home(full: Full, tmp_path: Path) -> Path:
    return Path(shutil.copytree(full[0], tmp_path / "yard", symlinks=True))


def stored(home: Path, run: UUID) -> dict[str, object]:
    rt = open_runtime(home)
    try:
        return rt.store.live("SELECT * FROM runs WHERE id = ?", [run]).row(0, named=True)
    finally:
        rt.close()


def field(at: AppTest, kind: str, label: str) -> object:
    return next(widget for widget in at.get(kind) if widget.label == label)


def press(at: AppTest, label: str) -> AppTest:
    next(button for button in at.button if button.label == label).click().run()
    assert not at.exception, at.exception
    return at


def badges(at: AppTest) -> str:
    return "\n".join(str(mark.value) for mark in at.markdown if "badge" in str(mark.value))


def names(at: AppTest) -> set[str]:
    return set(at.dataframe[0].value["name"])


def listed(visit: Visit, home: Path, kept: str) -> AppTest:
    at = visit(home)
    at.selectbox(key="kept").set_value(kept).run()
    return at


def test_labels_are_saved_together_and_shown(visit: Visit, full: Full, home: Path) -> None:
    run = full[1]["watch-cnn"]
    rt = open_runtime(home)
    order.group(rt, ["reviews-lora"], "spring", by="test")
    rt.store.ingest(snapshot=True)
    rt.close()
    at = visit(home, "run", id=str(run))

    field(at, "text_input", "Name").set_value("watch, the good one")
    field(at, "multiselect", "Tags").set_value(["keeper", "paper"])
    field(at, "selectbox", "Group").set_value("spring")
    field(at, "text_area", "Note").set_value("Use this *one*.")
    press(at, "Save")

    row = stored(home, run)
    assert (row["name"], row["run_group"], row["note"]) == ("watch, the good one", "spring", "Use this *one*.")
    assert sorted(row["tags"]) == ["keeper", "paper"], "the old tag is gone"
    assert at.subheader[0].value == "watch, the good one"
    assert all(word in badges(at) for word in ("keeper", "paper", "spring"))
    assert any("Use this &#42;one&#42;&#46;" in caption.value for caption in at.caption)

    field(at, "multiselect", "Tags").set_value([])
    field(at, "selectbox", "Group").set_value(None)
    field(at, "text_area", "Note").set_value("")
    press(at, "Save")

    row = stored(home, run)
    assert (row["name"], row["tags"], row["run_group"], row["note"]) == ("watch, the good one", [], None, None)


def test_nothing_changed_writes_nothing(visit: Visit, full: Full, home: Path) -> None:
    at = visit(home, "run", id=str(full[1]["watch-cnn"]))
    before = sorted(path.stat().st_size for path in (home / "events").iterdir())

    press(at, "Save")

    assert sorted(path.stat().st_size for path in (home / "events").iterdir()) == before


def test_a_name_that_cannot_be_used_is_a_sentence(visit: Visit, full: Full, home: Path) -> None:
    at = visit(home, "run", id=str(full[1]["watch-cnn"]))

    field(at, "text_input", "Name").set_value("  ")
    press(at, "Save")

    assert "This name cannot be used" in html.unescape(at.warning[0].value)
    assert stored(home, full[1]["watch-cnn"])["name"] == "watch-cnn"


def test_an_archived_run_says_so_and_comes_back(visit: Visit, full: Full, home: Path) -> None:
    at = visit(home, "run", id=str(full[1]["watch-cnn"]))

    at.button(key="run-archive").click().run()

    assert "archived" in badges(at)
    assert "watch-cnn" not in names(visit(home))
    assert names(listed(visit, home, "archived")) == {"watch-cnn"}
    assert "watch-cnn" in names(visit(home, "compare")), "comparisons keep what is archived"
    at.button(key="run-unarchive").click().run()
    assert "archived" not in badges(at)
    assert "watch-cnn" in names(visit(home))


def test_deleting_asks_first_and_can_be_undone(visit: Visit, full: Full, home: Path) -> None:
    run = full[1]["watch-cnn"]
    at = visit(home, "run", id=str(run))

    at.button(key="run-delete").click().run()
    assert "comparisons" in at.warning[0].value
    at.button(key="delete-keep").click().run()
    assert not at.warning
    at.button(key="run-delete").click().run()
    assert stored(home, run)["deleted_at"] is None
    at.button(key="delete-confirm").click().run()

    assert stored(home, run)["deleted_at"] is not None
    assert "deleted" in badges(at)
    assert "Nothing that was logged is lost" in at.warning[0].value
    assert "watch-cnn" not in names(visit(home))
    assert names(listed(visit, home, "deleted")) == {"watch-cnn"}
    assert "watch-cnn" not in names(visit(home, "compare", runs=str(run)))

    at.button(key="run-undelete").click().run()
    assert stored(home, run)["deleted_at"] is None
    assert not at.warning
    assert "watch-cnn" in names(visit(home))


def test_a_run_that_goes_on_cannot_be_deleted(visit: Visit, full: Full) -> None:
    at = visit(full[0], "run", id=str(full[1]["watch-cnn-next"]))

    assert at.button(key="run-delete").disabled


def test_the_table_is_filtered_by_tag_and_group_and_shows_the_statement(visit: Visit, full: Full, home: Path) -> None:
    assert not [box for box in visit(home).selectbox if box.label in ("Group", "Runs")], "nothing to choose from yet"
    rt = open_runtime(home)
    order.tag(rt, ["watch-cnn", "reviews-lora"], add=["paper"], by="test")
    order.group(rt, ["reviews-lora"], "spring", by="test")
    rt.store.ingest(snapshot=True)
    rt.close()

    at = visit(home)
    at.selectbox(key="tag").set_value("paper").run()
    assert names(at) == {"watch-cnn", "reviews-lora"}
    at.selectbox(key="group").set_value("spring").run()
    assert names(at) == {"reviews-lora"}
    assert "run_group = 'spring'" in at.code[0].value
    assert "list_contains(tags, 'paper')" in at.code[0].value

    rt = open_runtime(home)
    shown = rt.store.read(at.code[0].value.rstrip(";"))
    rt.close()
    assert shown["name"].to_list() == ["reviews-lora"]
    assert "wasted_epochs" in shown.columns

    order_of_two = visit(home)
    order_of_two.selectbox(key="group").set_value("spring").run()
    order_of_two.selectbox(key="tag").set_value("tests").run()
    assert names(order_of_two) == {"reviews-lora"}


def test_space_is_freed_after_a_look_at_what_goes(visit: Visit, full: Full, home: Path) -> None:
    run = full[1]["watch-cnn"]
    at = visit(home)
    press(at, "Look what can go")
    assert "Nothing to free" in at.info[-1].value

    checkpoints = home / "runs" / str(run) / "checkpoints"
    checkpoints.mkdir(parents=True, exist_ok=True)
    (checkpoints / "step-1").write_bytes(b"0" * 2_000_000)
    rt = open_runtime(home)
    order.delete(rt, ["watch-cnn"], by="test")
    rt.store.ingest(snapshot=True)
    rt.close()
    at = visit(home)
    press(at, "Look what can go")
    assert at.dataframe[-1].value.to_dict("records") == [{"what": "checkpoints", "name": "watch-cnn", "megabytes": 2.0}]
    assert checkpoints.exists(), "looking frees nothing"

    press(at, "Free 2.0 MB in 1 item, for good")
    assert at.success[-1].value == "Freed 2.0 MB in 1 item."
    assert not checkpoints.exists()


def test_a_saved_model_is_judged_again_from_its_page(visit: Visit, tmp_path: Path) -> None:
    texts = "".join(f"{word} soup {place},{word}\n" for place in range(20) for word in ("fresh", "stale"))
    (tmp_path / "texts.csv").write_text("text,label\n" + texts)
    (tmp_path / "words.yaml").write_text(
        "name: words\nagent: taster\nmodel: {model_type: tfidf_logreg}\n"
        f"training_data: {{path: {tmp_path / 'texts.csv'}}}\n"
    )
    home = tmp_path / "home"
    command = [sys.executable, "-m", "runyard.cli", "--yard", str(home), "train", str(tmp_path / "words.yaml")]
    subprocess.run(command, check=True, capture_output=True)
    rt = open_runtime(home)
    count = "SELECT count(*) AS n FROM benchmark_executions"
    before = rt.store.live(count)["n"].item()
    rt.close()

    at = press(visit(home, "run", id="words"), "Benchmark")

    assert "accuracy 1" in at.toast[-1].value
    rt = open_runtime(home)
    assert rt.store.live(count)["n"].item() == 2 * before > 0
    rt.close()
