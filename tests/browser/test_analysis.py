"""The pages that compare, count waste and answer SQL in a real browser: drawn in both themes, and worked with."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pytest
from playwright.sync_api import Locator, Page, expect
from served import Served, look_over, settled

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "app"))

from yards import full_yard

Looked = tuple[Served, dict[str, UUID]]
ADDRESSES = {
    "/compare": 1,
    "/waste": 1,
    "/waste?waste-tab=What%20if": 2,
    "/waste?waste-tab=Worst%20offenders": 0,
    "/waste?waste-tab=Efficiency": 1,
    "/sql": 0,
}


@pytest.fixture(scope="module")
def looked(serve_yard: Callable[[Path], Served], tmp_path_factory: pytest.TempPathFactory) -> Looked:
    home = tmp_path_factory.mktemp("analysis") / "yard"
    ids = full_yard(home)
    return serve_yard(home), ids


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_are_drawn_in_both_themes(
    looked: Looked, open_browser: Callable[..., Page], scheme: str, tmp_path: Path
) -> None:
    page = open_browser(looked[0].url, scheme=scheme)
    look_over(page, ADDRESSES, tmp_path)

    page.goto("/sql?sql-part=Lineage&lineage-view=run_report&lineage-column=wasted_cost_usd")
    settled(page)
    expect(page.get_by_test_id("stGraphVizChart").locator("g.node")).to_have_count(6, timeout=15_000)


def chart_of(page: Page, words: str) -> Locator:
    """A chart's words are on the buttons of its toolbar too."""
    return page.get_by_role("button", name=re.compile(f"^Show data: .* of {words}$"))


@pytest.mark.slow
def test_a_ticked_row_joins_the_chart_and_the_address(looked: Looked, open_browser: Callable[..., Page]) -> None:
    page = open_browser(looked[0].url)
    ids = looked[1]
    page.goto(f"/compare?runs={ids['watch-cnn-wide']}")
    settled(page)
    expect(chart_of(page, "1 run; baseline watch-cnn-wide")).to_have_count(1)

    # The table is a canvas: rows are 35 px high under the header; the seventh is the run that was queued first.
    page.get_by_test_id("stDataFrame").first.click(position={"x": 18, "y": 35 + 35 * 6 + 17})

    expect(chart_of(page, "2 runs; baseline watch-cnn-wide")).to_have_count(1)
    page.wait_for_url(re.compile(f"runs={ids['watch-cnn-wide']}%2C{ids['watch-cnn']}"))
    page.reload()
    settled(page)
    expect(chart_of(page, "2 runs; baseline watch-cnn-wide")).to_have_count(1)


@pytest.mark.slow
def test_dragging_across_the_chart_asks_for_that_range_and_there_is_a_way_back(
    looked: Looked, open_browser: Callable[..., Page], tmp_path: Path
) -> None:
    page = open_browser(looked[0].url)
    page.goto(f"/compare?runs={looked[1]['watch-cnn']}")
    settled(page)
    expect(page.get_by_text("60 of 60 points shown")).to_be_visible()
    drawn = page.get_by_test_id("stVegaLiteChart").locator("svg, canvas").first
    drawn.scroll_into_view_if_needed()
    box = drawn.bounding_box()
    assert box is not None

    page.mouse.move(box["x"] + 0.45 * box["width"], box["y"] + 0.5 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.55 * box["width"], box["y"] + 0.4 * box["height"], steps=5)
    page.mouse.move(box["x"] + 0.65 * box["width"], box["y"] + 0.5 * box["height"], steps=5)
    page.screenshot(path=tmp_path / "dragging.png")
    page.mouse.up()

    closer = page.get_by_text(re.compile(r"^1\d of 1\d points shown"))
    expect(closer).to_be_visible(timeout=15_000)
    settled(page)
    page.screenshot(path=tmp_path / "closer.png")
    page.get_by_role("button", name="Whole run").click()
    expect(page.get_by_text("60 of 60 points shown")).to_be_visible(timeout=15_000)
    expect(page.get_by_role("button", name="Whole run")).to_have_count(0)

    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 0.5 * box["height"])
    expect(page.locator("#vg-tooltip-element")).to_contain_text("A · watch-cnn")


def test_dragging_across_a_runs_losses_shows_that_range_of_all_its_curves(
    looked: Looked, open_browser: Callable[..., Page], tmp_path: Path
) -> None:
    page = open_browser(looked[0].url)
    page.goto(f"/run?id={looked[1]['watch-cnn']}&tab=Curves")
    settled(page)
    drawn = page.get_by_test_id("stVegaLiteChart").locator("svg, canvas").first
    drawn.scroll_into_view_if_needed()
    box = drawn.bounding_box()
    assert box is not None

    page.mouse.move(box["x"] + 0.4 * box["width"], box["y"] + 0.5 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 0.4 * box["height"], steps=5)
    page.mouse.move(box["x"] + 0.65 * box["width"], box["y"] + 0.5 * box["height"], steps=5)
    page.mouse.up()

    expect(page.get_by_text(re.compile(r"^1\d of 1\d points shown$")).first).to_be_visible(timeout=15_000)
    settled(page)
    page.screenshot(path=tmp_path / "closer.png", full_page=True)
    page.get_by_role("button", name="Whole run").click()
    expect(page.get_by_text(re.compile(r"points shown"))).to_have_count(0, timeout=15_000)


@pytest.mark.slow
def test_an_offender_opens_its_run(looked: Looked, open_browser: Callable[..., Page]) -> None:
    page = open_browser(looked[0].url)
    page.goto("/waste?waste-tab=Worst%20offenders")
    settled(page)

    page.get_by_test_id("stDataFrame").first.click(position={"x": 140 + 34, "y": 35 + 17})

    expect(page.get_by_role("heading", name="watch-cnn", exact=True)).to_be_visible(timeout=15_000)


def test_a_statement_is_run_and_its_answer_downloaded(
    looked: Looked, open_browser: Callable[..., Page], tmp_path: Path
) -> None:
    page = open_browser(looked[0].url)
    page.goto("/sql")
    settled(page)
    page.get_by_label("Statement", exact=True).fill("SELECT name, seed FROM runs WHERE status = 'failed'")
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.get_by_text("1 row · data version")).to_be_visible(timeout=30_000)

    with page.expect_download() as download:
        page.get_by_role("button", name="CSV", exact=True).click()
    download.value.save_as(tmp_path / "answer.csv")

    assert (tmp_path / "answer.csv").read_text() == '"name","seed"\n"reviews-lora-hot",1\n'
