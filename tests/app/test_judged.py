"""Versions, Evolution and Transfer: what they say of a judged yard, and that their SQL says the same in a shell."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest
from streamlit.testing.v1 import AppTest

sys.path.insert(0, str(Path(__file__).parent))

from judged import NASTY, judged_yard

PAGES = ("versions", "evolution", "transfer")
Visit = Callable[..., AppTest]


@pytest.fixture(scope="session")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A yard with versions, benchmarks, use and transfers."""
    home = tmp_path_factory.mktemp("judged")
    judged_yard(home)
    return home


def texts(at: AppTest) -> str:
    """All sentences of a page, with the marks that keep a user's text harmless taken away."""
    elements = [*at.markdown, *at.info, *at.warning, *at.error, *at.caption, *at.subheader]
    return "\n".join(str(element.value) for element in elements).replace("&#45;", "-").replace("&#46;", ".")


def figures(at: AppTest) -> dict[str, tuple[str, str]]:
    return {metric.label.replace("&#46;", "."): (metric.value, metric.delta) for metric in at.metric}


def opened(visit: Visit, home: Path, page: str, *keys: str, **address: str) -> AppTest:
    """Visit a page and open what stands behind its charts."""
    at = visit(home, page, **address)
    for key in keys:
        at.session_state[f"{key}-behind"] = True
    return at.run()


def in_a_shell(home: Path, sql: str) -> tuple[list[str], list[list[Any]]]:
    """Run a shown statement as an analyst would, plain DuckDB on the published copy; returns columns and rows."""
    with duckdb.connect(str(home / "runyard.duckdb"), read_only=True) as duck:
        found = duck.execute(sql)
        return [column[0] for column in found.description or ()], [list(row) for row in found.fetchall()]


def check_sql(home: Path, at: AppTest) -> None:
    """Check that each statement that a page shows gives the table that the page shows, column by column."""
    tables = {tuple(table.value.columns): table.value for table in at.dataframe}
    assert at.code
    for shown in at.code:
        columns, rows = in_a_shell(home, shown.value)
        assert tuple(columns) in tables, f"no table of the page has the columns of {shown.value}"
        assert rows, "a statement without a row proves nothing"
        drawn = tables[tuple(columns)].itertuples(index=False)
        assert [[_plain(value) for value in row] for row in drawn] == [[_plain(value) for value in row] for row in rows]


def _plain(value: Any) -> Any:
    """Return a value without what pandas and DuckDB write differently: missing ones, lists, ids, times."""
    if isinstance(value, list) or (hasattr(value, "tolist") and getattr(value, "ndim", 0)):
        return [str(item) for item in value]
    if value is None or value != value:
        return None
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(f"{value:.12g}")
    return str(value)


def test_versions_say_how_the_newest_does(visit: Visit, judged: Path) -> None:
    at = visit(judged, "versions", agent="support-bot", benchmark="reviews")

    assert figures(at) == {
        "Newest version": ("8", "of 8"),
        "Score on reviews": ("0.874", "+0.064 to version 7"),
        "Success rate in use": ("98 %", "+5.5 points"),
        "Executions": ("123", "9 users"),
    }
    assert "Scores 0.064 better than version 7; succeeds 5.5 points more often." in texts(at)


def test_every_version_has_its_verdict_in_words(visit: Visit, judged: Path) -> None:
    at = visit(judged, "versions", agent="support-bot", benchmark="reviews")

    table = at.dataframe[0].value
    assert list(table["label"]) == list("87654321")
    assert dict(zip(table["label"], table["verdict"], strict=True)) == {
        "1": "initial version", "2": "major improvement", "3": "mixed results", "4": "insufficient data",
        "5": "insufficient data", "6": "regression", "7": "no change", "8": "major improvement",
    }  # fmt: skip
    words = dict(zip(table["label"], table["words"], strict=True))
    assert words["3"] == "Scores 0.05 better than version 2; succeeds 2.4 points less often."
    assert words["4"] == "Not comparable: it has no usable score on reviews."
    assert words["5"] == "Not comparable: version 4 has no usable score on reviews."
    assert words["7"] == "Scores the same as version 6; succeeds as often."


def test_a_lower_score_that_is_better_says_so(visit: Visit, judged: Path) -> None:
    at = visit(judged, "versions", agent="support-bot", benchmark="latency")

    assert figures(at)["Score on latency"] == ("35.5", "+5.5 to version 7")
    assert "lower is better" in texts(at)


def test_versions_are_those_of_the_workspace(visit: Visit, judged: Path) -> None:
    at = visit(judged, "versions", workspace="lab")

    assert at.selectbox(key="agent").options == ["watch"]
    assert figures(at)["Score on gestures"][0] == "0.77"


