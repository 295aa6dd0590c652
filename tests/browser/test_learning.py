"""Continuous learning in a real browser, light and dark: drawn, quiet, and within the frame."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page
from served import Served, look_over

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "app"))

from taught import taught_yard

ADDRESSES = {
    "/learning?agent=support-bot&benchmark=reviews": 6,
    "/learning?agent=support-bot&benchmark=latency": 6,
    "/learning?agent=watch&benchmark=gestures": 2,
    "/learning?agent=mail-sorter&benchmark=reviews": 1,
}


@pytest.fixture(scope="module")
def taught(serve_yard: Callable[[Path], Served], tmp_path_factory: pytest.TempPathFactory) -> Served:
    home = tmp_path_factory.mktemp("taught") / "yard"
    taught_yard(home)
    return serve_yard(home)


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_is_drawn_in_both_themes(
    taught: Served, open_browser: Callable[..., Page], scheme: str, tmp_path: Path
) -> None:
    look_over(open_browser(taught.url, scheme=scheme), ADDRESSES, tmp_path)
