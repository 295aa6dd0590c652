"""Continuous learning: what the page says of agents that learn on, and that its SQL says the same in a shell."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from streamlit.testing.v1 import AppTest

sys.path.insert(0, str(Path(__file__).parent))

from judged import NASTY
from taught import taught_yard
from test_judged import check_sql, figures, in_a_shell, opened, texts

Visit = Callable[..., AppTest]
PAGE = "learning"
ALL_PAIRS = """
WITH scored AS (
  SELECT created_at, accuracy_score FROM benchmarks WHERE agent_id = 'watch' AND benchmark_name = 'gestures'
)
SELECT
  median((b.accuracy_score - a.accuracy_score) / (epoch(b.created_at - a.created_at) / 86400)),
  (SELECT count(*) FROM scored)
FROM scored AS a
JOIN scored AS b ON a.created_at < b.created_at
"""


@pytest.fixture(scope="session")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A yard with task scores, benchmarks, feedback and updates."""
    home = tmp_path_factory.mktemp("taught")
    taught_yard(home)
    return home


def drawn(at: AppTest, name: str) -> list[dict[str, Any]]:
    """The rows that a chart was given under a name."""
    found: list[dict[str, Any]] = []
    for chart in at.get("vega_lite_chart"):
        for dataset in chart.proto.datasets:
            if dataset.name == name:
                found += pa.ipc.open_stream(dataset.data.data).read_all().to_pylist()
    return found


def test_the_page_has_its_title_and_place(visit: Visit, taught: Path) -> None:
    at = visit(taught, PAGE)

    assert at.title[0].value == "Continuous learning"


def test_the_scores_of_learning_on(visit: Visit, taught: Path) -> None:
    """By hand, from MATRIX: differences of the last row to the diagonal, to the best, and to the untrained model."""
    found = figures(visit(taught, PAGE, agent="support-bot", benchmark="reviews"))

    assert found["Average accuracy"][0] == "0.81"
    assert found["Backward transfer"][0] == "-0.07"  # (-0.18 - 0.05 + 0.02) / 3
    assert found["Forward transfer"][0] == "+0.193"  # (0.18 + 0.20 + 0.20) / 3
    assert found["Catastrophic forgetting"][0] == "+0.07"  # (0.18 + 0.05 - 0.02) / 3
    assert found["Stability"][0] == "0.747"  # (0.60 + 0.72 + 0.92) / 3


def test_each_cell_has_its_score_and_what_became_of_it(visit: Visit, taught: Path) -> None:
    at = visit(taught, PAGE, agent="support-bot", benchmark="reviews")

    cells = {(row["update"], row["task"]): row for row in drawn(at, "cells")}
    assert len(cells) == 20
    assert (cells[0, "1 · refunds"]["score"], cells[0, "1 · refunds"]["change"]) == ("0.1", "untrained")
    assert cells[1, "2 · shipping"]["change"] == "before"
    assert cells[1, "2 · shipping"]["tint"] is None
    assert (cells[1, "1 · refunds"]["change"], cells[1, "1 · refunds"]["is_learned"]) == ("learned", True)
    assert (cells[2, "1 · refunds"]["change"], cells[2, "1 · refunds"]["tint"]) == ("-0.3", -1.0)
    assert cells[4, "3 · returns"]["change"] == "+0.02"
    assert cells[4, "3 · returns"]["tint"] > 0


def test_where_lower_is_better_a_higher_score_is_forgotten(visit: Visit, taught: Path) -> None:
    at = visit(taught, PAGE, agent=NASTY)

    cells = {(row["update"], row["place"]): row for row in drawn(at, "cells")}
    assert (cells[2, 1]["score"], cells[2, 1]["change"], cells[2, 1]["tint"]) == ("44", "-4", -1.0)
    assert (cells[2, 2]["score"], cells[2, 2]["task"]) == ("–", "2 · task")
    assert figures(at)["Forward transfer"][0] == "–"


def test_drift_is_a_slope_with_its_direction(visit: Visit, taught: Path) -> None:
    at = visit(taught, PAGE, agent="watch", benchmark="gestures")

    _, ((median, points),) = in_a_shell(taught, ALL_PAIRS)
    assert figures(at)["Drift per day"][0] == f"{median:+.3g}"
    assert figures(at)["Scores"][0] == str(points)
    ends = drawn(at, "trend")
    assert len(ends) == 2
    assert ends[1]["score"] > ends[0]["score"]


def test_a_falling_latency_is_better(visit: Visit, taught: Path) -> None:
    at = visit(taught, PAGE, agent="support-bot", benchmark="latency")

    rate = figures(at)["Drift per day"][0]
    assert rate.startswith("+")
    assert "lower is better" in texts(at)
    ends = drawn(at, "trend")
    assert ends[1]["score"] < ends[0]["score"]


def test_too_few_scores_have_no_drift(visit: Visit, taught: Path) -> None:
    at = visit(taught, PAGE, agent=NASTY, benchmark="gestures")

    assert figures(at)["Drift per day"] == ("–", "")
    assert "a drift needs three, over a day or more" in texts(at)
    assert drawn(at, "trend") == []


