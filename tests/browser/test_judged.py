"""Versions, Evolution and Transfer in a real browser, light and dark: drawn, quiet, and within the frame."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from served import Served, look_over, settled

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "app"))

from judged import judged_yard

ADDRESSES = {
    "/versions?agent=support-bot&benchmark=reviews": 3,
    "/evolution?agent=support-bot&benchmark=reviews": 2,
    "/evolution?agent=support-bot&benchmark=latency&by-time=true&version=6": 2,
    "/transfer?benchmark=reviews": 1,
}


@pytest.fixture(scope="module")
def judged(serve_yard: Callable[[Path], Served], tmp_path_factory: pytest.TempPathFactory) -> Served:
    home = tmp_path_factory.mktemp("judged") / "yard"
    judged_yard(home)
    return serve_yard(home)


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_judged_pages_are_drawn_in_both_themes(
    judged: Served, open_browser: Callable[..., Page], scheme: str, tmp_path: Path
) -> None:
    look_over(open_browser(judged.url, scheme=scheme), ADDRESSES, tmp_path)


@pytest.mark.slow
def test_a_version_opens_the_run_that_made_it(judged: Served, open_browser: Callable[..., Page]) -> None:
    page = open_browser(judged.url)
    page.goto("/versions?agent=support-bot&benchmark=reviews")
    settled(page)
    table = page.get_by_test_id("stDataFrame").last
    table.wait_for()

    # The table is a canvas: version 70 px, then the button; rows are 35 px high under the header.
    table.click(position={"x": 70 + 38, "y": 35 + 35 + 17})

    expect(page.get_by_role("heading", name="Run detail")).to_be_visible(timeout=15_000)
    expect(page.get_by_role("heading", name="support-bot 7")).to_be_visible()