def test_what_no_longer_goes_together_is_chosen_anew(visit: Visit, judged: Path) -> None:
    at = visit(judged, "evolution", agent="support-bot", benchmark="reviews", version="6")

    at.selectbox(key="workspace").set_value("lab").run()

    assert not at.exception
    chosen = {box.key: box.value for box in at.selectbox}
    assert chosen == {"workspace": "lab", "agent": "watch", "benchmark": "gestures", "version": "4"}


def test_the_charts_of_versions_name_their_units(visit: Visit, judged: Path) -> None:
    at = visit(judged, "versions", agent="support-bot", benchmark="reviews")

    specs = [json.loads(chart.spec) for chart in at.get("vega_lite_chart")]
    titles = {layer["encoding"].get("y", {}).get("title") for spec in specs for layer in spec["layer"]}
    assert {"score", "change", "percentage points"} <= titles
    assert all(chart.proto.alt for chart in at.get("vega_lite_chart"))


def test_evolution_says_where_the_agent_stands(visit: Visit, judged: Path) -> None:
    at = visit(judged, "evolution", agent="support-bot", benchmark="reviews")

    assert figures(at) == {
        "Scored trainings": ("7", "1 without a score"),
        "Newest score on reviews": ("0.874", "+7.9 %"),
        "Best score": ("0.874", "version 8"),
        "Rolling mean of changes": ("+2.2 %", ""),
    }
    assert "**Version 8:** 7.9 % better than before, from 0.81 to 0.874." in texts(at)


def test_every_training_has_its_verdict_and_what_changed(visit: Visit, judged: Path) -> None:
    at = visit(judged, "evolution", agent="support-bot", benchmark="reviews")

    table = at.dataframe[0].value
    assert dict(zip(table["label"], table["verdict"], strict=True)) == {
        "1": "baseline", "2": "significant improvement", "3": "moderate improvement", "4": "no benchmark",
        "5": "slight improvement", "6": "degradation", "7": "no change", "8": "moderate improvement",
    }  # fmt: skip
    words = dict(zip(table["label"], table["words"], strict=True))
    assert words["6"] == "5.3 % worse than before, from 0.855 to 0.81."
    assert words["7"] == "The same score as before, 0.81."
    changed = dict(zip(table["label"], table["changes"], strict=True))
    assert list(changed["2"]) == ["learning_rate: 0.001 → 0.0005"]
    assert len(changed["7"]) == 0
    assert changed["1"] is None, "what the first changed is unknown, not nothing"


def test_the_best_score_is_the_lowest_where_lower_is_better(visit: Visit, judged: Path) -> None:
    at = visit(judged, "evolution", agent="support-bot", benchmark="latency")

    assert figures(at)["Best score"] == ("35.5", "version 8")
    assert figures(at)["Newest score on latency"] == ("35.5", "+13.4 %")
    assert "lower is better" in texts(at)


def test_what_changed_is_told_for_the_version_of_the_address(visit: Visit, judged: Path) -> None:
    first, same, other = (
        visit(judged, "evolution", agent="support-bot", benchmark="reviews", version=version) for version in "176"
    )

    assert "none to compare it with" in texts(first)
    assert "No setting" in texts(same)
    assert "2 settings since support-bot 5" in texts(other)
    assert other.dataframe[1].value.fillna("(not set)").to_dict("list") == {
        "setting": ["hyperparameters.learning_rate", "hyperparameters.weight_decay"],
        "before": ["0.0003", "0.01"],
        "after": ["0.003", "(not set)"],
    }


def test_trainings_can_be_spaced_by_time(visit: Visit, judged: Path) -> None:
    at = visit(judged, "evolution", agent="watch", **{"by-time": "true"})

    specs = [json.loads(chart.spec) for chart in at.get("vega_lite_chart")]
    assert {spec["layer"][0]["encoding"]["x"]["field"] for spec in specs} == {"at"}


def test_transfer_sums_up_and_names_best_and_worst(visit: Visit, judged: Path) -> None:
    at = visit(judged, "transfer", benchmark="reviews")

    assert figures(at) == {
        "Transfers": ("5", "4 judged"),
        "Mean gain on reviews": ("-0.00075", ""),
        "Effective": ("1 of 4", ""),
        "Time saved": ("1.4 h", "0.06 USD"),
    }
    said = texts(at)
    assert "Best: **support-bot → mail-sorter.** Gained 0.06 and took 40 % less time than from scratch." in said
    assert "Worst: **watch → mail-sorter.** Lost 0.08 but took 5 % less time than from scratch." in said


def test_every_transfer_has_its_verdict_in_words(visit: Visit, judged: Path) -> None:
    at = visit(judged, "transfer", benchmark="reviews")

    table = at.dataframe[0].value
    verdicts = {(row.source, row.target): (row.verdict, row.words) for row in table.itertuples()}
    assert verdicts == {
        ("watch", NASTY): ("insufficient data", "Cannot be judged: its status is failed."),
        (NASTY, "mail-sorter"): (
            "moderately effective", "Gained 0.02 and took 15 % less time than from scratch.",
        ),
        ("watch", "mail-sorter"): ("ineffective", "Lost 0.08 but took 5 % less time than from scratch."),
        ("mail-sorter", "support-bot"): ("ineffective", "Lost 0.003 but took 10 % less time than from scratch."),
        ("support-bot", "mail-sorter"): ("effective", "Gained 0.06 and took 40 % less time than from scratch."),
    }  # fmt: skip


