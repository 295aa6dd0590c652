"""Every page in a real browser, light and dark: drawn, quiet, and within the frame."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pytest
from playwright.sync_api import Page, expect
from served import Served, look_over, settled

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "app"))

from yards import full_yard

Looked = tuple[Served, dict[str, UUID]]


@pytest.fixture(scope="module")
def looked(serve_yard: Callable[[Path], Served], tmp_path_factory: pytest.TempPathFactory) -> Looked:
    home = tmp_path_factory.mktemp("looks") / "yard"
    ids = full_yard(home)
    return serve_yard(home), ids


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_are_drawn_in_both_themes(
    looked: Looked, open_browser: Callable[..., Page], scheme: str, tmp_path: Path
) -> None:
    served, ids = looked
    page = open_browser(served.url, scheme=scheme)
    watch = ids["watch-cnn"]
    live = f"/live?run={ids['watch-cnn-live']}"
    curves = {f"/run?id={watch}": 1, f"/run?id={watch}&tab=Curves": 3}
    look_over(page, {"/": 0, "/launch": 1, "/datasets": 1, "/presets": 0, live: 0, **curves}, tmp_path)
    background = page.evaluate("getComputedStyle(document.querySelector('[data-testid=stApp]')).backgroundColor")
    assert background == ("rgb(255, 255, 255)" if scheme == "light" else "rgb(16, 22, 29)")


@pytest.mark.slow
def test_a_row_of_the_overview_opens_its_run(looked: Looked, open_browser: Callable[..., Page]) -> None:
    page = open_browser(looked[0].url)
    page.goto("/")
    settled(page)
    table = page.get_by_test_id("stDataFrame")
    table.wait_for()

    # The table is a canvas: status 112 px, run 150 px, then the button; rows are 35 px high under the header.
    table.click(position={"x": 112 + 150 + 36, "y": 35 + 35 + 17})

    expect(page.get_by_role("heading", name="Run detail")).to_be_visible(timeout=15_000)
    expect(page.get_by_role("heading", name="watch-cnn-live")).to_be_visible(timeout=15_000)


def test_cancelling_asks_and_then_does_it(looked: Looked, open_browser: Callable[..., Page]) -> None:
    page = open_browser(looked[0].url)
    page.goto(f"/live?run={looked[1]['watch-cnn-next']}")
    settled(page)

    page.get_by_role("button", name="Cancel run").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("finishes its step")
    dialog.get_by_role("button", name="Keep running").click()
    expect(dialog).to_have_count(0, timeout=15_000)
    expect(page.get_by_test_id("stMain").get_by_text("queued").first).to_be_visible()

    page.get_by_role("button", name="Cancel run").click()
    dialog.get_by_role("button", name="Cancel run").click()
    expect(dialog).to_have_count(0, timeout=15_000)
    expect(page.get_by_test_id("stMain").get_by_text("cancelled").first).to_be_visible(timeout=15_000)
    expect(page.get_by_role("button", name="Resume")).to_be_visible()


@pytest.mark.slow
def test_the_launch_form_shows_what_it_launches_after_a_change_of_the_model(
    looked: Looked, open_browser: Callable[..., Page]
) -> None:
    """A browser keeps what it shows for a widget of the same key, whatever the page thinks."""
    page = open_browser(looked[0].url)
    page.goto("/launch")
    settled(page)
    page.get_by_role("combobox", name="Model", exact=True).click()
    page.get_by_role("option", name="Causal language model").click()
    settled(page)
    expect(page.get_by_role("combobox", name="Method")).to_have_value("lora")
    expect(page.get_by_role("combobox", name="Split by")).to_have_value("random")
    expect(page.get_by_test_id("stCode").first).to_contain_text("perplexity")
