"""A run knows its data: their version, what changed between attempts, and tokens that were made before."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from runyard.config.run import parse_run_config
from runyard.core.errors import Invalid
from runyard.runtime import open_runtime
from runyard.service.launch import launch
from runyard.service.runs import resume
from runyard.store.store import Store

TEXT = {"model": {"model_type": "text_encoder", "base_model": "tiny"}, "max_length": 8, "batch_size": 16, "epochs": 1}


def tokens_of(bench: Any) -> list[Path]:
    return sorted((bench.yard.home / "cache" / "tokens").iterdir())


def test_tokens_are_made_once_and_give_the_same_run(
    bench: Any, reviews: dict[str, Any], encoder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def trained(**more: Any) -> tuple[Any, bool]:
        _, story = bench.fit(**{**reviews, **TEXT, **more})
        return story, "read from the cache" in capsys.readouterr().out

    made, was_read = trained()
    assert not was_read
    kept = tokens_of(bench)
    assert len(kept) == 1
    written = kept[0].read_bytes()
    read, was_read = trained()
    assert was_read
    assert read.epochs() == made.epochs(), "bit for bit"
    assert [n["message"] for n in read.of("notice")] == [n["message"] for n in made.of("notice")] != []
    kept[0].write_bytes(written[: len(written) // 2])
    mended, was_read = trained()
    assert not was_read, "a torn file is made anew"
    assert mended.epochs() == made.epochs()
    with np.load(kept[0], allow_pickle=False) as file:
        assert len(file["lengths"]) == 80
    assert not trained(max_length=12)[1]
    assert not trained(training_data={**reviews["training_data"], "max_examples": 40})[1], "other rows"
    assert len(tokens_of(bench)) == 3, "and nothing half-written is left"


def test_a_version_is_recorded_and_named_by_the_session(bench: Any, reviews: dict[str, Any]) -> None:
    folder = bench.prepare(**reviews, model={"model_type": "tfidf_logreg"})
    code, story = bench.finish(folder)
    assert code == 0, folder.log.read_text()
    planned = story.of("planned")[0]
    assert planned["class_counts"] == {"train": {"great": 32, "other": 32}, "validation": {"great": 8, "other": 8}}
    store = Store(bench.yard)
    try:
        rows = store.live("FROM dataset_versions").to_dicts()
    finally:
        store.close()
    assert len(rows) == 1
    row = rows[0]
    assert row["id"] == planned["dataset_id"]
    assert (row["rows"], row["trainings"], row["format"]) == (80, 1, "jsonl")
    assert json.loads(row["classes"]) == {"great": 40, "other": 40}
    assert json.loads(row["split"]) == {"by": "stratified", "validation_split": 0.2}
    assert {column["name"]: column["looks_like"] for column in json.loads(row["schema"])} == {
        "text": "text", "label": "label"}  # fmt: skip


@pytest.mark.slow
def test_data_that_changed_between_attempts_are_refused_with_both_sums(bench: Any, reviews: dict[str, Any]) -> None:
    folder = bench.prepare(**reviews, model={"model_type": "tfidf_logreg"})
    assert bench.finish(folder)[0] == 0
    path = bench.yard.datasets / "reviews.jsonl"
    before = json.loads((folder.path / "data.json").read_text())["sha256"]
    whole = path.read_text("utf-8")
    path.write_text(whole.replace("great", "grand"), "utf-8")
    code, story = bench.finish(folder, attempt=2)
    assert code == 1
    said = story.ended["error_message"]
    assert story.ended["error_kind"] == "invalid"
    assert before in said
    assert "changed between the attempts" in said
    assert len(said.split(before)[1].split("is ")[1].split(" now")[0]) == 64
    path.write_text(whole, "utf-8")
    assert bench.finish(folder, attempt=3)[0] == 0


def test_resuming_on_other_data_is_refused_before_anything_is_queued(tmp_path: Path) -> None:
    rt = open_runtime(tmp_path / "yard", create=True)
    try:
        path = rt.yard.datasets / "a.csv"
        path.write_text("text,label\n" + "".join(f"t{n} x,{'ab'[n % 2]}\n" for n in range(20)), "utf-8")
        config = parse_run_config({"model": {"model_type": "tfidf_logreg"}, "training_data": {"source": "a"}})
        run = launch(rt, config, launched_by="foreground", start=False)
        (rt.yard.run(run).path / "data.json").write_text(json.dumps({"name": "a", "sha256": "0" * 64}), "utf-8")
        rt.record(run, "ended", attempt=1, status="failed")
        with pytest.raises(Invalid, match="0" * 64):
            resume(rt, str(run), by="test", start=False)
    finally:
        rt.close()


def test_weights_for_classes_that_are_not_there_are_said_before_the_start(tmp_path: Path) -> None:
    rt = open_runtime(tmp_path / "yard", create=True)
    try:
        path = rt.yard.datasets / "a.csv"
        path.write_text("text,label\n" + "".join(f"{n},{'ab'[n % 2]}\n" for n in range(20)), "utf-8")
        for model in ("random_forest", "mlp"):
            config = parse_run_config(
                {"model": {"model_type": model}, "training_data": {"source": "a"}, "class_weights": {"a": 1, "c": 2}}
            )
            with pytest.raises(Invalid) as caught:
                launch(rt, config, launched_by="test")
            places = [problem.path for problem in caught.value.problems]
            assert places == ["optimization.loss.class_weights.c", "optimization.loss.class_weights.b"]
        assert not list((rt.yard.home / "runs").iterdir())
    finally:
        rt.close()