def test_feedback_and_what_it_changed(visit: Visit, taught: Path) -> None:
    """Of 64 items 14 were fixed and 3 broken: 2 * (1 + 17 + 136 + 680) / 2**17 is p."""
    at = visit(taught, PAGE, agent="support-bot", benchmark="reviews")

    found = figures(at)
    assert found["Positive feedback"] == ("84 %", "74 to 91 % (95 %)")
    assert found["Learning from mistakes"] == ("67 %", "14 fixed")
    assert found["Negative flips"] == ("5 %", "3 broken")
    assert found["Feedback impact"] == ("+17.2 points", "p = 0.013")
    assert "14 items got right and 3 got wrong: the agent learned from feedback" in texts(at)


def test_feedback_without_pairs_has_no_impact(visit: Visit, taught: Path) -> None:
    at = visit(taught, PAGE, agent="watch")

    assert figures(at)["Feedback impact"] == ("–", "")
    assert "no item was judged both before and after" in texts(at)


def test_updates_have_a_lane_each_and_those_without_a_time_are_told(visit: Visit, taught: Path) -> None:
    at = visit(taught, PAGE, agent="support-bot", benchmark="reviews")

    found = figures(at)
    assert found["Updates"] == ("8", "2,100 examples")
    assert (found["Success"][0], found["Failed"][0], found["Rolled back"][0]) == ("5", "1", "1")
    lanes = [row["status"] for row in drawn(at, "updates")]
    assert sorted(lanes) == ["failed", "other", "rolled back", *["success"] * 4]
    assert "7 of 8 are drawn" in texts(at)


@pytest.mark.parametrize(
    ("agent", "benchmark", "keys"),
    [
        ("support-bot", "reviews", ("matrix", "scores", "drift", "errors", "inputs", "feedback", "updates")),
        ("support-bot", "latency", ("drift", "errors")),
        (NASTY, "reviews", ("matrix", "scores", "drift")),
        ("watch", "gestures", ("drift", "feedback")),
    ],
)
def test_the_sql_shown_gives_the_same_numbers_in_a_shell(
    visit: Visit, taught: Path, agent: str, benchmark: str, keys: tuple[str, ...]
) -> None:
    at = opened(visit, taught, PAGE, *(f"learning-{key}" for key in keys), agent=agent, benchmark=benchmark)

    assert len(at.code) == len(keys)
    check_sql(taught, at)


def test_every_chart_says_what_it_shows(visit: Visit, taught: Path) -> None:
    at = visit(taught, PAGE, agent="support-bot", benchmark="reviews")

    charts = at.get("vega_lite_chart")
    assert len(charts) == 6
    assert all(chart.proto.alt for chart in charts)
    assert all(json.loads(chart.spec) for chart in charts)


def test_what_is_missing_names_the_command_that_makes_it(visit: Visit, taught: Path) -> None:
    said = texts(visit(taught, PAGE, agent="mail-sorter"))

    assert "runyard record feedback" in said
    assert "runyard record update" in said


def test_a_name_with_markdown_fetches_nothing(visit: Visit, taught: Path) -> None:
    at = visit(taught, PAGE, agent=NASTY)

    assert at.selectbox(key="agent").value == NASTY
    assert "![x](" not in texts(at)
    assert not [metric for metric in at.metric if "![x](" in f"{metric.label} {metric.value} {metric.delta}"]


def test_an_address_that_fits_nothing_falls_back(visit: Visit, taught: Path) -> None:
    assert visit(taught, PAGE, agent="nobody", benchmark="none").metric


def test_an_empty_yard_says_what_makes_such_data(visit: Visit, empty: Path) -> None:
    at = visit(empty, PAGE)

    assert [button.proto.type for button in at.button] == ["primary"]
    assert not at.metric
    for command in ("feedback", "update", "execution"):
        assert f"runyard record {command}" in texts(at)


def test_a_broken_snapshot_is_a_sentence_with_the_remedy(visit: Visit, taught: Path, tmp_path: Path) -> None:
    home = tmp_path / "broken"
    shutil.copytree(taught, home, symlinks=True)
    for snapshot in (home / "store").glob("snapshot-*.duckdb"):
        snapshot.write_bytes(b"not a database" * 1000)

    assert "rebuild" in visit(home, PAGE).error[0].value


def test_errors_that_rise_raise_an_alarm_and_inputs_that_move_are_named(visit: Visit, taught: Path) -> None:
    at = visit(taught, PAGE, agent="support-bot", benchmark="reviews")

    said = texts(at)
    assert "noticed at 2026-" in said
    alarms = drawn(at, "alarms")
    assert any(alarm["what"].startswith("ADWIN") for alarm in alarms)
    shares = drawn(at, "shares")
    stretches = [row for row in shares if row.get("uses")]
    assert len(stretches) <= 61
    assert alarms[0]["place"] > 400
    assert stretches[0]["share"] < 0.1 < 0.2 < stretches[-1]["share"]
    assert "length moved" in said
    verdicts = {row["feature"]: row["verdict"] for row in drawn(at, "features")}
    assert verdicts == {"length": "drift", "language": "stable", NASTY: "stable"}
    assert "3 of 4 are drawn" in said


def test_few_uses_without_inputs_say_what_is_missing(visit: Visit, taught: Path) -> None:
    at = visit(taught, PAGE, agent="steady")

    said = texts(at)
    assert "No alarm in 5 ended uses" in said
    assert "runyard record execution --input" in said
