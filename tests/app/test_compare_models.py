"""Compare models: pick them on one data set, start, and read who is best, how surely, and who ties."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pytest
from compared import compared_yard
from ready import ready_yard
from streamlit.testing.v1 import AppTest

from runyard.core.paths import Yard
from runyard.store.store import Store

Visit = Callable[..., AppTest]


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, UUID]]:
    home = tmp_path_factory.mktemp("compared")
    return home, compared_yard(home)


def test_the_ranking_marks_ties_and_baselines(visit: Visit, compared: tuple[Path, dict[str, UUID]]) -> None:
    at = visit(compared[0], "compare_models", id=str(compared[1]["which net"]))

    table = at.dataframe[0].value
    verdicts = dict(zip(table["model_name"], table["words"], strict=True))
    assert list(table["place"]) == [1, 2, 3, 4, 5]
    first, second = list(table["model_name"])[:2]
    assert {first, second} == {"wide net", "convolutions"}
    assert verdicts[first] == "the best"
    assert verdicts[second] == "indistinguishable from the best"
    assert verdicts["narrow net"] == "worse than the best"
    assert verdicts["majority"] == "baseline, worse than the best"
    assert list(table["seeds"]) == [5, 5, 5, 5, 1]
    said = at.info[0].value.replace("&#45;", "-")
    assert f"indistinguishable from {second}" in said
    assert "over 5 seeds" in said
    assert {metric.label: metric.value for metric in at.metric}["Runs"] == "21 of 21"
    chart = at.get("vega_lite_chart")[0]
    assert "accuracy of 5 models with 95 % intervals, the best first" in chart.proto.alt


def test_one_seed_each_has_intervals_over_examples(visit: Visit, compared: tuple[Path, dict[str, UUID]]) -> None:
    at = visit(compared[0], "compare_models", id=str(compared[1]["still at it"]))

    table = at.dataframe[0].value
    done = table[table["mean"].notna()]
    assert len(done) == 3
    assert (done["low"] < done["mean"]).all()
    assert "320 held-out examples (Wilson); one seed each" in at.info[0].value.replace("&#45;", "-").replace(
        "&#40;", "("
    ).replace("&#41;", ")")
    assert list(table["words"])[-2:] == ["not through yet", "not through yet"]
    assert any(button.label == "Cancel the open runs" for button in at.button)


def test_a_comparison_opens_on_its_own_page(visit: Visit, compared: tuple[Path, dict[str, UUID]]) -> None:
    at = visit(compared[0], "run", id=str(compared[1]["which net"]))
    assert at.title[0].value == "Compare models"


@pytest.mark.slow
def test_models_are_chosen_and_queued_once(visit: Visit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runyard.service.comparisons.start_queued", lambda rt: None)  # queued is what this is about
    ready_yard(tmp_path)
    at = visit(tmp_path, "compare_models")
    assert at.subheader[0].value == "No comparison yet"

    data = at.selectbox(key="comparison-data").value
    assert "sklearn-digits" in data or "watch" in data
    models = at.multiselect(key=f"comparison-models-{data}")
    models.set_value([option for option in models.options if "mlp" in option or "lstm" in option]).run()
    at.number_input(key="comparison-seeds").set_value(2).run()
    at.number_input(key="comparison-epochs").set_value(1).run()
    start = next(button for button in at.button if button.label == "Start 6 runs")
    start.click().run()

    assert not at.exception
    assert not at.warning, at.warning[0].value
    store = Store(Yard(tmp_path))
    store.ingest(verb="test", wait_seconds=20)
    rows = store.live("SELECT kind, name, seed, status, config FROM runs ORDER BY queued_at, id").to_dicts()
    store.close()
    assert rows[0]["kind"] == "compare"
    first = rows[1]["seed"]
    assert {(row["name"], row["seed"] - first) for row in rows[1:]} == {
        ("mlp", 0), ("lstm", 0), ("majority", 0), ("logistic-regression", 0), ("mlp", 1), ("lstm", 1),
    }  # fmt: skip
    stopping = json.loads(rows[1]["config"])["optimization"]["early_stopping"]
    assert (stopping["monitor"], stopping["mode"]) == ("accuracy", "max")
