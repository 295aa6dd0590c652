"""The main journey in a real browser: Launch form, live chart, end of the run, Run detail."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from served import Served, settled

from runyard.core.paths import Yard
from runyard.store.store import Store

SECONDS = 1000


@pytest.fixture(scope="module")
def served(serve_yard: Callable[[Path], Served], tmp_path_factory: pytest.TempPathFactory) -> Served:
    return serve_yard(tmp_path_factory.mktemp("journey") / "yard")


def runs(served: Served) -> list[tuple[str, str]]:
    return Store(Yard(served.home)).read("SELECT name, status FROM runs ORDER BY queued_at").rows()


def fill(page: Page, label: str, value: str) -> None:
    box = page.get_by_label(label, exact=True)
    box.fill(value)
    box.press("Tab")
    settled(page)


def test_from_the_form_to_the_judged_result(served: Served, open_browser: Callable[..., Page]) -> None:
    page = open_browser(served.url)
    page.goto("/")
    settled(page)
    page.get_by_role("button", name="Launch the first run").click()
    expect(page.get_by_role("heading", name="Launch")).to_be_visible()
    settled(page)

    # The browser itself refuses a name that the model's pattern forbids; the server never sees it.
    page.get_by_label("Name", exact=True).fill("/no")
    page.get_by_label("Name", exact=True).press("Tab")
    expect(page.get_by_text("must match")).to_be_visible()
    fill(page, "Name", "digits journey")
    fill(page, "Epochs", "30")
    fill(page, "Learning rate", "3e-3")
    expect(page.get_by_text("digits-journey.yaml")).to_be_visible()
    assert "epochs: 30" in page.get_by_test_id("stCode").first.inner_text()

    page.get_by_role("button", name="Start run").dblclick()
    expect(page.get_by_role("heading", name="Live")).to_be_visible(timeout=20 * SECONDS)
    page.wait_for_url(re.compile(r"/live\?run="))

    chart = page.get_by_role("img", name=re.compile("^Loss over"))
    expect(chart).to_be_visible(timeout=90 * SECONDS)
    bar = page.get_by_test_id("stProgress")
    expect(bar).to_contain_text(re.compile(r"epoch ([3-9]|[12]\d|30) of 30"), timeout=90 * SECONDS)
    handle = chart.element_handle()
    assert handle is not None
    expect(bar).to_contain_text("epoch 30 of 30", timeout=90 * SECONDS)
    assert handle.evaluate("node => node.isConnected"), "the chart was replaced, so it flickered"
    expect(page.get_by_test_id("stMain").get_by_text("completed").first).to_be_visible(timeout=60 * SECONDS)

    page.get_by_role("button", name="Details").click()
    expect(page.get_by_role("heading", name="Run detail")).to_be_visible()
    expect(page.get_by_test_id("stMetric").filter(has_text="Best validation loss")).to_contain_text(
        re.compile(r"\d\.\d+"), timeout=30 * SECONDS
    )
    page.get_by_role("tab", name="Curves").click()
    page.get_by_test_id("stVegaLiteChart").locator("svg, canvas").first.wait_for()
    settled(page)
    assert runs(served) == [("digits journey", "completed")], "a double click launches once"