def test_the_transfers_of_an_agent_are_those_it_gave_and_took(visit: Visit, judged: Path) -> None:
    at = visit(judged, "transfer", agent="support-bot", benchmark="reviews")

    ends = {tuple(pair) for pair in at.dataframe[0].value[["source", "target"]].to_numpy()}
    assert ends == {("support-bot", "mail-sorter"), ("mail-sorter", "support-bot")}


def test_the_flow_has_a_band_per_pair_in_the_colour_of_its_gain(visit: Visit, judged: Path) -> None:
    at = visit(judged, "transfer", benchmark="reviews")

    (chart,) = at.get("echarts_chart")
    bands = json.loads(chart.proto.spec)["series"][0]["links"]
    colours = {(band["source"], band["target"].rstrip("\u200b")): band["lineStyle"]["color"] for band in bands}
    assert len(colours) == 5
    assert colours["support-bot", "mail-sorter"] == colours[NASTY, "mail-sorter"]
    assert colours["watch", "mail-sorter"] == colours["mail-sorter", "support-bot"]
    assert len(set(colours.values())) == 3


@pytest.mark.parametrize(
    ("page", "key", "address"),
    [
        ("versions", "versions", {"agent": "support-bot", "benchmark": "reviews"}),
        ("versions", "versions", {"agent": "watch", "workspace": "lab"}),
        ("versions", "versions", {"agent": NASTY}),
        ("evolution", "evolution", {"agent": "support-bot", "benchmark": "reviews"}),
        ("evolution", "evolution", {"agent": "support-bot", "benchmark": "latency", "version": "6"}),
        ("evolution", "evolution", {"agent": "watch", "workspace": "lab", "version": "1"}),
        ("transfer", "transfers", {"benchmark": "reviews"}),
        ("transfer", "transfers-pairs", {"benchmark": "reviews"}),
        ("transfer", "transfers-pairs", {"agent": NASTY, "workspace": "default"}),
    ],
)
def test_the_sql_shown_gives_the_same_numbers_in_a_shell(
    visit: Visit, judged: Path, page: str, key: str, address: dict[str, str]
) -> None:
    at = opened(visit, judged, page, key, **address)

    check_sql(judged, at)


@pytest.mark.parametrize("page", PAGES)
def test_a_name_with_markdown_fetches_nothing(visit: Visit, judged: Path, page: str) -> None:
    at = visit(judged, page, agent=NASTY)

    assert at.selectbox(key="agent").value == NASTY
    assert "![x](" not in texts(at)
    assert not [metric for metric in at.metric if "![x](" in f"{metric.label} {metric.value} {metric.delta}"]


@pytest.mark.parametrize("page", PAGES)
def test_an_address_that_fits_nothing_falls_back(visit: Visit, judged: Path, page: str) -> None:
    at = visit(judged, page, agent="nobody", benchmark="none")

    assert at.metric


@pytest.mark.parametrize("page", PAGES)
def test_verdicts_are_explained(visit: Visit, judged: Path, page: str) -> None:
    at = visit(judged, page)

    assert "What the verdicts mean" in [expander.label for expander in at.expander]


@pytest.mark.parametrize("page", PAGES)
def test_an_empty_yard_says_what_makes_such_data(visit: Visit, empty: Path, page: str) -> None:
    at = visit(empty, page)

    assert [button.proto.type for button in at.button] == ["primary"]
    assert not at.metric
    assert "training" in texts(at)


@pytest.mark.parametrize("page", PAGES)
def test_no_yard_is_a_sentence_with_the_remedy(visit: Visit, tmp_path: Path, page: str) -> None:
    at = visit(tmp_path / "nowhere", page)

    assert "There is no yard" in at.info[0].value


@pytest.mark.parametrize("page", PAGES)
def test_a_broken_snapshot_is_a_sentence_with_the_remedy(visit: Visit, judged: Path, tmp_path: Path, page: str) -> None:
    home = tmp_path / "broken"
    shutil.copytree(judged, home, symlinks=True)
    for snapshot in (home / "store").glob("snapshot-*.duckdb"):
        snapshot.write_bytes(b"not a database" * 1000)

    at = visit(home, page)

    assert "cannot be read" in at.error[0].value
    assert "rebuild" in at.error[0].value


def test_runs_without_a_benchmark_are_versions_without_a_score(visit: Visit, full: tuple[Path, Any]) -> None:
    """A yard that never ran a benchmark: no page breaks, and none makes a number up."""
    for page in PAGES:
        at = visit(full[0], page)
        assert not [value for value, _ in figures(at).values() if "nan" in value.lower()]
